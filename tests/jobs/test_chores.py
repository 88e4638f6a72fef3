from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from prometheus_client import REGISTRY

from tongbao import jobs
from tongbao.jobs import Chore
from tongbao.kit.db import Db

LONG_SECONDS = 3600.0


@asynccontextmanager
async def running(chores: Iterable[Chore]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(jobs.run(chores, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


class Work:
    """Due things, handed out in batches."""

    def __init__(self, *batches: int | Exception) -> None:
        self.batches = list(batches)
        self.calls = 0
        self.started_at: list[float] = []
        self.called = asyncio.Condition()

    async def __call__(self) -> int:
        async with self.called:
            self.calls += 1
            self.started_at.append(time.monotonic())
            self.called.notify_all()
        batch = self.batches.pop(0) if self.batches else 0
        if isinstance(batch, Exception):
            raise batch
        return batch

    async def until(self, calls: int) -> None:
        async with asyncio.timeout(10), self.called:
            await self.called.wait_for(lambda: self.calls >= calls)

    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.started_at)]


async def keep_waking(chore: Chore) -> None:
    while True:
        chore.wake()
        await asyncio.sleep(0.001)


async def test_a_chore_goes_on_until_nothing_is_due() -> None:
    work = Work(5, 5, 1)
    async with running([Chore("orders", LONG_SECONDS, work)]):
        await work.until(4)
        await asyncio.sleep(0.05)
        assert work.calls == 4


async def test_a_resting_chore_looks_again_by_itself() -> None:
    work = Work()
    async with running([Chore("orders", 0.01, work)]):
        await work.until(3)


async def test_a_resting_chore_can_be_woken() -> None:
    work = Work()
    chore = Chore("orders", LONG_SECONDS, work)
    async with running([chore]):
        await work.until(1)
        chore.wake()
        await work.until(2)


async def test_what_comes_while_a_chore_works_is_not_overlooked() -> None:
    at_work, go_on = asyncio.Event(), asyncio.Event()
    calls = 0

    async def work() -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            at_work.set()
            await go_on.wait()
        return 0

    chore = Chore("orders", LONG_SECONDS, work)
    async with running([chore]):
        await at_work.wait()
        chore.wake()
        go_on.set()
        async with asyncio.timeout(10):
            while calls < 2:
                await asyncio.sleep(0.001)


async def test_a_gathering_chore_takes_many_wakes_at_once() -> None:
    work = Work()
    chore = Chore("orders", LONG_SECONDS, work, gather_seconds=0.05)
    async with running([chore]):
        waking = asyncio.create_task(keep_waking(chore))
        await work.until(4)
        waking.cancel()
    assert min(work.gaps()) >= 0.05


async def test_a_chore_that_fails_is_tried_again_and_others_go_on() -> None:
    failing, healthy = Work(RuntimeError("no"), RuntimeError("again no"), 0), Work()
    async with running([Chore("failing", 0.02, failing), Chore("healthy", 0.01, healthy)]):
        await failing.until(3)
        await healthy.until(3)
    assert REGISTRY.get_sample_value("tongbao_job_failures_total", {"job": "failing"}) == 2


async def test_a_failing_chore_rests_longer_each_time_whoever_wakes_it() -> None:
    work = Work(*(RuntimeError("no") for _ in range(100)))
    chore = Chore("failing longer", 0.05, work)
    async with running([chore]):
        waking = asyncio.create_task(keep_waking(chore))
        await work.until(4)
        waking.cancel()
    assert all(gap >= least for gap, least in zip(work.gaps(), (0.1, 0.2, 0.4), strict=False))


async def test_stop_lets_work_end_and_interrupts_rest() -> None:
    ended: list[bool] = []
    begun = asyncio.Event()

    async def slow() -> int:
        begun.set()
        await asyncio.sleep(0.05)
        ended.append(True)
        return 1

    async with running([Chore("slow", LONG_SECONDS, slow), Chore("resting", LONG_SECONDS, Work())]):
        await begun.wait()
    assert ended == [True]


async def test_chores_are_counted() -> None:
    work = Work(7, 2)
    async with running([Chore("counted", LONG_SECONDS, work)]):
        await work.until(3)
    assert REGISTRY.get_sample_value("tongbao_job_handled_total", {"job": "counted"}) == 9
    assert REGISTRY.get_sample_value("tongbao_job_last_run_timestamp_seconds", {"job": "counted"})


@pytest.fixture
async def two(module_database_url: str) -> AsyncIterator[tuple[Db, Db]]:
    here, there = await Db.connect(module_database_url), await Db.connect(module_database_url)
    yield here, there
    await here.close()
    await there.close()


async def test_only_one_process_at_a_time_does_what_only_one_may_do(two: tuple[Db, Db]) -> None:
    here, there = two
    async with jobs.only_one(here, "seal") as mine:
        assert mine
        async with jobs.only_one(there, "seal") as theirs, jobs.only_one(there, "bills") as other:
            assert not theirs
            assert other
    async with jobs.only_one(there, "seal") as theirs:
        assert theirs


async def test_a_lock_is_given_back_when_the_work_fails(two: tuple[Db, Db]) -> None:
    here, there = two
    with pytest.raises(RuntimeError):
        async with jobs.only_one(here, "seal"):
            raise RuntimeError("no")
    async with jobs.only_one(there, "seal") as theirs:
        assert theirs
