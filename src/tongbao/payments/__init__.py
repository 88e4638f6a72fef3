"""Orders, and the attempts to collect them."""

from tongbao.payments.chase import chase_due, expire_due
from tongbao.payments.model import Attempt, Choice, Draft, Opened, Order, OrderStatus, Payer, Started
from tongbao.payments.rules import Decision, Verdict
from tongbao.payments.service import close, create_order, get_order, start
from tongbao.payments.settling import Settled, settle
from tongbao.payments.store import backlog
from tongbao.payments.views import attempt_view, order_view

__all__ = [
    "Attempt",
    "Choice",
    "Decision",
    "Draft",
    "Opened",
    "Order",
    "OrderStatus",
    "Payer",
    "Settled",
    "Started",
    "Verdict",
    "attempt_view",
    "backlog",
    "chase_due",
    "close",
    "create_order",
    "expire_due",
    "get_order",
    "order_view",
    "settle",
    "start",
]
