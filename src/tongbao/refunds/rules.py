"""The decisions about refunds, pure: values in, a decision out."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tongbao.channels import RefundFact
from tongbao.channels import RefundState as Said
from tongbao.kit.errors import Refusal
from tongbao.payments import Attempt
from tongbao.refunds.model import MOVES, Refund, RefundState

_ASK_AFTER_SECONDS = (5, 10, 20, 40, 60, 120, 300, 600, 900, 1800, 3600)
_DOUBT_LASTS = timedelta(days=1)
HANDED_OVER = "handled_outside"
"""Why an abnormal refund is none that a person must see to: the buyer got the money by another way."""


class Verdict(enum.StrEnum):
    """What a gateway's word about a refund comes to."""

    MOVED = "moved"
    REPEATED = "repeated"
    NO_NEWS = "no_news"
    MISMATCHED = "mismatched"
    UNKNOWN_REFUND = "unknown_refund"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict; the state it moves to where it moves; a code for why where it needs one."""

    verdict: Verdict
    state: RefundState | None = None
    reason: str | None = None


def decide(refund: Refund, fact: RefundFact, merchant_number: str, asked_version: int | None = None) -> Decision:
    """What a gateway's word about a refund comes to: the one place where that is decided.

    `asked_version` is the refund's version when we asked for this word: that an abnormal one is under way again is news
    only if it was known to be abnormal before the question.
    """
    mismatch = _mismatch(refund, fact, merchant_number)
    if mismatch:
        return Decision(Verdict.MISMATCHED, reason=mismatch)
    is_handed_over = refund.state_reason == HANDED_OVER
    if fact.state is Said.PENDING:
        goes_again = refund.state == RefundState.ABNORMAL and not is_handed_over and asked_version == refund.version
        is_news = refund.state == RefundState.REQUESTED or goes_again
        return Decision(Verdict.MOVED, RefundState.SENT) if is_news else Decision(Verdict.NO_NEWS)
    state = RefundState(fact.state.value)
    # Of what was handed over only one thing can still matter: that the gateway paid it, too.
    if state not in MOVES[RefundState(refund.state)] or (is_handed_over and state is not RefundState.SUCCEEDED):
        return Decision(Verdict.REPEATED)
    return Decision(Verdict.MOVED, state, None if state is RefundState.SUCCEEDED else fact.raw_state)


def _mismatch(refund: Refund, fact: RefundFact, merchant_number: str) -> str | None:
    """What first makes their word differ from what we asked for. A result must say whose it is; how much, not every
    gateway's notice says (Alipay's tells the sum of all refunds): the number stands for its sum, which nobody changes.
    """
    is_result = fact.state is not Said.PENDING
    if fact.merchant_number not in (None, merchant_number):
        return "wrong_merchant"
    if fact.attempt_id != refund.attempt_id and (is_result or fact.attempt_id):
        return "wrong_payment"
    if fact.amount not in (None, refund.amount):
        return "wrong_amount"
    if fact.currency not in (None, refund.currency):
        return "wrong_currency"
    return None


def sum_to_refund(paid: Attempt, wanted: int | None) -> int:
    """How much goes back of a payment; without a wish all that is left. Raises Refusal `refund_exceeds` (409)."""
    amount = paid.refundable if wanted is None else wanted
    if not 0 < amount <= paid.refundable:
        raise Refusal("refund_exceeds", 409, order_id=paid.order_id, left=max(0, paid.refundable))
    return amount


def check_count(before: Sequence[Refund], most: int) -> None:
    """Gateways take only so many refunds of one payment; what they never took does not count.

    Raises Refusal `too_many_refunds` (409).
    """
    if sum(each.state != RefundState.CLOSED or each.sent_at is not None for each in before) >= most:
        raise Refusal("too_many_refunds", 409, most=most)


def may_give_up(refund: Refund, now: datetime) -> bool:
    """Whether a certain no closes a refund. Where an earlier try was not answered it may still be taken on late: then
    it is asked for another day first."""
    return not refund.in_doubt or refund.created_at + _DOUBT_LASTS <= now


def next_ask_at(asked: int, now: datetime) -> datetime:
    """When to send or ask again, growing from five seconds to an hour, for as long as it takes."""
    return now + timedelta(seconds=_ASK_AFTER_SECONDS[min(asked, len(_ASK_AFTER_SECONDS) - 1)])
