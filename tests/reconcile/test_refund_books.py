"""Broken books of money going back are named. Each is broken on purpose, by the owner of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from tests.payments.test_rules import ATTEMPT, MERCHANT_NUMBER, NOW, ORDER, SUCCESS
from tests.reconcile.test_books import ACCOUNT, wrongs
from tests.refunds.test_rules import DONE, REFUND
from tongbao import cases, payments, reconcile, refunds
from tongbao.channels import RefundFact, RefundState
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.payments import store
from tongbao.refunds.model import RefundState as State
from tongbao.refunds.service import _write_new


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    """Books of one paid order, of which 500 fen are on their way back."""
    db = await Db.connect(database_url, size=2)
    async with db.tx() as tx:
        tx.write("INSERT INTO merchants (merchant_id, name, created_at) VALUES ('mch1', 'one', $1)", NOW)
        store.insert_order(tx, ORDER)
        store.insert_attempt(tx, ATTEMPT)
    await db.run(lambda tx: payments.settle(tx, ACCOUNT, MERCHANT_NUMBER, SUCCESS))
    found = await payments.find_attempt(db, "mch1", "pay1")
    assert found is not None
    async with db.tx() as tx:
        _write_new(tx, *found, replace(REFUND, state=State.REQUESTED, sent_at=None, version=1, created_at=clock.now()))
    await says(db, RefundFact(REFUND.refund_id, RefundState.PENDING, "PROCESSING"))
    yield db
    await db.close()


async def says(db: Db, fact: RefundFact) -> refunds.Settled:
    """The gateway says something of the refund."""
    return await db.run(lambda tx: refunds.settle(tx, ACCOUNT, fact))


ABNORMAL = replace(DONE, state=RefundState.ABNORMAL, raw_state="ABNORMAL")
CLOSED = replace(DONE, state=RefundState.CLOSED, raw_state="CLOSED")


@pytest.mark.parametrize(
    "words",
    [(), (DONE,), (CLOSED,), (ABNORMAL,), (ABNORMAL, DONE), (CLOSED, DONE), (CLOSED, ABNORMAL, CLOSED, DONE)],
)
async def test_whichever_way_a_refund_goes_the_books_hold(db: Db, words: tuple[RefundFact, ...]) -> None:
    for word in words:
        assert (await says(db, word)).decision.verdict is refunds.Verdict.MOVED
    assert await wrongs(db) == []
    gone = 500 if words and words[-1] is DONE else 0
    book = reconcile.GatewayBook(MERCHANT_NUMBER, {"pay1": 1800 - gone})
    assert (await reconcile.compare_with_gateway(db, ACCOUNT, book)).wrong == ()


async def test_an_abnormal_refund_that_was_handed_over_and_arrives_after_all_is_booked_so(db: Db) -> None:
    await says(db, ABNORMAL)
    async with db.tx() as tx:
        await refunds.hand_over(tx, "mch1", REFUND.refund_id, "li.lei", "in cash")
    assert await wrongs(db) == []
    await says(db, DONE)
    assert await wrongs(db) == []


async def test_a_word_that_does_not_match_is_one_case_and_moves_nothing(db: Db) -> None:
    for _ in range(2):
        verdict = (await says(db, replace(DONE, amount=1))).decision.verdict
        assert verdict is refunds.Verdict.MISMATCHED
    (case,) = await cases.list_cases(db, "mch1")
    assert (case.kind, case.detail["reason"]) == ("refund_mismatch", "wrong_amount")
    assert await wrongs(db) == []


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE attempts SET refunded = 0", "counts 0 as given back, and has refunds of 500"),
        ("UPDATE refunds SET amount = 1801; UPDATE attempts SET refunded = 1801", "counts 1801 as given back"),
        (
            "UPDATE refunds SET state = 'succeeded', ask_at = NULL",
            "500 were taken from what we owe, 0 left the gateway",
        ),
        ("UPDATE refunds SET state = 'closed', ask_at = NULL", "is closed, and 500 were taken"),
        ("UPDATE refunds SET ask_at = NULL", "is sent and nobody will ask about it"),
        ("UPDATE refunds SET state = 'abnormal'", "is abnormal, and no case is open"),
        ("UPDATE attempts SET state = 'surplus'", "are neither sent back nor anybody's case"),
        ("UPDATE attempts SET state = 'held', ask_at = now()", "is held, and no case is open"),
        ("GRANT DELETE ON events TO CURRENT_USER; DELETE FROM events WHERE type = 'refund.sent'", "has 0 events"),
        (
            "INSERT INTO cases SELECT merchant_id, 'cas1', 'payment_held', 'k', order_id, attempt_id, NULL, '{}',"
            " 'open', 1, posted_at, posted_at FROM postings LIMIT 1",
            "the payment is not held any more",
        ),
    ],
)
async def test_a_broken_book_is_named(db: Db, database_url: str, damage: str, named: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(damage.encode())
    found = await wrongs(db)
    assert any(named in line for line in found), found
