"""Writing calls down, in the transaction that writes what came of them; reading them; forgetting them."""

from __future__ import annotations

from datetime import datetime

from tongbao.journal import store
from tongbao.journal.model import Call
from tongbao.kit import ids
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import ChannelError


def note(
    tx: Tx,
    *,
    merchant_id: str,
    order_id: str,
    attempt_id: str | None = None,
    refund_id: str | None = None,
    verb: str,
    outcome: str,
    code: str,
    detail: str = "",
    at: datetime,
) -> None:
    """Write down what was asked of a gateway, and what came of it."""
    call_id = ids.new("cal")
    store.insert(
        tx, Call(merchant_id, call_id, order_id, attempt_id, refund_id, verb, outcome, code, detail, asked_at=at)
    )


def outcome_of(error: ChannelError) -> str:
    """Which kind of failure it is, in a word: rejected, unavailable, uncertain, untrusted."""
    return type(error).__name__.lower()


async def calls_of(db: Db, merchant_id: str, order_id: str) -> list[Call]:
    """What was asked about an order, its payments and refunds, in the order it was asked."""
    return await store.calls(db, merchant_id, order_id)


async def purge(db: Db, before: datetime, limit: int = 1000) -> int:
    """Forget up to `limit` of the calls made before that moment, the oldest first; returns how many."""
    return await store.purge(db, before, limit)
