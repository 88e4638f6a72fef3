"""The one door for a gateway's word about a payment, whichever way it came; and for a person's, about a held one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tongbao import cases, journal, ledger, webhooks
from tongbao.channels import Channel, PaymentFact
from tongbao.kit import clock, ids, signals
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import ChannelError, Refusal, Rejected, Unavailable, Uncertain
from tongbao.merchants import Account, Directory
from tongbao.payments import rules, store
from tongbao.payments.model import Attempt, AttemptState, Order, OrderStatus
from tongbao.payments.rules import Decision, Verdict
from tongbao.payments.views import attempt_view, order_view

SURPLUS_TOPIC = "surplus"
"""The signal that money is to be sent back."""

_EVENT_TYPES = {
    Verdict.SUCCEEDED: "order.paid",
    Verdict.SURPLUS: "payment.surplus",
    Verdict.HELD: "payment.held",
    Verdict.FAILED: "payment.failed",
    Verdict.CLOSED: "payment.closed",
}
_SURPLUS_DUE = timedelta(hours=24)
_HELD_DUE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a gateway's word, and of which attempt (None where we know no such payment).

    `said` is its word for the state, `amount` what it said came in.
    """

    decision: Decision
    attempt: Attempt | None
    said: str = ""
    amount: int | None = None


async def settle(tx: Tx, account: Account, merchant_number: str, fact: PaymentFact, *, asked: bool = False) -> Settled:
    """Decide on a gateway's word and write all that follows from it: attempt, order, posting, event, case.

    Twice is harmless: the second time the attempt has moved, and the verdict is `repeated`. `merchant_number` is our
    own number at the gateway that `account` belongs to; `asked` says that it answers a question of now.
    """
    found = await store.attempt(tx, account.merchant_id, fact.attempt_id)
    if found is None or found[1].account_id != account.account_id:
        return Settled(Decision(Verdict.UNKNOWN_PAYMENT), None)
    order, attempt = found
    decision = rules.decide(attempt, order, fact, merchant_number, account.late_payment, asked=asked)
    if decision.verdict is Verdict.DOUBTED:
        store.look_at(tx, attempt, clock.now())
    if decision.verdict is Verdict.MISMATCHED:
        await _open_mismatch(tx, attempt, decision.reason or "", fact)
    if decision.verdict in _EVENT_TYPES:
        moved = replace(
            attempt,
            transaction_id=fact.transaction_id or attempt.transaction_id,
            paid_at=fact.paid_at or attempt.paid_at,
            received_amount=rules.amount_held(fact) if decision.verdict is Verdict.HELD else None,
        )
        _write(tx, order, attempt, moved, decision, by="the gateway", note="it confirmed what we asked for")
    return Settled(decision, attempt, fact.raw_state, fact.amount)


async def resolve_held(tx: Tx, merchant_id: str, attempt_id: str, resolution: str, by: str, note: str) -> None:
    """Write what a person decided about a held payment, and all that follows from it; its case is closed with it.

    Raises Refusal: `payment_not_held` (409: the gateway or somebody else was faster), `unknown_resolution` (422).
    """
    found = await store.attempt(tx, merchant_id, attempt_id)
    assert found is not None, "a case is of an attempt that is there"
    order, attempt = found
    decision = rules.resolve(attempt, order, resolution)
    moved = attempt if decision.verdict is not Verdict.FAILED else replace(attempt, received_amount=None)
    _write(tx, order, attempt, moved, decision, by=by, note=note, resolution=resolution)


def _write(
    tx: Tx,
    order: Order,
    attempt: Attempt,
    moved: Attempt,
    decision: Decision,
    *,
    by: str,
    note: str,
    resolution: str = "confirmed",
    look_at: datetime | None = None,
) -> None:
    now = clock.now()
    verdict = decision.verdict
    if attempt.state == AttemptState.HELD:
        cases.close_by_key(tx, attempt.merchant_id, _held_key(attempt), by=by, resolution=resolution, note=note, at=now)
    elif rules.CODE_HASH in attempt.options:
        cases.close_by_key(tx, attempt.merchant_id, _kept_key(attempt), by=by, resolution=resolution, note=note, at=now)
    moved = replace(
        moved,
        state=AttemptState(verdict.value),
        version=attempt.version + 1,
        reason=decision.reason,
        settled_at=now,
        # A held attempt is asked about on: a later word of the gateway that matches resolves it.
        ask_at=rules.next_ask_at(attempt.asked, now) if verdict is Verdict.HELD else look_at,
        return_at=now if verdict is Verdict.SURPLUS else None,
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
        received_amount=moved.received_amount,
        return_at=moved.return_at,
    )
    if verdict is Verdict.SUCCEEDED:
        paid_at = moved.paid_at or now
        order = replace(order, status=OrderStatus.PAID, paid_at=paid_at, paid_attempt_id=attempt.attempt_id)
        store.mark_paid(tx, order, attempt.attempt_id, paid_at)
    if verdict in (Verdict.SUCCEEDED, Verdict.SURPLUS):
        _post(tx, moved, ledger.MERCHANT if verdict is Verdict.SUCCEEDED else ledger.SURPLUS, now)
    if verdict in (Verdict.SURPLUS, Verdict.HELD):
        _open_case(tx, order, moved, verdict, now)
    _publish(tx, order, moved, attempt.version, _EVENT_TYPES[verdict], now)
    tx.after_commit(partial(signals.send, "order", order.order_id))


def write_reversed(tx: Tx, order: Order, attempt: Attempt, look_at: datetime | None) -> None:
    """Write that a payment of a scanned code was undone: whatever was collected has gone back to the buyer.

    `look_at`: the gateway knew of nothing to undo, and is asked again then.
    """
    decision = Decision(Verdict.CLOSED, rules.REVERSED)
    _write(tx, order, attempt, attempt, decision, by="policy", note="reversed", look_at=look_at)


def close_attempt(tx: Tx, attempt: Attempt, reason: str, now: datetime, look_at: datetime | None = None) -> None:
    """Write that an open attempt was closed at the gateway, so that it can never be paid; held or not.

    `look_at`: the gateway did not know it yet, so it is asked once more when no buyer can bring it there any longer.
    """
    if attempt.state == AttemptState.HELD:
        cases.close_by_key(tx, attempt.merchant_id, _held_key(attempt), by="policy", resolution="closed", at=now)
    store.move_attempt(tx, attempt, AttemptState.CLOSED, reason=reason, at=now, ask_at=look_at)


def _held_key(held: Attempt) -> str:
    """An attempt that was dismissed can be held again, so the key names the version that is held."""
    return f"payment_held:{held.attempt_id}:{held.version}"


def _kept_key(attempt: Attempt) -> str:
    return f"payment_kept:{attempt.attempt_id}"


async def open_kept_case(tx: Tx, attempt: Attempt, code: str) -> None:
    """A gateway refuses to undo a payment of a scanned code: a case, once, which ends with the payment."""
    if not await cases.is_known(tx, attempt.merchant_id, _kept_key(attempt)):
        detail = {"reason": code, "asked_amount": attempt.amount, "currency": attempt.currency}
        _open_case_of(tx, attempt, "payment_kept", _kept_key(attempt), detail)


def surplus_key(attempt_id: str) -> str:
    """The key of a surplus payment's case."""
    return f"payment_surplus:{attempt_id}"


async def _open_mismatch(tx: Tx, attempt: Attempt, reason: str, fact: PaymentFact) -> None:
    """A contradiction about a payment that is settled is one case, however often it is repeated. Nothing moves."""
    key = f"payment_mismatch:{attempt.attempt_id}"
    if await cases.is_known(tx, attempt.merchant_id, key):
        return
    detail = {
        "reason": reason,
        "collected_amount": attempt.collected,
        "said_amount": rules.amount_held(fact),
        "said_state": fact.raw_state,
        "currency": attempt.currency,
    }
    _open_case_of(tx, attempt, "payment_mismatch", key, detail)


async def open_outside_case(tx: Tx, attempt: Attempt, refund_number: str, said_state: str) -> None:
    """The gateway sent money of a payment back that nobody asked it for here: a case, once for each such refund."""
    key = f"payment_mismatch:{attempt.attempt_id}:{refund_number}"
    if not await cases.is_known(tx, attempt.merchant_id, key):
        detail = {
            "reason": "refunded_outside",
            "collected_amount": attempt.collected,
            "refund_number": refund_number,
            "said_state": said_state,
            "currency": attempt.currency,
        }
        _open_case_of(tx, attempt, "payment_mismatch", key, detail)


def _open_case_of(tx: Tx, attempt: Attempt, kind: str, key: str, detail: Mapping[str, Any]) -> None:
    cases.open_case(
        tx,
        merchant_id=attempt.merchant_id,
        kind=kind,
        key=key,
        order_id=attempt.order_id,
        attempt_id=attempt.attempt_id,
        detail=detail,
        at=clock.now(),
        due_in=_HELD_DUE,
    )


def _open_case(tx: Tx, order: Order, moved: Attempt, verdict: Verdict, now: datetime) -> None:
    is_held = verdict is Verdict.HELD
    cases.open_case(
        tx,
        merchant_id=order.merchant_id,
        kind="payment_held" if is_held else "payment_surplus",
        key=_held_key(moved) if is_held else surplus_key(moved.attempt_id),
        order_id=order.order_id,
        attempt_id=moved.attempt_id,
        detail={
            "reason": moved.reason,
            "asked_amount": moved.amount,
            "received_amount": moved.received_amount if is_held else moved.collected,
            "currency": moved.currency,
            "transaction_id": moved.transaction_id,
            "order_status": order.status,
        },
        at=now,
        due_in=_HELD_DUE if is_held else _SURPLUS_DUE,
    )
    if not is_held:
        tx.after_commit(partial(signals.send, SURPLUS_TOPIC))


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
            amount=attempt.collected,
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


async def confirm_held(db: Db, directory: Directory, merchant_id: str, attempt_id: str) -> None:
    """Ask the gateway about a held payment before somebody counts its money. What it says is settled.

    Raises Refusal: `payment_not_held` (409: its word resolves it), `payment_not_confirmed` (409: it does not say that
    this money came in), or what an unanswered question is refused with.
    """
    found = await store.attempt(db, merchant_id, attempt_id)
    assert found is not None, "a case is of an attempt that is there"
    attempt = found[1]
    account, channel = await directory.account(attempt.account_id)
    try:
        settled = await settle_answer(db, account, channel, attempt)
    except Rejected as error:
        raise Refusal("payment_not_confirmed", 409, channel_code=error.code) from error
    except ChannelError as error:
        raise unanswered(error) from error
    if settled.decision.verdict not in (Verdict.REPEATED, Verdict.NO_NEWS):
        raise Refusal("payment_not_held", 409, state=settled.decision.verdict)
    if settled.decision.verdict is Verdict.NO_NEWS or settled.amount != attempt.received_amount:
        raise Refusal("payment_not_confirmed", 409, channel_code=settled.said)


def unanswered(error: ChannelError) -> Refusal:
    """No plain answer: not a failure. Whoever asked may ask again; the chase asks anyway."""
    if isinstance(error, Unavailable):
        return Refusal("channel_unavailable", 503, channel_code=error.code)
    if isinstance(error, Uncertain):
        return Refusal("channel_uncertain", 503, channel_code=error.code)
    return Refusal("channel_untrusted", 502, channel_code=error.code)


async def settle_answer(db: Db, account: Account, channel: Channel, attempt: Attempt) -> Settled:
    """Ask the gateway about one payment and settle what it says. Raises the channel's errors, noted in the journal."""
    asked_at = clock.now()
    try:
        fact = await channel.query(attempt.attempt_id)
    except ChannelError as error:
        await note_call(db, attempt, "query", error)
        raise

    async def remember(tx: Tx) -> Settled:
        settled = await settle(tx, account, channel.merchant_number, fact, asked=True)
        _note(tx, attempt, "query", "answered", fact.raw_state, "", asked_at)
        return settled

    return await db.run(remember)


async def verdict_of(db: Db, account: Account, channel: Channel, attempt: Attempt) -> Verdict:
    """As `settle_answer`, and what it came to: `unknown_payment` where the gateway has never heard of it, up to now."""
    try:
        return (await settle_answer(db, account, channel, attempt)).decision.verdict
    except Rejected as error:
        if not channel.is_unknown_payment(error):
            raise
        return Verdict.UNKNOWN_PAYMENT


async def note_call(db: Db, attempt: Attempt, verb: str, error: ChannelError | None = None) -> None:
    """Write down a call about an attempt that changed nothing here: it was refused or not answered, or said no more
    than that it was done."""
    outcome, code, detail = "answered", "done", ""
    if error:
        outcome, code, detail = journal.outcome_of(error), error.code, error.message
    async with db.tx() as tx:
        _note(tx, attempt, verb, outcome, code, detail, clock.now())


def _note(tx: Tx, attempt: Attempt, verb: str, outcome: str, code: str, detail: str, at: datetime) -> None:
    journal.note(
        tx,
        merchant_id=attempt.merchant_id,
        order_id=attempt.order_id,
        attempt_id=attempt.attempt_id,
        verb=verb,
        outcome=outcome,
        code=code,
        detail=detail,
        at=at,
    )
