"""The one door for a gateway's word about a refund, whichever way it came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from tongbao import cases, ledger, payments, webhooks
from tongbao.channels import RefundFact
from tongbao.kit import clock, ids, signals
from tongbao.kit.db import Tx
from tongbao.merchants import Account
from tongbao.payments import Attempt, Order
from tongbao.refunds import rules, store
from tongbao.refunds.model import Origin, Refund, RefundState
from tongbao.refunds.rules import HANDED_OVER, Decision, Verdict
from tongbao.refunds.views import refund_view

_CASE_DUE = timedelta(hours=24)
_FINAL = frozenset({RefundState.SUCCEEDED, RefundState.CLOSED})


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a gateway's word, of which refund (None where we know no such refund), and of which payment."""

    decision: Decision
    refund: Refund | None
    attempt_id: str | None = None


async def settle(tx: Tx, account: Account, fact: RefundFact, asked_version: int | None = None) -> Settled:
    """Decide on a gateway's word and write all that follows from it: refund, payment, postings, event, case.

    `asked_version` is the refund's version when we asked, where the word is an answer. Twice is harmless: the second
    time the refund has moved, and the verdict is `repeated`.
    """
    refund = await store.refund(tx, account.merchant_id, fact.refund_id)
    if refund is None or refund.account_id != account.account_id:
        return Settled(Decision(Verdict.UNKNOWN_REFUND), None, await _refunded_outside(tx, account, fact))
    decision = rules.decide(refund, fact, account.merchant_number, asked_version)
    if decision.verdict is Verdict.MISMATCHED:
        await open_case_once(tx, refund, "refund_mismatch", decision.reason or "")
    if decision.verdict is Verdict.MOVED and decision.state:
        said = replace(
            refund,
            gateway_refund_id=fact.gateway_refund_id or refund.gateway_refund_id,
            refunded_at=fact.refunded_at or refund.refunded_at,
        )
        await move(tx, refund, said, decision.state, decision.reason)
    return Settled(decision, refund, refund.attempt_id)


async def _refunded_outside(tx: Tx, account: Account, fact: RefundFact) -> str | None:
    """Money of a payment of ours went back that nobody asked for here, such as at the gateway's own site: a case. The
    payment's id; None where we do not know that either."""
    found = await payments.find_attempt(tx, account.merchant_id, fact.attempt_id) if fact.attempt_id else None
    if found is None or found[1].account_id != account.account_id:
        return None
    await payments.open_outside_case(tx, found[1], fact.refund_id, fact.raw_state)
    return found[1].attempt_id


async def move(tx: Tx, before: Refund, after: Refund, state: RefundState, reason: str | None) -> None:
    """Move a refund to another state, with everything that goes with it. `after` carries what else is known now."""
    order, attempt = await _payment_of(tx, before)
    now = clock.now()
    after = replace(
        after,
        state=state,
        state_reason=reason,
        version=before.version + 1,
        in_doubt=False,
        sent_at=before.sent_at or (now if state is not RefundState.CLOSED else None),
        settled_at=now if state in _FINAL else None,
        # An abnormal one is asked about on: it can be mended at the gateway's own site, too.
        ask_at=None if state in _FINAL else rules.next_ask_at(0, now),
    )
    store.move(tx, before, after)
    refunded = attempt.refunded + _post(tx, before, after, now)
    if refunded != attempt.refunded:
        payments.change_refunded(tx, before.merchant_id, before.attempt_id, refunded - attempt.refunded)
    _keep_cases(tx, before, after, now)
    if refunded > attempt.collected or (state is RefundState.SUCCEEDED and before.state_reason == HANDED_OVER):
        await open_case_once(
            tx, after, "refund_too_much", "paid_twice" if before.state_reason == HANDED_OVER else "exceeds_payment"
        )
    publish(tx, order, replace(attempt, refunded=refunded), after, now)


async def _payment_of(tx: Tx, refund: Refund) -> tuple[Order, Attempt]:
    found = await payments.find_attempt(tx, refund.merchant_id, refund.attempt_id)
    assert found is not None, "a refund is of a payment that is there"
    return found


def owed_by(refund: Refund) -> str:
    """The ledger account that the money of a refund comes from: whom we owed it to before."""
    return ledger.MERCHANT if refund.origin == Origin.MERCHANT else ledger.SURPLUS


def post(tx: Tx, refund: Refund, step: str, debit_account: str, credit_account: str, now: datetime) -> None:
    """Write one movement of a refund's money."""
    ledger.post(
        tx,
        ledger.Posting(
            merchant_id=refund.merchant_id,
            posting_id=ids.new("pst"),
            key=f"refund:{refund.refund_id}:{refund.version}:{step}",
            debit_account=debit_account,
            credit_account=credit_account,
            amount=refund.amount,
            currency=refund.currency,
            order_id=refund.order_id,
            attempt_id=refund.attempt_id,
            posted_at=now,
        ),
    )


def _post(tx: Tx, before: Refund, after: Refund, now: datetime) -> int:
    """The postings of a move, and by how much they change what counts as given back of the payment."""
    clearing = ledger.clearing(before.account_id)
    if after.state == RefundState.CLOSED:
        post(tx, before, "closed", ledger.REFUNDING, owed_by(before), now)
        return -before.amount
    if before.state_reason == HANDED_OVER:
        post(tx, before, "succeeded_after_all", ledger.MERCHANT, clearing, now)
        return 0
    if before.state == RefundState.CLOSED:
        # We had booked the money back: it goes straight from where it lay.
        account = clearing if after.state == RefundState.SUCCEEDED else ledger.REFUNDING
        post(tx, before, f"{after.state}_after_all", owed_by(before), account, now)
        return before.amount
    if after.state == RefundState.SUCCEEDED:
        post(tx, before, "succeeded", ledger.REFUNDING, clearing, now)
    return 0


def _keep_cases(tx: Tx, before: Refund, after: Refund, now: datetime) -> None:
    """Open the case that the new state is, and close those that it ends."""
    close = partial(cases.close_by_key, tx, before.merchant_id, by="policy", at=now)
    if before.state == RefundState.REQUESTED:
        close(f"refund_blocked:{before.refund_id}", resolution=str(after.state))
    if before.state in (RefundState.ABNORMAL, RefundState.CLOSED):
        close(case_key(before), resolution=str(after.state))
    if after.state == RefundState.SUCCEEDED and before.origin == Origin.SURPLUS:
        close(payments.surplus_key(before.attempt_id), resolution="returned", note=before.refund_id)
    if after.state in (RefundState.ABNORMAL, RefundState.CLOSED):
        _open_case(tx, after, f"refund_{after.state}", case_key(after), after.state_reason or "", now)


def case_key(refund: Refund) -> str:
    """The key of the case that an abnormal or closed refund is. It can become so again: the version is part of it."""
    return f"refund_{refund.state}:{refund.refund_id}:{refund.version}"


async def open_case_once(tx: Tx, refund: Refund, kind: str, reason: str) -> None:
    """Open the one case that a refund ever is of this kind, unless it is there."""
    key = f"{kind}:{refund.refund_id}"
    if not await cases.is_known(tx, refund.merchant_id, key):
        _open_case(tx, refund, kind, key, reason, clock.now())


def _open_case(tx: Tx, refund: Refund, kind: str, key: str, reason: str, now: datetime) -> None:
    cases.open_case(
        tx,
        merchant_id=refund.merchant_id,
        kind=kind,
        key=key,
        order_id=refund.order_id,
        attempt_id=refund.attempt_id,
        refund_id=refund.refund_id,
        detail={
            "reason": reason,
            "amount": refund.amount,
            "currency": refund.currency,
            "origin": refund.origin,
            "reference": refund.reference,
            "gateway_refund_id": refund.gateway_refund_id,
        },
        at=now,
        due_in=_CASE_DUE,
    )


def publish(tx: Tx, order: Order, attempt: Attempt, refund: Refund, now: datetime) -> None:
    """Tell the merchant that a refund is now in the state it is in."""
    event_type = f"refund.{refund.state}"
    webhooks.publish(
        tx,
        merchant_id=refund.merchant_id,
        type=event_type,
        order_id=refund.order_id,
        attempt_id=refund.attempt_id,
        change_key=f"{event_type}:{refund.refund_id}:{refund.version}",
        data={"order": payments.order_view(order, (attempt,)), "refund": refund_view(refund)},
        notify_url=order.notify_url,
        at=now,
    )
    tx.after_commit(partial(signals.send, "order", refund.order_id))
