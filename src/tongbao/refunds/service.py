"""Giving money back. Every verb that calls a gateway reads *remember, ask, remember*: a refund that was not answered is
sent again under the same number, which gateways take as one refund."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tongbao import cases, journal, ledger, payments
from tongbao.channels import Channel, Destination, Redirection, RefundFact, RefundOrder
from tongbao.kit import clock, ids
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import ChannelError, Refusal, Rejected, Unavailable
from tongbao.merchants import Account, Directory
from tongbao.payments import Attempt, Order, OrderStatus
from tongbao.refunds import rules, store
from tongbao.refunds.model import Origin, Refund, RefundDraft, RefundState, Requested
from tongbao.refunds.rules import HANDED_OVER
from tongbao.refunds.settling import (
    Settled,
    case_key,
    move,
    open_case_once,
    owed_by,
    post,
    publish,
    settle,
)


async def request(db: Db, directory: Directory, order_id: str, draft: RefundDraft) -> Requested:
    """Give back all or part of a paid order, and send it to the gateway at once.

    Whatever the gateway says so far, the answer is the refund: its state tells. The same reference with the same
    content gives the same refund again. Raises Refusal: `order_not_found`, `order_not_paid`, `refund_exceeds` (409,
    with what is `left`), `too_many_refunds` (409), `reference_conflict` (409).
    """
    order, attempts = await payments.get_order(db, draft.merchant_id, order_id)
    paid = _paying(order, attempts)
    account, channel = await directory.account(paid.account_id)

    async def remember(tx: Tx) -> Requested:
        known = await store.by_reference(tx, draft.merchant_id, draft.reference)
        if known is not None:
            return Requested(_same(known, draft, order_id), False)
        order, attempts = await payments.get_order(tx, draft.merchant_id, order_id)
        paid = _paying(order, attempts)
        amount = rules.sum_to_refund(paid, draft.amount)
        before = await store.of_order(tx, draft.merchant_id, order_id)
        rules.check_count([each for each in before if each.attempt_id == paid.attempt_id], channel.most_refunds)
        refund = _new(order, paid, draft, amount, Origin.MERCHANT, directory.notify_url(account))
        _write_new(tx, order, paid, refund)
        return Requested(refund, True)

    requested = await db.run(remember)
    if not requested.is_new:
        return requested
    return replace(requested, refund=await send(db, directory, requested.refund))


async def get_refund(reader: Db | Tx, merchant_id: str, refund_id: str) -> Refund:
    """A merchant's refund. Raises Refusal `refund_not_found`."""
    found = await store.refund(reader, merchant_id, refund_id) if ids.is_id(refund_id, "rfd") else None
    if found is None:
        raise Refusal("refund_not_found", 404, refund_id=refund_id)
    return found


async def refunds_of(db: Db, merchant_id: str, order_id: str) -> list[Refund]:
    """The refunds of an order, of whichever of its payments, oldest first."""
    return await store.of_order(db, merchant_id, order_id)


async def return_payment(
    db: Db, directory: Directory, merchant_id: str, attempt_id: str, again: str = ""
) -> Refund | None:
    """Send back a surplus payment, all that is left of it; None where nothing is, or a refund has it in hand.

    Twice is harmless: the refund's reference is made of the payment's id. `again` tells a further try from those
    before it.
    """
    known = await payments.find_attempt(db, merchant_id, attempt_id)
    if known is None:
        return None
    account, _ = await directory.account(known[1].account_id)

    async def remember(tx: Tx) -> Refund | None:
        found = await payments.find_attempt(tx, merchant_id, attempt_id)
        if found is None or found[1].state != payments.AttemptState.SURPLUS or found[1].refundable <= 0:
            return None
        order, surplus = found
        draft = RefundDraft(merchant_id, f"surplus:{attempt_id}{again}", None, "重复支付自动退款")
        if await store.by_reference(tx, merchant_id, draft.reference):
            return None
        refund = _new(order, surplus, draft, surplus.refundable, Origin.SURPLUS, directory.notify_url(account))
        _write_new(tx, order, surplus, refund)
        return refund

    refund = await db.run(remember)
    return await send(db, directory, refund) if refund else None


async def redirect(
    db: Db,
    directory: Directory,
    merchant_id: str,
    refund_id: str,
    to: Destination,
    bank: str | None = None,
    card_number: str | None = None,
    card_holder: str | None = None,
) -> Refund:
    """Send the money of an abnormal refund elsewhere (WeChat Pay v3, 5.2). Card details are handed on, and not kept.

    Raises Refusal: `refund_not_found`, `refund_not_abnormal` (409), `redirect_rejected` (422), `channel_unavailable`,
    `channel_uncertain` (503) or `channel_untrusted` (502): it stays abnormal; ask again.
    """
    refund = await get_refund(db, merchant_id, refund_id)
    if not is_waiting(refund) or refund.gateway_refund_id is None:
        raise Refusal("refund_not_abnormal", 409, refund_id=refund_id, state=refund.state)
    account, channel = await directory.account(refund.account_id)
    wish = Redirection(refund_id, refund.gateway_refund_id, to, bank, card_number, card_holder)
    asked_at = clock.now()
    try:
        fact = await channel.redirect_refund(wish)
    except ChannelError as error:
        await note_call(db, refund, "redirect_refund", error)
        raise _refusal(error) from error
    await _answered(db, account, refund, "redirect_refund", fact, asked_at)
    return await get_refund(db, merchant_id, refund_id)


async def confirm_abnormal(db: Db, directory: Directory, merchant_id: str, refund_id: str) -> None:
    """Ask the gateway whether a refund is abnormal still, before somebody decides about it. What it says is settled.

    Raises Refusal: `refund_not_abnormal` (409), `channel_unavailable`, `channel_uncertain` (503), `channel_untrusted`
    (502): then nobody can decide now.
    """
    refund = await get_refund(db, merchant_id, refund_id)
    try:
        await ask(db, directory, refund)
    except ChannelError as error:
        raise _refusal(error) from error
    refund = await get_refund(db, merchant_id, refund_id)
    if not is_waiting(refund):
        raise Refusal("refund_not_abnormal", 409, refund_id=refund_id, state=refund.state)


def is_waiting(refund: Refund) -> bool:
    """Whether a refund could not reach the buyer, and waits for a decision."""
    return refund.state == RefundState.ABNORMAL and refund.state_reason != HANDED_OVER


async def hand_over(tx: Tx, merchant_id: str, refund_id: str, by: str, explanation: str) -> None:
    """Write down that the buyer got an abnormal refund's money by another way, from the merchant's own pocket: what
    the gateway could not deliver is the merchant's. It is not given again, but asked about on: should the
    gateway deliver it all the same, somebody must know. Call `confirm_abnormal` first.

    Raises Refusal: `refund_not_found`, `refund_not_abnormal` (409).
    """
    refund = await get_refund(tx, merchant_id, refund_id)
    if not is_waiting(refund):
        raise Refusal("refund_not_abnormal", 409, refund_id=refund_id, state=refund.state)
    now = clock.now()
    store.move(tx, refund, replace(refund, state_reason=HANDED_OVER, settled_at=now))
    post(tx, refund, HANDED_OVER, ledger.REFUNDING, ledger.MERCHANT, now)
    for key in (case_key(refund), payments.surplus_key(refund.attempt_id)):
        cases.close_by_key(tx, merchant_id, key, by=by, resolution=HANDED_OVER, note=explanation, at=now)


async def send(db: Db, directory: Directory, refund: Refund) -> Refund:
    """Ask the gateway to take a refund on, for the first time or again, and write down what it says. Returns the refund
    as it is then. Twice is harmless: the number is the same."""
    account, channel = await directory.account(refund.account_id)
    order = RefundOrder(
        refund_id=refund.refund_id,
        attempt_id=refund.attempt_id,
        amount=refund.amount,
        payment_amount=refund.payment_amount,
        currency=refund.currency,
        reason=refund.reason,
        notify_url=refund.notify_url,
    )
    asked_at = clock.now()
    try:
        fact = await channel.refund(order)
    except Rejected as error:
        await _refused(db, channel, refund, error)
    except ChannelError as error:
        await _unanswered(db, refund, error)
    else:
        await _answered(db, account, refund, "refund", fact, asked_at)
    return await get_refund(db, refund.merchant_id, refund.refund_id)


async def ask(db: Db, directory: Directory, refund: Refund) -> Settled:
    """Ask the gateway what became of a refund, and settle what it says. Raises the channel's errors, noted."""
    account, channel = await directory.account(refund.account_id)
    asked_at = clock.now()
    try:
        fact = await channel.query_refund(refund.refund_id, refund.attempt_id)
    except ChannelError as error:
        await note_call(db, refund, "query_refund", error)
        raise
    return await _answered(db, account, refund, "query_refund", fact, asked_at)


async def _answered(
    db: Db, account: Account, refund: Refund, verb: str, fact: RefundFact, asked_at: datetime
) -> Settled:
    async def remember(tx: Tx) -> Settled:
        settled = await settle(tx, account, fact, refund.version)
        note(tx, refund, verb, "answered", fact.raw_state, "", asked_at)
        return settled

    return await db.run(remember)


async def _unanswered(db: Db, refund: Refund, error: ChannelError) -> None:
    """No plain answer: it stays as it is, and is sent again. Unless it never heard us, it may have taken it on."""

    async def remember(tx: Tx) -> None:
        now_refund = await get_refund(tx, refund.merchant_id, refund.refund_id)
        if now_refund.state == RefundState.REQUESTED and not isinstance(error, Unavailable):
            store.move(tx, now_refund, replace(now_refund, in_doubt=True))
        note(tx, refund, "refund", journal.outcome_of(error), error.code, error.message)

    await db.run(remember)


async def _refused(db: Db, channel: Channel, refund: Refund, error: Rejected) -> None:
    """A certain no. One that can become a yes, or that comes after a try that was not answered, closes nothing."""

    async def remember(tx: Tx) -> None:
        now_refund = await get_refund(tx, refund.merchant_id, refund.refund_id)
        note(tx, refund, "refund", "rejected", error.code, error.message)
        if now_refund.state != RefundState.REQUESTED:
            return
        if not channel.is_no_for_now(error) and rules.may_give_up(now_refund, clock.now()):
            await move(tx, now_refund, now_refund, RefundState.CLOSED, error.code)
            return
        store.move(tx, now_refund, replace(now_refund, state_reason=error.code))
        await open_case_once(tx, now_refund, "refund_blocked", error.code)

    await db.run(remember)


def _paying(order: Order, attempts: tuple[Attempt, ...]) -> Attempt:
    if order.status != OrderStatus.PAID:
        raise Refusal("order_not_paid", 409, order_id=order.order_id)
    return next(each for each in attempts if each.attempt_id == order.paid_attempt_id)


def _same(known: Refund, draft: RefundDraft, order_id: str) -> Refund:
    if known.content_hash != draft.content_hash(order_id):
        raise Refusal("reference_conflict", 409, reference=draft.reference, order_id=known.order_id)
    return known


def _new(order: Order, paid: Attempt, draft: RefundDraft, amount: int, origin: Origin, notify_url: str) -> Refund:
    now = clock.now()
    return Refund(
        merchant_id=order.merchant_id,
        refund_id=ids.new("rfd"),
        reference=draft.reference,
        content_hash=draft.content_hash(order.order_id),
        order_id=order.order_id,
        attempt_id=paid.attempt_id,
        account_id=paid.account_id,
        channel=paid.channel,
        origin=origin,
        amount=amount,
        payment_amount=paid.collected,
        currency=paid.currency,
        reason=draft.reason,
        items=draft.items,
        notify_url=notify_url,
        state=RefundState.REQUESTED,
        state_reason=None,
        version=1,
        in_doubt=False,
        gateway_refund_id=None,
        created_at=now,
        sent_at=None,
        settled_at=None,
        refunded_at=None,
        ask_at=rules.next_ask_at(0, now),
        asked=0,
    )


def _write_new(tx: Tx, order: Order, paid: Attempt, refund: Refund) -> None:
    """Set the money aside, if nobody was faster; write the refund, when it is asked about first, and tell of it."""
    payments.take_back(tx, paid, refund.amount)
    store.insert(tx, refund)
    post(tx, refund, "requested", owed_by(refund), ledger.REFUNDING, refund.created_at)
    publish(tx, order, replace(paid, refunded=paid.refunded + refund.amount), refund, refund.created_at)


async def note_call(db: Db, refund: Refund, verb: str, error: ChannelError) -> None:
    """Write down a call that changed nothing here."""
    async with db.tx() as tx:
        note(tx, refund, verb, journal.outcome_of(error), error.code, error.message)


def note(
    tx: Tx, refund: Refund, verb: str, outcome: str, code: str, detail: str, asked_at: datetime | None = None
) -> None:
    """Write down a call about a refund."""
    journal.note(
        tx,
        merchant_id=refund.merchant_id,
        order_id=refund.order_id,
        attempt_id=refund.attempt_id,
        refund_id=refund.refund_id,
        verb=verb,
        outcome=outcome,
        code=code,
        detail=detail,
        at=asked_at or clock.now(),
    )


def _refusal(error: ChannelError) -> Refusal:
    if isinstance(error, Rejected):
        return Refusal("redirect_rejected", 422, channel_code=error.code, channel_message=error.message)
    return payments.unanswered(error)


async def backlog(db: Db, now: datetime) -> dict[str, tuple[int, float]]:
    """What is due and waits: how many refunds, and for how many seconds the oldest has waited."""
    count, since = await store.backlog(db, now)
    return {"refunds": (count, (now - since).total_seconds() if since else 0.0)}
