"""What a company's channel and its host have in common: how its open platform is spoken to, one folder each.

Here are keys, signatures, envelopes and the one call they all go through; no payments, and no people who log in.
"""
