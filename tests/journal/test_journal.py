"""The journal of calls, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tongbao import journal
from tongbao.kit.db import Db
from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted

NOW = datetime(2026, 11, 21, 8, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    db = await Db.connect(database_url, size=2)
    async with db.tx() as tx:
        tx.write("INSERT INTO merchants (merchant_id, name, created_at) VALUES ('m1', 'one', $1)", NOW)
    yield db
    await db.close()


async def note(db: Db, verb: str, minutes: int, order_id: str = "ord1") -> None:
    async with db.tx() as tx:
        at = NOW + timedelta(minutes=minutes)
        journal.note(
            tx,
            merchant_id="m1",
            order_id=order_id,
            refund_id="rfd1",
            verb=verb,
            outcome="rejected",
            code="NOT_ENOUGH",
            at=at,
        )


async def verbs(db: Db, order_id: str = "ord1") -> list[str]:
    return [call.verb for call in await journal.calls_of(db, "m1", order_id)]


async def test_a_call_comes_back_as_it_was_noted(db: Db) -> None:
    await note(db, "refund", 0)
    (call,) = await journal.calls_of(db, "m1", "ord1")
    assert (call.merchant_id, call.order_id, call.attempt_id, call.refund_id) == ("m1", "ord1", None, "rfd1")
    assert (call.verb, call.outcome, call.code, call.detail) == ("refund", "rejected", "NOT_ENOUGH", "")
    assert call.asked_at == NOW


async def test_an_orders_calls_come_in_the_order_they_were_made(db: Db) -> None:
    await note(db, "query_refund", 1)
    await note(db, "refund", 0)
    await note(db, "close", 0, "ord2")
    assert await verbs(db) == ["refund", "query_refund"]


async def test_the_purge_forgets_the_oldest_first_and_nothing_younger(db: Db) -> None:
    for minutes, verb in enumerate(("prepare", "query", "close")):
        await note(db, verb, minutes)
    before = NOW + timedelta(minutes=2)
    assert await journal.purge(db, before, limit=1) == 1
    assert await verbs(db) == ["query", "close"]
    assert await journal.purge(db, before) == 1
    assert await journal.purge(db, before) == 0
    assert await verbs(db) == ["close"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Rejected("x"), "rejected"),
        (Unavailable("x"), "unavailable"),
        (Uncertain("x"), "uncertain"),
        (Untrusted("x"), "untrusted"),
    ],
)
def test_every_failure_has_its_word(error: ChannelError, outcome: str) -> None:
    assert journal.outcome_of(error) == outcome
