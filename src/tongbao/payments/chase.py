"""The chase: asking about every attempt that has no final answer, and closing what has expired.

Both work on due times that were written with their cause, claim a row before they act on it, and are harmless twice.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from tongbao.channels import Channel
from tongbao.jobs import gather
from tongbao.kit import clock
from tongbao.kit.db import Conflict, Db, Tx
from tongbao.kit.errors import ChannelError, Refusal
from tongbao.merchants import Directory
from tongbao.payments import rules, store
from tongbao.payments.closing import close_at_gateway, reverse
from tongbao.payments.model import Attempt, OrderStatus
from tongbao.payments.rules import Verdict
from tongbao.payments.service import close, get_order
from tongbao.payments.settling import close_attempt, verdict_of

_BATCH = 100
_EXPIRY_RETRY = timedelta(seconds=60)
_log = structlog.get_logger()


async def chase_due(db: Db, directory: Directory) -> int:
    """Ask the gateways about every attempt whose time has come; returns how many were looked at."""
    due = await store.attempts_to_ask(db, clock.now(), _BATCH)
    await gather(_ask(db, directory, *each) for each in due)
    return len(due)


async def _ask(db: Db, directory: Directory, merchant_id: str, attempt_id: str, account_id: str) -> None:
    _, channel = await directory.account(account_id)
    try:
        async with db.tx() as tx:
            attempt = await _claim(tx, channel, merchant_id, attempt_id)
    except Conflict:
        return
    if attempt is None:
        return
    try:
        work = _pursue if rules.is_open(attempt) else _look
        verdict = await work(db, directory, attempt)
        _log.info("chase", attempt_id=attempt_id, asked=attempt.asked + 1, verdict=verdict)
    except Conflict:
        return  # It moved while we asked.
    except (ChannelError, Refusal) as error:
        _log.warning("chase", attempt_id=attempt_id, asked=attempt.asked + 1, verdict="no_answer", code=error.code)


async def _claim(tx: Tx, channel: Channel, merchant_id: str, attempt_id: str) -> Attempt | None:
    found = await store.attempt(tx, merchant_id, attempt_id)
    if found is None or found[1].ask_at is None or found[1].ask_at > clock.now():
        return None
    attempt = found[1]
    scans_buyer = channel.methods[attempt.method].scans_buyer
    store.plan_ask(tx, attempt, rules.next_ask_at(attempt.asked + 1, clock.now(), scans_buyer=scans_buyer))
    return attempt


async def _pursue(db: Db, directory: Directory, attempt: Attempt) -> str:
    """Ask about an attempt that has no end yet; one that no order waits for is closed, and a scanned code that nobody
    can be sure of is reversed. Returns what came of it, for the log."""
    if await _close_leftover(db, directory, attempt):
        return "closed"
    account, channel = await directory.account(attempt.account_id)
    if attempt.reason == rules.REVERSING:
        await reverse(db, channel, attempt)
        return rules.REVERSED
    verdict = await verdict_of(db, account, channel, attempt)
    if verdict not in (Verdict.NO_NEWS, Verdict.UNKNOWN_PAYMENT):
        return verdict
    # Of an unknown one the prepare was lost, or is yet to come. Expiry closes it in the end.
    if channel.methods[attempt.method].scans_buyer and rules.is_to_be_reversed(attempt, clock.now()):
        await reverse(db, channel, attempt)
        return rules.REVERSED
    return verdict


async def _look(db: Db, directory: Directory, attempt: Attempt) -> str:
    """Ask once more about an attempt that has ended here; if it is open there, it is closed there."""
    account, channel = await directory.account(attempt.account_id)
    verdict = await verdict_of(db, account, channel, attempt)
    scans_buyer = channel.methods[attempt.method].scans_buyer
    if verdict is Verdict.NO_NEWS and scans_buyer:
        await reverse(db, channel, attempt)
    elif verdict is Verdict.NO_NEWS:
        await close_at_gateway(db, directory, attempt)
    is_looked_at_again = scans_buyer and verdict is Verdict.UNKNOWN_PAYMENT
    async with db.tx() as tx:
        store.look_at(tx, attempt, rules.look_again_at(attempt, clock.now()) if is_looked_at_again else None)
    return verdict


async def _close_leftover(db: Db, directory: Directory, attempt: Attempt) -> bool:
    """An open attempt of an order that is paid already must not be paid too: it is closed. True where that was so.

    Raises what closing raises: then it is tried at the next asking.
    """
    order, _ = await get_order(db, attempt.merchant_id, attempt.order_id)
    if order.status == OrderStatus.OPEN:
        return False
    is_certain = await close_at_gateway(db, directory, attempt)

    async def remember(tx: Tx) -> None:
        found = await store.attempt(tx, attempt.merchant_id, attempt.attempt_id)
        if found and rules.is_open(found[1]):
            look_at = None if is_certain else rules.last_look_at(order, clock.now())
            close_attempt(tx, found[1], "order_not_open", clock.now(), look_at)

    await db.run(remember)
    return True


async def expire_due(db: Db, directory: Directory) -> int:
    """Close every order whose time is over, at the gateway first; returns how many were looked at."""
    now = clock.now()
    due = await store.orders_to_expire(db, now, _BATCH)

    async def expire(merchant_id: str, order_id: str) -> None:
        try:
            await close(db, directory, merchant_id, order_id, "expired")
        except (ChannelError, Refusal) as error:
            _log.info("expiry put off", order_id=order_id, code=error.code)

    claimed = []
    for merchant_id, order_id, due_at in due:
        try:
            async with db.tx() as tx:
                store.plan_expiry(tx, merchant_id, order_id, due_at, now + _EXPIRY_RETRY)
        except Conflict:
            continue
        claimed.append((merchant_id, order_id))
    await gather(expire(*each) for each in claimed)
    return len(due)
