"""From order to paid. Every verb that calls a gateway reads *remember, ask, remember*: should the process die between
any two lines, the chase still asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from tongbao import webhooks
from tongbao.channels import Channel, Prepared
from tongbao.kit import clock, ids, signals
from tongbao.kit.db import AlreadyThere, Conflict, Db, Tx
from tongbao.kit.errors import ChannelError, Refusal, Rejected
from tongbao.merchants import Account, Directory
from tongbao.payments import rules, store
from tongbao.payments.choosing import channel_for, charge_of, new_attempt
from tongbao.payments.closing import close_at_gateway, learn
from tongbao.payments.model import (
    OPEN_STATES,
    Attempt,
    AttemptState,
    Choice,
    Draft,
    Opened,
    Order,
    OrderStatus,
    Payer,
    Started,
)
from tongbao.payments.settling import close_attempt, note_call, unanswered
from tongbao.payments.views import attempt_view, order_view

PREFETCH_TOPIC = "prefetch"
"""The signal that client parameters are to be got ready."""


async def create_order(
    db: Db,
    directory: Directory,
    draft: Draft,
    first: tuple[Choice, Payer | None] | None = None,
    *,
    prefetch: bool = False,
) -> Opened:
    """Open an order, and start its first payment in the same go where one is asked for; with `prefetch` its client
    parameters are got ready in the background, so that the tap finds them.

    The merchant's own reference is unique: the same reference with the same content gives the same order again,
    with other content it raises Refusal(`reference_conflict`, 409). Raises as `start` does for the first payment; the
    order is there then all the same.
    """
    now = clock.now()
    order = _new_order(draft)
    if first is None:
        try:
            async with db.tx() as tx:
                store.insert_order(tx, order)
        except AlreadyThere:
            return await _same_order(db, draft)
        return Opened(order, (), True)
    account, channel = await channel_for(directory, draft.merchant_id, *first)
    attempt = new_attempt(directory, order, account, channel, *first)
    _check_prepares(channel, attempt)
    if prefetch:
        attempt = replace(attempt, refresh_at=now)
    try:
        async with db.tx() as tx:
            store.insert_order(tx, order)
            store.insert_attempt(tx, attempt)
            if prefetch:
                tx.after_commit(partial(signals.send, PREFETCH_TOPIC))
    except AlreadyThere:
        opened = await _same_order(db, draft)
        if prefetch or opened.order.status != OrderStatus.OPEN or opened.order.expires_at <= now:
            return opened
        started = await start(db, directory, draft.merchant_id, opened.order.order_id, *first)
        return Opened(opened.order, _with(opened.attempts, started.attempt), False, started)
    if prefetch:
        return Opened(order, (attempt,), True)
    try:
        started = await make_payable(db, directory, account, channel, order, attempt)
    except Refusal as refusal:
        refusal.values.setdefault("order_id", order.order_id)  # The order is there: it can be paid another time.
        raise
    return Opened(order, (started.attempt,), True, started)


async def get_order(db: Db | Tx, merchant_id: str, order_id: str) -> tuple[Order, tuple[Attempt, ...]]:
    """An order and its attempts. Raises Refusal(`order_not_found`, 404)."""
    found = await store.order(db, merchant_id, order_id) if ids.is_id(order_id, "ord") else None
    if found is None:
        raise Refusal("order_not_found", 404, order_id=order_id)
    return found


async def start(
    db: Db, directory: Directory, merchant_id: str, order_id: str, choice: Choice, payer: Payer | None
) -> Started:
    """Make an order payable by one channel and method, and give what the host's pay function takes.

    An open attempt of the same kind by the same payer is continued, so a double tap makes one attempt, unless the
    choice is for a fresh one: should both be paid, the second goes back by itself. Raises Refusal: `order_not_found`,
    `order_paid`, `order_closed`, `order_expired`, `unknown_channel`, what `new_attempt` refuses, `auth_code_needed`;
    `payment_rejected` (422, the gateway's certain no, with its code), `channel_unavailable` or `channel_uncertain`
    (503: ask again, the same attempt goes on).
    """
    account, channel = await channel_for(directory, merchant_id, choice, payer)

    async def remember(tx: Tx) -> tuple[Order, Attempt]:
        order, attempts = await get_order(tx, merchant_id, order_id)
        if payer and order.buyer_id not in (None, payer.buyer_id):
            raise Refusal("order_not_found", 404, order_id=order_id)
        check_startable(order, attempts)
        wanted = new_attempt(directory, order, account, channel, choice, payer)
        _check_prepares(channel, wanted)
        attempt = rules.attempt_to_resume(attempts, choice, wanted)
        if attempt is None:
            attempt = wanted
            store.touch_order(tx, order, payer.buyer_id if payer else None)
            store.insert_attempt(tx, attempt)
        return order, attempt

    order, attempt = await db.run(remember)
    return await make_payable(db, directory, account, channel, order, attempt)


def check_startable(order: Order, attempts: tuple[Attempt, ...]) -> None:
    """Refuse to collect an order that cannot be paid any more, or may have been."""
    rules.check_payable(order, clock.now())
    if any(attempt.state == AttemptState.HELD for attempt in attempts):
        # It may have been paid already: nobody is asked to pay again before that is known.
        raise Refusal("payment_held", 409, order_id=order.order_id)
    if any(attempt.reason == rules.REVERSING and rules.is_open(attempt) for attempt in attempts):
        raise Refusal("payment_in_progress", 409, order_id=order.order_id)


def _check_prepares(channel: Channel, attempt: Attempt) -> None:
    if channel.methods[attempt.method].scans_buyer:
        raise Refusal("auth_code_needed", 422, method=attempt.method)


async def close(db: Db, directory: Directory, merchant_id: str, order_id: str, reason: str) -> None:
    """Close an order: at the gateways first, then here. Closing a closed order is harmless.

    Raises Refusal: `order_not_found`, `order_paid` (409; also when a gateway says so now, which settles it),
    `payment_held`, `channel_unavailable` or `channel_uncertain` (503: the order stays open, ask again).
    """
    order, attempts = await get_order(db, merchant_id, order_id)
    if order.status == OrderStatus.CLOSED:
        return
    if order.status == OrderStatus.PAID:
        raise Refusal("order_paid", 409, order_id=order_id)
    closed_there: dict[str, bool] = {}
    for attempt in filter(rules.is_open, attempts):
        closed_there[attempt.attempt_id] = await close_at_gateway(db, directory, attempt)

    async def remember(tx: Tx) -> None:
        order, attempts = await get_order(tx, merchant_id, order_id)
        if order.status == OrderStatus.CLOSED:
            return
        if order.status == OrderStatus.PAID:
            raise Refusal("order_paid", 409, order_id=order_id)
        if any(rules.is_open(attempt) and attempt.attempt_id not in closed_there for attempt in attempts):
            raise Refusal("payment_in_progress", 409, order_id=order_id)
        _write_closed(tx, order, attempts, reason, closed_there)

    await db.run(remember)


def _write_closed(
    tx: Tx, order: Order, attempts: tuple[Attempt, ...], reason: str, closed_there: Mapping[str, bool]
) -> None:
    now = clock.now()
    for attempt in filter(rules.is_open, attempts):
        look_at = None if closed_there[attempt.attempt_id] else rules.last_look_at(order, now)
        close_attempt(tx, attempt, reason, now, look_at)
    store.mark_closed(tx, order, reason, now)
    closed = replace(order, status=OrderStatus.CLOSED, closed_at=now, close_reason=reason)
    ended = [
        replace(attempt, state=AttemptState.CLOSED, reason=reason) if rules.is_open(attempt) else attempt
        for attempt in attempts
    ]
    webhooks.publish(
        tx,
        merchant_id=order.merchant_id,
        type="order.closed",
        order_id=order.order_id,
        attempt_id=None,
        change_key=f"order.closed:{order.order_id}",
        data={"order": order_view(closed, ended)},
        notify_url=order.notify_url,
        at=now,
    )
    tx.after_commit(partial(signals.send, "order", order.order_id))


def _new_order(draft: Draft) -> Order:
    now = clock.now()
    expires_at = now + timedelta(seconds=draft.expires_in_seconds)
    return Order(
        merchant_id=draft.merchant_id,
        order_id=ids.new("ord"),
        reference=draft.reference,
        content_hash=draft.content_hash(),
        amount=draft.amount,
        currency=draft.currency,
        subject=draft.subject,
        items=draft.items,
        metadata=draft.metadata,
        buyer_id=draft.buyer_id,
        notify_url=draft.notify_url,
        return_url=draft.return_url,
        status=OrderStatus.OPEN,
        version=1,
        created_at=now,
        expires_at=expires_at,
        expire_due_at=expires_at,
        paid_at=None,
        paid_attempt_id=None,
        closed_at=None,
        close_reason=None,
    )


async def _same_order(db: Db, draft: Draft) -> Opened:
    found = await store.order_by_reference(db, draft.merchant_id, draft.reference)
    assert found is not None, "a unique reference was taken, yet it is not there"
    order, attempts = found
    if order.content_hash != draft.content_hash():
        raise Refusal("reference_conflict", 409, reference=draft.reference, order_id=order.order_id)
    return Opened(order, attempts, False)


async def make_payable(
    db: Db,
    directory: Directory,
    account: Account,
    channel: Channel,
    order: Order,
    attempt: Attempt,
    *,
    anew: bool = False,
) -> Started:
    """Ask the gateway where there is no usable token yet (or `anew`), remember its answer, and sign for the host."""
    charge = charge_of(directory, account, order, attempt)
    if not anew and rules.has_usable_token(attempt, clock.now()):
        assert attempt.token is not None and attempt.token_until is not None
        return Started(attempt, channel.client_params(charge, Prepared(attempt.token, attempt.token_until)))
    try:
        prepared = await channel.prepare(charge)
    except ChannelError as error:
        await note_call(db, attempt, "prepare", error)
        if not isinstance(error, Rejected):
            raise unanswered(error) from error
        await _not_prepared(db, account, channel, attempt, error)
        raise Refusal("payment_rejected", 422, channel_code=error.code, channel_message=error.message) from error
    try:
        async with db.tx() as tx:
            now = clock.now()
            again_at = rules.refresh_at(prepared.usable_until, order, now) if attempt.refresh_at else None
            store.mark_prepared(tx, attempt, prepared.token, prepared.usable_until, now, again_at)
        attempt = replace(attempt, state=AttemptState.PENDING)
    except Conflict:
        attempt = await _after_lost_race(db, directory, attempt)
    return Started(attempt, channel.client_params(charge, prepared))


async def _not_prepared(db: Db, account: Account, channel: Channel, attempt: Attempt, error: Rejected) -> None:
    """The gateway's certain no. It may be that the payment has been made already: then that is what is settled."""
    if channel.is_already_paid(error):
        await learn(db, account, channel, attempt)
        raise Refusal("order_paid", 409, order_id=attempt.order_id) from error

    async def remember(tx: Tx) -> None:
        found = await store.attempt(tx, attempt.merchant_id, attempt.attempt_id)
        assert found is not None
        order, now_attempt = found
        if now_attempt.state != AttemptState.CREATED:
            return  # It was prepared once: the buyer may hold a token that still works, so the chase decides.
        write_failed(tx, order, now_attempt, error.code)

    await db.run(remember)


def write_failed(tx: Tx, order: Order, attempt: Attempt, reason: str) -> None:
    """Move an attempt to failed and tell the merchant. The order stays open: it can be paid by another attempt."""
    now = clock.now()
    store.move_attempt(tx, attempt, AttemptState.FAILED, reason=reason, at=now)
    failed = replace(attempt, state=AttemptState.FAILED, reason=reason)
    webhooks.publish(
        tx,
        merchant_id=order.merchant_id,
        type="payment.failed",
        order_id=order.order_id,
        attempt_id=attempt.attempt_id,
        change_key=f"payment.failed:{attempt.attempt_id}:{attempt.version}",
        data={"order": order_view(order, (failed,)), "attempt": attempt_view(failed)},
        notify_url=order.notify_url,
        at=now,
    )
    tx.after_commit(partial(signals.send, "order", order.order_id))


async def _after_lost_race(db: Db, directory: Directory, attempt: Attempt) -> Attempt:
    """Somebody moved the attempt while the gateway was preparing it: a second tap (fine), or a close or a payment."""
    order, attempts = await get_order(db, attempt.merchant_id, attempt.order_id)
    now_attempt = next(other for other in attempts if other.attempt_id == attempt.attempt_id)
    if now_attempt.state in OPEN_STATES:
        return now_attempt
    if now_attempt.state == AttemptState.CLOSED:
        await close_at_gateway(db, directory, now_attempt)
    rules.check_payable(order, clock.now())
    raise Refusal("payment_in_progress", 409, order_id=order.order_id)


def _with(attempts: tuple[Attempt, ...], attempt: Attempt) -> tuple[Attempt, ...]:
    others = tuple(other for other in attempts if other.attempt_id != attempt.attempt_id)
    return (*others, attempt)
