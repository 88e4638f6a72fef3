"""Orders, and the attempts to collect them."""

from tongbao.payments.chase import chase_due, expire_due
from tongbao.payments.collecting import collect
from tongbao.payments.model import Attempt, AttemptState, Choice, Draft, Opened, Order, OrderStatus, Payer, Started
from tongbao.payments.prefetching import refresh_due
from tongbao.payments.rules import Decision, LatePayment, Resolution, Verdict, resolutions
from tongbao.payments.service import PREFETCH_TOPIC, close, create_order, get_order, start
from tongbao.payments.settling import (
    SURPLUS_TOPIC,
    Settled,
    confirm_held,
    open_outside_case,
    resolve_held,
    settle,
    surplus_key,
    unanswered,
)
from tongbao.payments.store import attempt as find_attempt
from tongbao.payments.store import attempts_to_return, backlog, change_refunded, take_back
from tongbao.payments.views import attempt_view, order_view

__all__ = [
    "PREFETCH_TOPIC",
    "SURPLUS_TOPIC",
    "Attempt",
    "AttemptState",
    "Choice",
    "Decision",
    "Draft",
    "LatePayment",
    "Opened",
    "Order",
    "OrderStatus",
    "Payer",
    "Resolution",
    "Settled",
    "Started",
    "Verdict",
    "attempt_view",
    "attempts_to_return",
    "backlog",
    "change_refunded",
    "chase_due",
    "close",
    "collect",
    "confirm_held",
    "create_order",
    "expire_due",
    "find_attempt",
    "get_order",
    "open_outside_case",
    "order_view",
    "refresh_due",
    "resolutions",
    "resolve_held",
    "settle",
    "start",
    "surplus_key",
    "take_back",
    "unanswered",
]
