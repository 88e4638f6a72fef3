"""Anything that can happen to an order, in any order, compared with a small model after every step."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from reliability.chores import Chores
from reliability.machine import Machine
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from reliability.wallets import at_both
from reliability.world import World
from tongbao import merchants

_LOST = at_both({"notify": {"lose": 1}, "refund": {"seconds": 10.0**9, "slow": 1}})
"""Nothing is heard of by itself, and no refund ends by itself: rules tell, and rules end."""


async def run(size: Mapping[str, Any], number: int, progress: Progress) -> Outcome:
    """Let Hypothesis play, then wake the worker, let all come to an end, and check every invariant."""
    progress.of(size["examples"])
    async with Stage.open(worker_apart=True) as stage, Chores.open(stage) as chores:
        assert stage.worker
        await stage.worker.stop()
        world = World(stage, chores, (await stage.merchant(), await stage.merchant()), size["kills"])
        reviving = world.merchants[True].merchant_id
        await stage.db.run(lambda tx: merchants.set_late_payment(tx, reviving, "revive"))
        await stage.control("PUT", "/faults", _LOST)
        violations = await asyncio.to_thread(_play, world, size, number, progress)
        await stage.control("PUT", "/faults", {})
        await stage.worker.start()
        await stage.settle()
        violations += await stage.violations()
    return Outcome(
        did=f"any order of {size['steps']} things that can happen to orders, {size['examples']:,} times",
        count=world.verbs.total(),
        violations=tuple(violations),
        recover_seconds=world.recover_seconds or None,
        figures={"kills": world.kills, **world.verbs},
    )


def _play(world: World, size: Mapping[str, Any], number: int, progress: Progress) -> list[str]:
    """Run the examples. The first that ends otherwise than predicted is told with all its steps."""

    class Counted(Machine):
        def teardown(self) -> None:
            super().teardown()
            progress.step()

    Counted.world = world
    try:
        run_state_machine_as_test(
            seed(number)(Counted),
            settings=settings(
                max_examples=size["examples"],
                stateful_step_count=size["steps"],
                database=None,
                deadline=None,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
            _min_steps=size["steps"],  # else most examples end early
        )
    except Exception as error:  # whatever a rule raises is what was found
        return [f"{error}\n" + "\n".join(getattr(error, "__notes__", ()))]
    return []


ROW = Row(
    name="stateful",
    title="stateful model (Hypothesis rule-based machine) against the real server",
    short={"examples": 50, "steps": 40, "kills": 2},
    long={"examples": 2_000, "steps": 100, "kills": 100},
    run=run,
    not_covered=(
        "One thing happens at a time here, but for a killed server, and an order is paid with one wallet: what happens "
        "at once, or with two, is in the other rows. Every refund at Alipay arrives."
    ),
)
