"""Cases, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tongbao import cases
from tongbao.cases import Case, Entry, Kind
from tongbao.kit.db import AlreadyThere, Conflict, Db, Tx
from tongbao.kit.errors import Refusal

NOW = datetime(2026, 11, 21, 8, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    db = await Db.connect(database_url, size=4)
    for merchant_id in ("m1", "m2"):
        async with db.tx() as tx:
            tx.write("INSERT INTO merchants (merchant_id, name, created_at) VALUES ($1, 'one', $2)", merchant_id, NOW)
    yield db
    await db.close()


async def opened(db: Db, key: str = "held:pay1", merchant_id: str = "m1", **what: Any) -> Case:
    about: dict[str, Any] = {"kind": Kind.PAYMENT_HELD, "order_id": "ord1", "detail": {"why": "amount"}, "due_in": DAY}
    async with db.tx() as tx:
        case_id = cases.open_case(tx, merchant_id=merchant_id, key=key, at=NOW, **about | what)
    return await cases.get_case(db, merchant_id, case_id)


async def close(db: Db, case: Case) -> None:
    async with db.tx() as tx:
        cases.close_case(tx, case, by="li", resolution="accept", note="seen at the gateway", at=LATER)


async def close_by_key(db: Db, key: str) -> None:
    async with db.tx() as tx:
        cases.close_by_key(tx, "m1", key, by="tongbao", resolution="returned", at=LATER)


async def history(db: Db, case: Case) -> list[tuple[str, str]]:
    return [(entry.what, entry.who) for entry in await cases.history_of(db, case.merchant_id, case.case_id)]


async def test_a_case_comes_back_as_it_was_opened(db: Db) -> None:
    case = await opened(db, attempt_id="pay1", refund_id="rfd1")
    assert (case.kind, case.key, case.order_id, case.attempt_id, case.refund_id) == (
        "payment_held",
        "held:pay1",
        "ord1",
        "pay1",
        "rfd1",
    )
    assert (case.status, case.opened_at, case.due_at, case.detail) == ("open", NOW, NOW + DAY, {"why": "amount"})
    assert await cases.history_of(db, "m1", case.case_id) == [Entry(NOW, "tongbao", "opened", "")]


async def test_a_key_has_one_case_of_each_merchant_for_ever(db: Db) -> None:
    await close(db, await opened(db))
    with pytest.raises(AlreadyThere) as taken:
        await opened(db)
    assert taken.value.constraint == "cases_key"
    await opened(db, merchant_id="m2")


async def test_who_closes_a_case_how_and_why_is_kept(db: Db) -> None:
    case = await opened(db)
    async with db.tx() as tx:
        cases.add_note(tx, "m1", case.case_id, "wang", "asked the gateway", NOW)
    await close(db, case)
    closed = await cases.get_case(db, "m1", case.case_id)
    assert (closed.status, closed.closed_by, closed.resolution, closed.closed_at) == ("closed", "li", "accept", LATER)
    assert await cases.history_of(db, "m1", case.case_id) == [
        Entry(NOW, "tongbao", "opened", ""),
        Entry(NOW, "wang", "noted", "asked the gateway"),
        Entry(LATER, "li", "closed", "seen at the gateway"),
    ]


async def test_of_two_who_close_a_case_one_finds_it_closed(db: Db) -> None:
    case = await opened(db)
    await close(db, case)
    with pytest.raises(Conflict):
        await close(db, case)
    with pytest.raises(Conflict):
        await close(db, await cases.get_case(db, "m1", case.case_id))
    assert await history(db, case) == [("opened", "tongbao"), ("closed", "li")]


async def test_a_policy_closes_by_key_and_twice_is_harmless(db: Db) -> None:
    case, other = await opened(db), await opened(db, "held:pay2")
    for _ in range(2):
        await close_by_key(db, case.key)
    await close_by_key(db, "no such key")
    assert await history(db, case) == [("opened", "tongbao"), ("closed", "tongbao")]
    assert (await cases.get_case(db, "m1", case.case_id)).resolution == "returned"
    assert await history(db, other) == [("opened", "tongbao")]


async def test_however_many_close_a_key_at_once_it_is_closed_once(db: Db) -> None:
    case = await opened(db)

    async def close_it(tx: Tx) -> None:
        cases.close_by_key(tx, "m1", case.key, by="tongbao", resolution="returned", at=LATER)

    await asyncio.gather(*(db.run(close_it) for _ in range(16)))
    assert await history(db, case) == [("opened", "tongbao"), ("closed", "tongbao")]
    assert (await cases.get_case(db, "m1", case.case_id)).version == 2


async def test_a_key_is_known_once_it_has_a_case_and_stays_so(db: Db) -> None:
    assert not await cases.is_known(db, "m1", "held:pay1")
    await close(db, await opened(db))
    assert await cases.is_known(db, "m1", "held:pay1")
    assert not await cases.is_known(db, "m2", "held:pay1")


async def test_a_policy_leaves_what_a_person_closed(db: Db) -> None:
    case = await opened(db)
    await close(db, case)
    await close_by_key(db, case.key)
    assert await history(db, case) == [("opened", "tongbao"), ("closed", "li")]


async def test_a_case_is_its_merchants_alone(db: Db) -> None:
    case = await opened(db)
    for merchant_id, case_id in (("m2", case.case_id), ("m1", "cas" + "0" * 28), ("m1", "nonsense")):
        with pytest.raises(Refusal, match="case_not_found"):
            await cases.get_case(db, merchant_id, case_id)
    assert await cases.find_case(db, case.case_id) == case
    assert await cases.find_case(db, "nonsense") is None


async def test_the_list_names_the_most_urgent_first(db: Db) -> None:
    later = await opened(db, "a")
    sooner = await opened(db, "b", due_in=timedelta(hours=1))
    closed = await opened(db, "c", due_in=timedelta(minutes=1))
    await close(db, closed)
    found = await cases.list_cases(db, "m1")
    assert [case.case_id for case in found] == [sooner.case_id, later.case_id, closed.case_id]
    assert [case.case_id for case in await cases.list_cases(db, "m1", limit=1)] == [sooner.case_id]


async def test_the_list_can_be_narrowed(db: Db) -> None:
    one = await opened(db, "a")
    other = await opened(db, "b", kind=Kind.REFUND_ABNORMAL, order_id="ord2")
    theirs = await opened(db, "a", merchant_id="m2")
    await close(db, one)
    assert await cases.list_cases(db, "m1", status="open") == [other]
    assert await cases.list_cases(db, "m1", kind="refund_abnormal") == [other]
    assert await cases.list_cases(db, "m1", order_id="ord2", status="closed") == []
    everybodys = await cases.list_cases(db, None, status="open")
    assert {case.case_id for case in everybodys} == {other.case_id, theirs.case_id}


async def test_the_backlog_counts_what_is_open_and_what_is_overdue(db: Db) -> None:
    await opened(db, "a")
    await opened(db, "b", due_in=timedelta(minutes=1))
    await close(db, await opened(db, "c", kind=Kind.REFUND_CLOSED))
    assert await cases.backlog(db, LATER) == [("payment_held", 2, 1)]
