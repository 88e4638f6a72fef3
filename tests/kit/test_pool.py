"""Connections are handed round, and nobody waits for one for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tongbao.kit.pool import Pool


class Connection:
    """As much of a database connection as a pool sees."""

    def is_closed(self) -> bool:
        return False

    def terminate(self) -> None:
        return None


async def connect() -> Any:
    return Connection()


async def test_whoever_waits_gets_the_next_connection_that_comes_back() -> None:
    pool = Pool(connect, 1)
    first = await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.give_back(first, is_whole=True)
    assert await waiting is first


async def test_waiting_for_a_connection_that_never_comes_back_ends_with_an_error() -> None:
    pool = Pool(connect, 1, patience_seconds=0.01)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5), pool.use(), pool.use():
            pass
    async with asyncio.timeout(5), pool.use() as connection:
        assert isinstance(connection, Connection), "the use that waited in vain has left nothing behind"


async def test_patience_ends_however_often_another_is_quicker() -> None:
    pool = Pool(connect, 1, patience_seconds=0.05)
    held = await pool.take()
    waiting = asyncio.create_task(pool.take())
    while not waiting.done():
        await asyncio.sleep(0.005)
        pool.give_back(held, is_whole=True)
        held = await pool.take()
    with pytest.raises(TimeoutError):
        await waiting


async def test_a_turn_that_comes_too_late_goes_to_the_next() -> None:
    pool = Pool(connect, 1)
    held = await pool.take()
    first, second = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.give_back(held, is_whole=True)
    first.cancel()
    assert await asyncio.wait_for(second, 5) is held
