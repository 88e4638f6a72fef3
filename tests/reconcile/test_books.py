"""Broken books are named. Each is broken on purpose, by the owner of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from tests.payments.test_rules import ATTEMPT, MERCHANT_NUMBER, NOW, ORDER, SUCCESS
from tongbao import payments, reconcile
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.merchants import Account
from tongbao.payments import store

ACCOUNT = Account("mch1", "acc1", "wechatpay", MERCHANT_NUMBER, {}, b"", [], NOW, "active", 1, NOW)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    """Books of one paid order, as they come about."""
    db = await Db.connect(database_url, size=2)
    async with db.tx() as tx:
        tx.write("INSERT INTO merchants (merchant_id, name, created_at) VALUES ('mch1', 'one', $1)", NOW)
        store.insert_order(tx, ORDER)
        store.insert_attempt(tx, replace(ATTEMPT, created_at=clock.now()))
    settled = await db.run(lambda tx: payments.settle(tx, ACCOUNT, MERCHANT_NUMBER, SUCCESS))
    assert settled.decision.verdict is payments.Verdict.SUCCEEDED
    yield db
    await db.close()


async def wrongs(db: Db) -> list[str]:
    findings = await reconcile.check_books(db, clock.now())
    return [line for finding in findings for line in finding.wrong]


async def test_whole_books_hold(db: Db) -> None:
    assert await wrongs(db) == []


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE orders SET status = 'open', expire_due_at = now()", "is open with 1 succeeded"),
        ("UPDATE orders SET status = 'open'", "nobody will close it"),
        ("UPDATE orders SET paid_attempt_id = 'pay0'", "is paid with 1 succeeded"),
        ("UPDATE attempts SET amount = amount + 1", "of 1801 fen, posted: 1800"),
        ("UPDATE attempts SET ask_at = now()", "still to be asked about"),
        ("UPDATE attempts SET state = 'pending'", "nobody will ask about it"),
        ("GRANT DELETE ON events TO CURRENT_USER; DELETE FROM events", "has 0 events"),
        ("GRANT DELETE ON postings TO CURRENT_USER; DELETE FROM postings", "posted: nothing"),
        (
            "INSERT INTO postings SELECT merchant_id, 'p0', 'k0', 'a', 'b', 999, 'CNY', order_id, 'pay0', posted_at"
            " FROM postings",
            "posting p0 of 999 fen (k0) is of no attempt",
        ),
        (
            "INSERT INTO events SELECT merchant_id, 'e0', type, 'ord0', NULL, 'other', payload, created_at FROM events",
            "event e0 is of order ord0, which is not there",
        ),
    ],
)
async def test_a_broken_book_is_named(db: Db, database_url: str, damage: str, named: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(damage.encode())
    found = await wrongs(db)
    assert any(named in line for line in found), found


async def test_a_gateways_book_that_differs_is_named(db: Db) -> None:
    same = await reconcile.compare_with_gateway(db, ACCOUNT, reconcile.GatewayBook(MERCHANT_NUMBER, {"pay1": 1800}))
    assert same.wrong == ()
    other = reconcile.GatewayBook(MERCHANT_NUMBER, {"pay1": 1801, "pay2": 5})
    assert (await reconcile.compare_with_gateway(db, ACCOUNT, other)).wrong == (
        "attempt pay1: 1800 fen in our books, 1801 in the gateway's",
        "attempt pay2: 0 fen in our books, 5 in the gateway's",
    )
