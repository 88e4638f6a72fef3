"""Payment gateways in a box: stateful, signed stand-ins, for testing without a merchant account.

A program of its own. It shares no code with `tongbao`; the two meet only over HTTP.
"""
