"""The inbox: what gateways tell us, kept with its bytes and a verdict in words."""

from tongbao.callbacks.model import KeptNotice, Verdict
from tongbao.callbacks.service import get_notice, notices_of_order, receive

__all__ = ["KeptNotice", "Verdict", "get_notice", "notices_of_order", "receive"]
