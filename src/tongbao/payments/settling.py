"""The one door for a gateway's word about a payment, whichever way it came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from tongbao import ledger, webhooks
from tongbao.channels import Channel, PaymentFact
from tongbao.kit import clock, ids, signals
from tongbao.kit.db import Db, Tx
from tongbao.merchants import Account
from tongbao.payments import rules, store
from tongbao.payments.model import Attempt, AttemptState, Order, OrderStatus
from tongbao.payments.rules import Decision, Verdict
from tongbao.payments.views import attempt_view, order_view

_EVENT_TYPES = {
    Verdict.SUCCEEDED: "order.paid",
    Verdict.SURPLUS: "payment.surplus",
    Verdict.HELD: "payment.held",
    Verdict.FAILED: "payment.failed",
    Verdict.CLOSED: "payment.closed",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a gateway's word, and of which attempt (None where we know no such payment)."""

    decision: Decision
    attempt: Attempt | None


async def settle(tx: Tx, account: Account, merchant_number: str, fact: PaymentFact) -> Settled:
    """Decide on a gateway's word and write all that follows from it: attempt, order, posting, event.

    Twice is harmless: the second time the attempt has moved, and the verdict is `repeated`. `merchant_number` is our
    own number at the gateway that `account` belongs to.
    """
    found = await store.attempt(tx, account.merchant_id, fact.attempt_id)
    if found is None or found[1].account_id != account.account_id:
        return Settled(Decision(Verdict.UNKNOWN_PAYMENT), None)
    order, attempt = found
    decision = rules.decide(attempt, order, fact, merchant_number)
    if decision.verdict in _EVENT_TYPES:
        _write(tx, order, attempt, decision, fact)
    return Settled(decision, attempt)


def _write(tx: Tx, order: Order, attempt: Attempt, decision: Decision, fact: PaymentFact) -> None:
    now = clock.now()
    verdict = decision.verdict
    moved = replace(
        attempt,
        state=AttemptState(verdict.value),
        reason=decision.reason,
        settled_at=now,
        # A held attempt is asked about on: a later word of the gateway that matches resolves it.
        ask_at=rules.next_ask_at(attempt.asked, now) if verdict is Verdict.HELD else None,
        transaction_id=fact.transaction_id or attempt.transaction_id,
        paid_at=fact.paid_at or attempt.paid_at,
    )
    store.move_attempt(
        tx,
        attempt,
        AttemptState(moved.state),
        reason=moved.reason,
        at=now,
        ask_at=moved.ask_at,
        transaction_id=moved.transaction_id,
        paid_at=moved.paid_at,
    )
    if verdict is Verdict.SUCCEEDED:
        paid_at = moved.paid_at or now
        order = replace(order, status=OrderStatus.PAID, paid_at=paid_at, paid_attempt_id=attempt.attempt_id)
        store.mark_paid(tx, order, attempt.attempt_id, paid_at)
    if verdict in (Verdict.SUCCEEDED, Verdict.SURPLUS):
        _post(tx, moved, ledger.MERCHANT if verdict is Verdict.SUCCEEDED else ledger.SURPLUS, now)
    _publish(tx, order, moved, attempt.version, _EVENT_TYPES[verdict], now)
    tx.after_commit(partial(signals.send, "order", order.order_id))


def _post(tx: Tx, attempt: Attempt, credit_account: str, now: datetime) -> None:
    """The gateway now holds this money for us, and we owe it to the merchant, or back to the buyer."""
    ledger.post(
        tx,
        ledger.Posting(
            merchant_id=attempt.merchant_id,
            posting_id=ids.new("pst"),
            key=f"payment:{attempt.attempt_id}",
            debit_account=ledger.clearing(attempt.account_id),
            credit_account=credit_account,
            amount=attempt.amount,
            currency=attempt.currency,
            order_id=attempt.order_id,
            attempt_id=attempt.attempt_id,
            posted_at=now,
        ),
    )


def _publish(tx: Tx, order: Order, attempt: Attempt, version: int, event_type: str, now: datetime) -> None:
    change = order.order_id if event_type == "order.paid" else f"{attempt.attempt_id}:{version}"
    webhooks.publish(
        tx,
        merchant_id=order.merchant_id,
        type=event_type,
        order_id=order.order_id,
        attempt_id=attempt.attempt_id,
        change_key=f"{event_type}:{change}",
        data={"order": order_view(order, (attempt,)), "attempt": attempt_view(attempt)},
        notify_url=order.notify_url,
        at=now,
    )


async def settle_answer(db: Db, account: Account, channel: Channel, attempt_id: str) -> Settled:
    """Ask the gateway about one payment and settle what it says. Raises the channel's errors."""
    fact = await channel.query(attempt_id)
    return await db.run(lambda tx: settle(tx, account, channel.merchant_number, fact))
