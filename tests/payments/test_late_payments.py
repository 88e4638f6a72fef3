"""Success after an order was closed: by the merchant's policy it goes back, or the order is revived."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.payments.test_rules import ATTEMPT, MERCHANT_NUMBER, NOW, ORDER, SUCCESS
from tests.reconcile.test_books import ACCOUNT
from tongbao import cases, payments, reconcile
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.payments import LatePayment, OrderStatus, Verdict, store
from tongbao.payments.model import AttemptState
from tongbao.payments.service import _write_closed


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    """An order that is closed, its two attempts with it."""
    db = await Db.connect(database_url, size=4)
    closed = replace(ORDER, expire_due_at=None)
    attempts = [replace(ATTEMPT, attempt_id=name) for name in ("pay1", "pay2")]
    async with db.tx() as tx:
        tx.write("INSERT INTO merchants (merchant_id, name, created_at) VALUES ('mch1', 'one', $1)", NOW)
        store.insert_order(tx, closed)
        for attempt in attempts:
            store.insert_attempt(tx, attempt)
    async with db.tx() as tx:
        _write_closed(tx, closed, tuple(attempts), "expired", {"pay1": True, "pay2": True})
    yield db
    await db.close()


async def settle(db: Db, attempt_id: str, policy: LatePayment) -> payments.Settled:
    account, fact = replace(ACCOUNT, late_payment=policy), replace(SUCCESS, attempt_id=attempt_id)
    return await db.run(lambda tx: payments.settle(tx, account, MERCHANT_NUMBER, fact))


async def test_by_default_it_goes_back_as_a_case_with_a_deadline(db: Db) -> None:
    settled = await settle(db, "pay1", LatePayment.RETURN)
    assert (settled.decision.verdict, settled.decision.reason) == (Verdict.SURPLUS, "order_closed")
    order, attempts = await _read(db)
    assert order.status == OrderStatus.CLOSED
    assert attempts[0].return_at is not None
    (case,) = await cases.list_cases(db, "mch1")
    assert (case.kind, case.status, case.attempt_id) == ("payment_surplus", "open", "pay1")
    assert case.due_at > case.opened_at
    assert await _wrongs(db) == []


async def test_a_merchant_can_have_the_order_revived(db: Db) -> None:
    settled = await settle(db, "pay1", LatePayment.REVIVE)
    assert (settled.decision.verdict, settled.decision.reason) == (Verdict.SUCCEEDED, "revived")
    order, attempts = await _read(db)
    assert (order.status, order.paid_attempt_id) == (OrderStatus.PAID, "pay1")
    assert attempts[1].state == AttemptState.CLOSED
    assert await cases.list_cases(db, "mch1") == []
    assert await _wrongs(db) == []


async def test_of_two_late_payments_one_revives_the_order_and_the_other_goes_back(db: Db) -> None:
    verdicts = [(await settle(db, each, LatePayment.REVIVE)).decision.verdict for each in ("pay1", "pay2")]
    assert verdicts == [Verdict.SUCCEEDED, Verdict.SURPLUS]
    assert await _wrongs(db) == []


async def _read(db: Db) -> tuple[payments.Order, tuple[payments.Attempt, ...]]:
    found = await store.order(db, "mch1", "ord1")
    assert found is not None
    return found


async def _wrongs(db: Db) -> list[str]:
    return [line for finding in await reconcile.check_books(db, clock.now()) for line in finding.wrong]
