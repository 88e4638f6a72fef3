from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from tongbao.kit import signals
from tongbao.kit.signals import Signals

# Two `Signals` on two connections are what two processes are to each other.


@pytest.fixture
async def start(module_database_url: str) -> AsyncIterator[Callable[[], Awaitable[Signals]]]:
    running = []

    async def start_one() -> Signals:
        running.append(Signals(module_database_url))
        await running[-1].start()
        return running[-1]

    yield start_one
    for one in running:
        await one.stop()


Start = Callable[[], Awaitable[Signals]]


async def test_a_signal_reaches_another_process(start: Start) -> None:
    here, there = await start(), await start()
    with there.watch("orders", "ord1") as heard, there.watch("orders", "ord2") as other:
        here.send("orders", "ord1")
        await asyncio.wait_for(heard.wait(), 10)
        assert not other.is_set()


async def test_a_waiter_in_the_same_process_is_woken_at_once(start: Start) -> None:
    here = await start()
    with here.watch("orders", "ord1") as heard:
        here.send("orders", "ord1")
        assert heard.is_set()


async def test_one_s_own_signal_is_heard_once(start: Start) -> None:
    here, there = await start(), await start()
    heard: list[str] = []
    here.listen("webhooks", heard.append)
    with there.watch("webhooks", "") as arrived:
        here.send("webhooks")
        await asyncio.wait_for(arrived.wait(), 10)
    there.send("webhooks", "from there")
    while "from there" not in heard:
        await asyncio.sleep(0.01)
    assert heard == ["", "from there"]


async def test_what_is_said_together_travels_together(start: Start, module_database_url: str) -> None:
    here = await start()
    payloads: list[str] = []
    ear = await asyncpg.connect(module_database_url)
    await ear.add_listener("tongbao", lambda *notice: payloads.append(notice[3]))
    for number in range(1000):
        here.send("orders", f"ord{number % 500:026}")
    while sum(payload.count("\n") + 1 for payload in payloads) < 500:
        await asyncio.sleep(0.01)
    assert sum(payload.count("\n") + 1 for payload in payloads) == 500  # said twice, carried once
    assert len(payloads) == 3  # 500 lines of 37 bytes, of which one NOTIFY carries 213
    await ear.close()


async def test_a_waiter_who_hears_nothing_is_told_so(start: Start) -> None:
    here = await start()
    assert await here.wait("orders", "ord1", timeout_seconds=0.05) is False


async def test_a_waiter_who_hears_is_told_so(start: Start) -> None:
    here, there = await start(), await start()
    waiting = asyncio.create_task(there.wait("orders", "ord1", timeout_seconds=30))
    await asyncio.sleep(0)
    here.send("orders", "ord1")
    assert await waiting is True


async def test_a_broken_connection_is_mended(start: Start, module_database_url: str) -> None:
    here, there = await start(), await start()
    killer = await asyncpg.connect(module_database_url)
    killed = await killer.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'tongbao signals' AND datname = current_database()"
    )
    assert len(killed) == 2
    await killer.close()
    with there.watch("orders", "ord1") as heard:
        async with asyncio.timeout(30):
            while not heard.is_set():  # what is sent meanwhile may be lost: a delay, no more
                here.send("orders", "ord1")
                await asyncio.sleep(0.05)


async def test_sending_where_nothing_is_started_is_harmless() -> None:
    signals.send("orders", "ord1")


async def test_rooms_send_through_what_the_process_has_started(start: Start) -> None:
    here = await start()
    with here.watch("orders", "ord1") as heard:
        signals.send("orders", "ord1")
        assert heard.is_set()


async def test_an_address_nobody_answers_at_is_an_error_at_once() -> None:
    with pytest.raises(OSError):
        await Signals("postgresql://nobody@127.0.0.1:1/none").start()
