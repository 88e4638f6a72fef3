"""The inbox: what gateways tell us, kept with its bytes and a verdict in words."""

from tongbao.callbacks.model import KeptNotice, Verdict
from tongbao.callbacks.service import notices_of, receive

__all__ = ["KeptNotice", "Verdict", "notices_of", "receive"]
