"""Running chores side by side. One that fails rests longer each time and never takes the others with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager, suppress

import structlog
from prometheus_client import Counter, Gauge

from tongbao.jobs import store
from tongbao.jobs.model import Chore
from tongbao.kit.db import Db

_LONGEST_BACKOFF_SECONDS = 60.0
_AT_ONCE = 20

LAST_RUN = Gauge("tongbao_job_last_run_timestamp_seconds", "When the chore last ended without failing", ["job"])
HANDLED = Counter("tongbao_job_handled", "Things the chore has handled", ["job"])
FAILURES = Counter("tongbao_job_failures", "Times the chore has failed", ["job"])

_log = structlog.get_logger(__name__)


async def run(chores: Iterable[Chore], stop: asyncio.Event) -> None:
    """Do all chores, concurrently, until `stop` is set; what has begun is brought to its end."""
    chores = tuple(chores)
    async with asyncio.TaskGroup() as group:
        for chore in chores:
            group.create_task(_keep_doing(chore, stop), name=f"chore {chore.name}")
        await stop.wait()
        for chore in chores:
            chore.wake()


async def gather(acts: Iterable[Awaitable[None]]) -> None:
    """Do all of these acts, a few at once."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(act: Awaitable[None]) -> None:
        async with gate:
            await act

    await asyncio.gather(*(one(act) for act in acts))


@asynccontextmanager
async def only_one(db: Db, name: str) -> AsyncIterator[bool]:
    """Whether we are the one process that does this now. Inside the block a database connection is held."""
    async with db.connection() as connection:
        mine = await store.try_lock(connection, name)
        try:
            yield mine
        finally:
            if mine:
                await store.unlock(connection, name)


async def _keep_doing(chore: Chore, stop: asyncio.Event) -> None:
    failures = 0
    while not stop.is_set():
        chore.woken.clear()
        handled = await _do(chore)
        if handled is None:
            failures += 1
            await _rest(_backoff_seconds(chore, failures), stop)
            continue
        failures = 0
        await asyncio.sleep(chore.gather_seconds)
        if not handled:
            await _rest(chore.every_seconds - chore.gather_seconds, chore.woken)


async def _do(chore: Chore) -> int | None:
    """How many things were handled; None if it failed."""
    try:
        handled = await chore.work()
    except Exception:
        _log.exception("chore_failed", chore=chore.name)
        FAILURES.labels(chore.name).inc()
        return None
    HANDLED.labels(chore.name).inc(handled)
    LAST_RUN.labels(chore.name).set_to_current_time()
    return handled


def _backoff_seconds(chore: Chore, failures: int) -> float:
    return min(max(chore.every_seconds, 0.1) * 2.0 ** min(failures - 1, 10), _LONGEST_BACKOFF_SECONDS)


async def _rest(seconds: float, end: asyncio.Event) -> None:
    """Sleep, but no longer than until this event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await end.wait()
