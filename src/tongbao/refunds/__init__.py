"""Money going back: what merchants give back, and what came in that was not needed."""

from tongbao.refunds.chase import chase_due, return_surplus
from tongbao.refunds.model import Origin, Refund, RefundDraft, RefundState, Requested
from tongbao.refunds.rules import HANDED_OVER, Decision, Verdict
from tongbao.refunds.service import (
    backlog,
    confirm_abnormal,
    get_refund,
    hand_over,
    redirect,
    refunds_of,
    request,
    return_payment,
)
from tongbao.refunds.settling import Settled, settle
from tongbao.refunds.views import refund_view

__all__ = [
    "HANDED_OVER",
    "Decision",
    "Origin",
    "Refund",
    "RefundDraft",
    "RefundState",
    "Requested",
    "Settled",
    "Verdict",
    "backlog",
    "chase_due",
    "confirm_abnormal",
    "get_refund",
    "hand_over",
    "redirect",
    "refund_view",
    "refunds_of",
    "request",
    "return_payment",
    "return_surplus",
    "settle",
]
