"""PostgreSQL is killed at random instants while a shop is busy; the server's own supervision starts it again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.shopping import shop_through
from reliability.stage import Stage

_LONGEST_PEACE_SECONDS = 2.0


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """Shop while PostgreSQL dies again and again."""
    async with Stage.open(durable=True, worker_apart=True) as stage:
        killer = _kill(stage, size["kills"], random.Random(f"{seed} kills"))
        return await shop_through(stage, size, seed, progress, killer)


async def _kill(stage: Stage, times: int, chance: random.Random) -> list[float]:
    """Kill the postmaster so often; the seconds it took each time until a server said that it was ready again."""
    seconds = []
    for _ in range(times):
        await asyncio.sleep(chance.uniform(0, _LONGEST_PEACE_SECONDS))
        began, dead = time.monotonic(), stage.kill_postgres()
        while await asyncio.to_thread(stage.postmaster) in (None, dead):
            await asyncio.sleep(0.05)
        await stage.server.ready()
        seconds.append(time.monotonic() - began)
    return seconds


ROW = Row(
    name="kill-postgres",
    title="kill -9 of PostgreSQL, durable settings",
    short={"payments": 500, "kills": 3},
    long={"payments": 10_000, "kills": 60},
    run=run,
    not_covered="The kernel outlives PostgreSQL, so what was written but not synced is still there.",
)
