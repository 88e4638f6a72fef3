"""Client parameters got ready before anybody taps, and got anew before they expire."""

from __future__ import annotations

from datetime import timedelta

import structlog

from tongbao.jobs import gather
from tongbao.kit import clock
from tongbao.kit.db import Conflict, Db, Tx
from tongbao.kit.errors import ChannelError, Refusal
from tongbao.merchants import Directory
from tongbao.payments import rules, store
from tongbao.payments.model import Attempt, Order, OrderStatus
from tongbao.payments.service import make_payable

_BATCH = 100
_RETRY = timedelta(seconds=30)
_log = structlog.get_logger()


async def refresh_due(db: Db, directory: Directory) -> int:
    """Prepare every prefetched attempt whose parameters are due; returns how many were looked at.

    Twice is harmless: preparing is, and a claim moves the due time.
    """
    due = await store.attempts_to_refresh(db, clock.now(), _BATCH)
    await gather(_refresh(db, directory, merchant_id, attempt_id) for merchant_id, attempt_id in due)
    return len(due)


async def _refresh(db: Db, directory: Directory, merchant_id: str, attempt_id: str) -> None:
    try:
        async with db.tx() as tx:
            claimed = await _claim(tx, merchant_id, attempt_id)
    except Conflict:
        return
    if claimed is None:
        return
    order, attempt = claimed
    try:
        account, channel = await directory.account(attempt.account_id)
        await make_payable(db, directory, account, channel, order, attempt, anew=True)
    except (ChannelError, Refusal) as error:
        # The tap prepares it then. What is uncertain is tried again soon, what was refused has ended the attempt.
        _log.info("prefetch put off", attempt_id=attempt_id, code=error.code)


async def _claim(tx: Tx, merchant_id: str, attempt_id: str) -> tuple[Order, Attempt] | None:
    found = await store.attempt(tx, merchant_id, attempt_id)
    now = clock.now()
    if found is None or found[1].refresh_at is None or found[1].refresh_at > now:
        return None
    order, attempt = found
    goes_on = rules.is_payable(attempt) and order.status == OrderStatus.OPEN and order.expires_at > now
    store.plan_refresh(tx, attempt, now + _RETRY if goes_on else None)
    return found if goes_on else None
