"""A notice in one short transaction: keep its bytes, settle, publish, commit, answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import structlog
from prometheus_client import Counter

from tongbao import payments, refunds
from tongbao.callbacks import store
from tongbao.callbacks.model import KeptNotice, Verdict, refund_settled, refused, settled
from tongbao.channels import Answer, Notice, RefundFact
from tongbao.kit import clock, ids
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import ChannelError, Refusal
from tongbao.merchants import Account, Directory

_KEPT_REFUSALS_A_MINUTE = 60
_HEADER_CHARACTERS = 1024
_UNPROVEN_BYTES = 8192
_NEVER_KEPT = frozenset({"authorization", "cookie"})
_log = structlog.get_logger()
_notices = Counter("tongbao_notices_total", "Notices of gateways by verdict", ["channel", "verdict"])
_refusals: dict[str, tuple[int, int]] = {}


async def receive(
    db: Db, directory: Directory, channel_name: str, account_id: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Take in one notification; the answer is the bytes its gateway expects.

    `headers` have lower-case names. Whatever arrives for an account of ours is kept with its verdict, also what cannot
    be proven (of that, a bounded number a minute). Twice is harmless. Raises Refusal(`unknown_account`, 404).
    """
    received_at = clock.now()
    account, channel = await directory.account(account_id)
    if account.channel != channel_name:
        raise Refusal("unknown_account", 404)
    keep = partial(_keep, account=account, received_at=received_at, headers=headers, body=body)
    try:
        notice = channel.parse_notify(headers, body)
    except ChannelError as error:
        verdict = refused(error.code)
        if error.code == "serial_unknown":
            await directory.unknown_serial(account_id)
        # Anybody can send this: its beginning is enough to see what it was.
        await _keep_refused(db, account, verdict, partial(keep, body=body[:_UNPROVEN_BYTES]))
    else:
        verdict = await db.run(lambda tx: _settle(tx, account, channel.merchant_number, notice, keep))
    _notices.labels(channel_name, verdict.code).inc()
    return channel.acknowledge(verdict.accepted, verdict.detail)


async def notices_of_order(db: Db, merchant_id: str, order_id: str) -> list[KeptNotice]:
    """The notices about an order's payments and refunds, oldest first."""
    return await store.of_order(db, merchant_id, order_id)


async def get_notice(db: Db, merchant_id: str, notice_id: str) -> KeptNotice:
    """A notice that came for a merchant's account. Raises Refusal `notice_not_found`."""
    found = await store.notice(db, merchant_id, notice_id) if ids.is_id(notice_id, "ntc") else None
    if found is None:
        raise Refusal("notice_not_found", 404, notice_id=notice_id)
    return found


async def _settle(tx: Tx, account: Account, merchant_number: str, notice: Notice, keep: Callable[..., None]) -> Verdict:
    attempt_id = refund_id = None
    if notice.fact is None:
        verdict = Verdict("not_about_payments", f"a notice of kind {notice.kind}: kept", True)
    elif isinstance(notice.fact, RefundFact):
        refund_outcome = await refunds.settle(tx, account, notice.fact)
        verdict = refund_settled(refund_outcome.decision)
        attempt_id = refund_outcome.attempt_id
        refund_id = refund_outcome.refund.refund_id if refund_outcome.refund else None
    else:
        outcome = await payments.settle(tx, account, merchant_number, notice.fact)
        verdict = settled(outcome.decision)
        attempt_id = outcome.attempt.attempt_id if outcome.attempt else None
    keep(tx, verdict, attempt_id, refund_id)
    return verdict


async def _keep_refused(db: Db, account: Account, verdict: Verdict, keep: Callable[..., None]) -> None:
    """Keep it for whoever looks for a missing payment, but let nobody fill the disk with forgeries."""
    minute = int(time.monotonic() // 60)
    last_minute, count = _refusals.get(account.account_id, (minute, 0))
    count = count + 1 if last_minute == minute else 1
    _refusals[account.account_id] = (minute, count)
    if count <= _KEPT_REFUSALS_A_MINUTE:
        is_last = count == _KEPT_REFUSALS_A_MINUTE
        _log.warning("notice refused", account_id=account.account_id, verdict=verdict.code, more_are_not_kept=is_last)
        async with db.tx() as tx:
            keep(tx, verdict)


def _keep(
    tx: Tx,
    verdict: Verdict,
    attempt_id: str | None = None,
    refund_id: str | None = None,
    *,
    account: Account,
    received_at: datetime,
    headers: Mapping[str, str],
    body: bytes,
) -> None:
    """Keep the notice as it came, with its verdict."""
    kept_headers = {
        name: value[:_HEADER_CHARACTERS].replace("\x00", "")
        for name, value in headers.items()
        if name not in _NEVER_KEPT
    }
    notice = KeptNotice(
        account.merchant_id,
        ids.new("ntc"),
        account.account_id,
        received_at,
        kept_headers,
        body,
        verdict.code,
        verdict.detail,
        attempt_id,
        refund_id,
    )
    store.insert(tx, notice)
