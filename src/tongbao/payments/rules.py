"""The decisions about payments, pure: values in, a decision out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tongbao.channels import PaymentFact, PaymentState
from tongbao.kit.errors import Refusal
from tongbao.kit.money import MAX_AMOUNT
from tongbao.payments.model import MOVES, OPEN_STATES, Attempt, AttemptState, Choice, Order, OrderStatus

_ASK_AFTER_SECONDS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_CODE_ASK_SECONDS, _CODE_ASKS = 5, 60
_CODE_PATIENCE = timedelta(seconds=60)
_LAST_LOOK = timedelta(seconds=60)
_FIRST_LOOK, _SECOND_LOOK = timedelta(minutes=1), timedelta(minutes=5)
_TOKEN_MARGIN = timedelta(seconds=30)
_LONGEST_REFRESH_MARGIN = timedelta(minutes=10)
_NOT_THE_SAME_TWICE = frozenset({"payer_ip"})
CODE_HASH = "code_hash"
"""By which option of an attempt a scanned code is known again."""
REVERSING, REVERSED = "reversing", "reversed"
"""Why a payment of a scanned code that nobody could be sure of is being closed, or is."""
_OURS = frozenset({"wrong_amount", "wrong_app"})
"""Mismatches in which the money came to our account all the same."""
ACCEPTED, RETURNED, DISMISSED = "accepted", "returned", "dismissed"
"""Why an attempt is what it is, where a person decided that."""


class Verdict(enum.StrEnum):
    """What a gateway's word comes to."""

    SUCCEEDED = "succeeded"
    SURPLUS = "surplus"
    HELD = "held"
    FAILED = "failed"
    CLOSED = "closed"
    MISMATCHED = "mismatched"
    DOUBTED = "doubted"
    REPEATED = "repeated"
    NO_NEWS = "no_news"
    UNKNOWN_PAYMENT = "unknown_payment"


class LatePayment(enum.StrEnum):
    """What a merchant wants done with money that comes in after its order was closed."""

    RETURN = "return"
    REVIVE = "revive"


class Resolution(enum.StrEnum):
    """What a person can decide about a held payment.

    accept: the order is paid, with what came in · return: what came in goes back to the buyer ·
    dismiss: it is not our money, and nothing moves.
    """

    ACCEPT = "accept"
    RETURN = "return"
    DISMISS = "dismiss"


PAID_VERDICTS = frozenset({Verdict.SUCCEEDED, Verdict.SURPLUS, Verdict.HELD, Verdict.REPEATED, Verdict.MISMATCHED})
"""Of what was asked while an attempt was open: money came in, or may have."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and a code for why where it needs one."""

    verdict: Verdict
    reason: str | None = None


def decide(
    attempt: Attempt,
    order: Order,
    fact: PaymentFact,
    merchant_number: str,
    late_payment: str = LatePayment.RETURN,
    *,
    asked: bool = False,
) -> Decision:
    """What a gateway's word about an attempt comes to: the one place where that is decided.

    Once we have asked for a payment to be reversed no success of it counts: it may be from before, and the money gone.

    `merchant_number` is our own number at that gateway; a fact about anybody else's money is held. `asked`: it is the
    answer to a question of now, and no notice that may have been on its way since before we reversed the payment.
    """
    if fact.state is PaymentState.PENDING:
        return Decision(Verdict.NO_NEWS)
    if attempt.state in (AttemptState.SUCCEEDED, AttemptState.SURPLUS):
        contradiction = _contradiction(attempt, fact, merchant_number)
        return Decision(Verdict.MISMATCHED, contradiction) if contradiction else Decision(Verdict.REPEATED)
    if fact.state in (PaymentState.FAILED, PaymentState.CLOSED):
        return _not_paid(attempt, Verdict(fact.state.value), fact.raw_state)
    if attempt.reason == REVERSING or (attempt.reason == REVERSED and not asked):
        return Decision(Verdict.DOUBTED, attempt.reason)
    mismatch = _mismatch(attempt, fact, merchant_number)
    if mismatch and (attempt.state == AttemptState.HELD or attempt.reason == DISMISSED):
        return Decision(Verdict.REPEATED, mismatch)
    if mismatch:
        return Decision(Verdict.HELD, mismatch)
    if order.status == OrderStatus.PAID:
        return Decision(Verdict.SURPLUS, "order_already_paid")
    if order.status == OrderStatus.CLOSED and late_payment != LatePayment.REVIVE:
        return Decision(Verdict.SURPLUS, "order_closed")
    return Decision(Verdict.SUCCEEDED, "revived" if order.status == OrderStatus.CLOSED else None)


def amount_held(fact: PaymentFact) -> int | None:
    """What a gateway says came in, of a payment that is held; None where that is no sum of money."""
    return fact.amount if fact.amount is not None and 0 < fact.amount <= MAX_AMOUNT else None


def resolutions(reason: str | None, received_amount: int | None, order_status: str) -> tuple[Resolution, ...]:
    """What a person can decide about a held payment. Money that is not in our account can only be dismissed."""
    if reason not in _OURS or received_amount is None:
        return (Resolution.DISMISS,)
    if order_status == OrderStatus.PAID:
        return (Resolution.RETURN, Resolution.DISMISS)
    return (Resolution.ACCEPT, Resolution.RETURN, Resolution.DISMISS)


def resolve(attempt: Attempt, order: Order, resolution: str) -> Decision:
    """A person's decision about a held payment.

    Raises Refusal: `payment_not_held` (409), `unknown_resolution` (422, with the `resolutions` there are).
    """
    if attempt.state != AttemptState.HELD:
        raise Refusal("payment_not_held", 409, state=attempt.state)
    possible = resolutions(attempt.reason, attempt.received_amount, order.status)
    if resolution not in possible:
        raise Refusal("unknown_resolution", 422, resolutions=", ".join(possible))
    return {
        Resolution.ACCEPT: Decision(Verdict.SUCCEEDED, ACCEPTED),
        Resolution.RETURN: Decision(Verdict.SURPLUS, RETURNED),
        Resolution.DISMISS: Decision(Verdict.FAILED, DISMISSED),
    }[Resolution(resolution)]


def _contradiction(attempt: Attempt, fact: PaymentFact, merchant_number: str) -> str | None:
    """In what a gateway's word contradicts a payment that we have counted."""
    if fact.state is PaymentState.CLOSED and attempt.refundable == 0:
        return None  # A payment that went back to its last fen is closed at some gateways (Alipay, 4.3).
    if fact.state is not PaymentState.SUCCEEDED:
        return "not_paid"
    if fact.amount != attempt.collected:
        return "wrong_amount"
    # What a person accepted or returned differs otherwise from what was asked for: that was decided.
    return None if attempt.reason in (ACCEPTED, RETURNED) else _mismatch(attempt, fact, merchant_number)


def _not_paid(attempt: Attempt, verdict: Verdict, raw_state: str) -> Decision:
    if AttemptState(verdict.value) in MOVES[AttemptState(attempt.state)]:
        return Decision(verdict, raw_state)
    return Decision(Verdict.REPEATED)


def _mismatch(attempt: Attempt, fact: PaymentFact, merchant_number: str) -> str | None:
    """The first thing in which a success differs from what we asked for. What the gateway left out, differs."""
    if fact.merchant_number != merchant_number:
        return "wrong_merchant"
    if fact.app_id != attempt.app_id:
        return "wrong_app"
    if fact.currency != attempt.currency:
        return "wrong_currency"
    if fact.amount != attempt.amount:
        return "wrong_amount"
    return None


def check_payable(order: Order, now: datetime) -> None:
    """Refuse to collect an order that cannot be paid any more."""
    if order.status == OrderStatus.PAID:
        raise Refusal("order_paid", 409, order_id=order.order_id)
    if order.status == OrderStatus.CLOSED:
        raise Refusal("order_closed", 409, order_id=order.order_id)
    if order.expires_at <= now:
        raise Refusal("order_expired", 409, order_id=order.order_id)


def attempt_to_resume(attempts: tuple[Attempt, ...], choice: Choice, wanted: Attempt) -> Attempt | None:
    """An open attempt of the same kind as the wanted one, by the same payer: a double tap continues it, it does not
    make another."""
    if choice.fresh:
        return None
    for attempt in attempts:
        same_way = (attempt.channel, attempt.method, attempt.host) == (wanted.channel, wanted.method, wanted.host)
        same_payer = wanted.payer is None or (attempt.payer, attempt.app_id) == (wanted.payer, wanted.app_id)
        same_options = _lasting(attempt.options) == _lasting(wanted.options)
        if same_way and same_payer and same_options and is_payable(attempt):
            return attempt
    return None


def _lasting(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in _NOT_THE_SAME_TWICE}


def is_payable(attempt: Attempt) -> bool:
    """Whether the buyer can still pay by it."""
    return attempt.state in (AttemptState.CREATED, AttemptState.PENDING)


def has_usable_token(attempt: Attempt, now: datetime) -> bool:
    """Whether the buyer can still pay with the token the gateway gave, with a margin for the way to the phone."""
    return attempt.token is not None and attempt.token_until is not None and attempt.token_until > now + _TOKEN_MARGIN


def next_ask_at(asked: int, now: datetime, *, scans_buyer: bool = False) -> datetime:
    """The chase: when to ask the gateway again, growing from five seconds to an hour, for as long as it takes.

    At a counter people wait: a scanned code is asked about every five seconds, and soon reversed (WeChat Pay v3, 2.3;
    Alipay, 4.5).
    """
    if scans_buyer:
        if asked < _CODE_ASKS:
            return now + timedelta(seconds=_CODE_ASK_SECONDS)
        asked -= _CODE_ASKS
    return now + timedelta(seconds=_ASK_AFTER_SECONDS[min(asked, len(_ASK_AFTER_SECONDS) - 1)])


def is_to_be_reversed(attempt: Attempt, now: datetime) -> bool:
    """Whether a scanned code has been asked about for long enough without an end."""
    return now >= attempt.created_at + _CODE_PATIENCE


def last_look_at(order: Order, now: datetime) -> datetime:
    """When nobody can pay any more by a method whose gateway first hears of a payment when the buyer comes."""
    return max(order.expires_at, now) + _LAST_LOOK


def look_again_at(attempt: Attempt, now: datetime) -> datetime | None:
    """When a scanned code is looked at again whose gateway knew of no payment to reverse: what asked for it may still
    be on its way there. After ten minutes nothing is."""
    at = now + (_FIRST_LOOK if now < attempt.created_at + _FIRST_LOOK else _SECOND_LOOK)
    return at if now < attempt.created_at + _SECOND_LOOK * 2 else None


def refresh_at(usable_until: datetime, order: Order, now: datetime) -> datetime | None:
    """When prefetched parameters are prepared anew, before they expire; None where the order ends first."""
    again_at = usable_until - min(_LONGEST_REFRESH_MARGIN, (usable_until - now) / 5)
    return again_at if again_at < order.expires_at else None


def is_open(attempt: Attempt) -> bool:
    """Whether the gateway still owes a final answer."""
    return attempt.state in OPEN_STATES
