"""Server and worker are killed at random instants while a shop is busy, and started again at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.shopping import shop_through
from reliability.stage import Process, Stage

_LONGEST_PEACE_SECONDS = 1.0


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """Shop while two killers are about: one for the server, one for the worker."""
    async with Stage.open(worker_apart=True) as stage:
        killers = [
            _kill(stage, process, size["kills"] // 2, random.Random(f"{seed} {process.program.name}"))
            for process in stage.programs()
        ]
        return await shop_through(stage, size, seed, progress, *killers)


async def _kill(stage: Stage, process: Process, times: int, chance: random.Random) -> list[float]:
    """Kill a program so often; the seconds it took each time until it was ready again."""
    seconds = []
    for _ in range(times):
        await asyncio.sleep(chance.uniform(0, _LONGEST_PEACE_SECONDS))
        seconds.append(await stage.restart(process))
    return seconds


ROW = Row(
    name="kill-server",
    title="kill -9 of server and worker at random instants under load",
    short={"payments": 1000, "kills": 20},
    long={"payments": 20_000, "kills": 200},
    run=run,
    long_seeds=(1, 2, 3),
)
