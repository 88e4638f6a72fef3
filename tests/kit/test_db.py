"""Transactions that gather their writes, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tongbao.kit import clock
from tongbao.kit.db import AlreadyThere, Conflict, Db, Tx

INSERT = "INSERT INTO merchants (merchant_id, name, created_at) VALUES ($1, $2, $3)"
RENAME = "UPDATE merchants SET name = $2 WHERE merchant_id = $1 AND name = $3"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    db = await Db.connect(database_url, size=8)
    yield db
    await db.close()


async def names(db: Db) -> list[str]:
    return [row["name"] for row in await db.fetch("SELECT name FROM merchants ORDER BY name")]


async def test_writes_of_a_block_leave_as_one_statement(db: Db) -> None:
    async with db.tx() as tx:
        tx.write(INSERT, "m1", "one", clock.now(), rows=1)
        tx.write(INSERT, "m2", "two", clock.now(), rows=1)
        assert await tx.fetch("SELECT * FROM merchants") == [], "a read does not see the block's writes"
    rows = await db.fetch("SELECT DISTINCT xmin::text AS transaction FROM merchants")
    assert len(rows) == 1
    assert await names(db) == ["one", "two"]


async def test_a_write_that_touches_too_few_rows_undoes_all(db: Db) -> None:
    with pytest.raises(Conflict):
        async with db.tx() as tx:
            tx.write(INSERT, "m1", "one", clock.now(), rows=1)
            tx.write(RENAME, "m9", "nine", "none", rows=1)
    assert await names(db) == []


async def test_a_taken_key_is_named_and_undoes_all(db: Db) -> None:
    async with db.tx() as tx:
        tx.write(INSERT, "m1", "one", clock.now())
    with pytest.raises(AlreadyThere) as taken:
        async with db.tx() as tx:
            tx.write(INSERT, "m2", "two", clock.now(), rows=1)
            tx.write(INSERT, "m1", "one again", clock.now(), rows=1)
    assert taken.value.constraint == "merchants_pkey"
    assert await names(db) == ["one"]


async def test_an_exception_inside_the_block_writes_nothing(db: Db) -> None:
    told: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with db.tx() as tx:
            tx.write(INSERT, "m1", "one", clock.now())
            tx.after_commit(lambda: told.append("committed"))
            raise ZeroDivisionError
    assert await names(db) == []
    assert told == []


async def test_of_many_who_decide_on_the_same_row_each_decides_again_until_all_are_in(db: Db) -> None:
    async with db.tx() as tx:
        tx.write(INSERT, "m1", "0", clock.now())

    async def count_up(tx: Tx) -> None:
        row = await tx.fetch_row("SELECT name FROM merchants WHERE merchant_id = 'm1'")
        assert row is not None
        await asyncio.sleep(0.001)
        tx.write(RENAME, "m1", str(int(row["name"]) + 1), row["name"], rows=1)

    await asyncio.gather(*(db.run(count_up) for _ in range(4)))
    assert await names(db) == ["4"]


async def test_an_error_of_the_database_tells_nothing_of_what_is_in_its_rows(db: Db) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with db.tx() as tx:
            columns = "merchant_id, name, created_at, late_payment"
            sql = f"INSERT INTO merchants ({columns}) VALUES ('m', 'o8-openid', $1, 'x')"
            tx.write(sql, clock.now())
    assert "late_payment" in str(refused.value)
    assert "o8-openid" not in str(refused.value)


async def test_what_may_only_grow_cannot_be_changed_even_by_its_owner(db: Db) -> None:
    for table in ("postings", "seals", "sealed_postings", "events"):
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"UPDATE {table} SET merchant_id = 'x'"):
            with pytest.raises(Exception, match="permission denied"):
                await db.fetch(statement)
