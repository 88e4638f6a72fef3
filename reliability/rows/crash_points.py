"""A server dies before and after every commit and every call over the network, one such point at a time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from reliability.crashing import Orders
from reliability.merchant import Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from reliability.stories import STORIES, Refused, Story
from reliability.wallets import at_both

WEATHERS: tuple[dict[str, Any], ...] = (
    {},
    {"api": {"server_error": 0.1}},
    {"api": {"rate_limit": 0.1}},
    {"notify": {"repeat": 0.3, "reorder": 0.3}},
    {"notify": {"lose": 0.2, "forge": 0.2, "probe": 0.2}},
)
"""What the gateway is like besides: fixed before anything was measured. The short form has fair weather."""

ROOMS = ("buyers", "callbacks", "decisions", "ledger", "merchants", "payments", "refunds", "web", "webhooks")
"""Every room that writes or asks: one without a point would be a hole in the record."""

_SOON_SECONDS = 1.5
_FIRST_CHORES_SECONDS = 0.3


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """First every story is told undisturbed, to learn the points; then each point kills a server once."""
    chance = random.Random(seed)
    async with Stage.open(command=("-m", "reliability.crashing")) as stage:
        teller = Teller(stage, await stage.merchant(), Orders(stage.folder))
        passed = await teller.learn_points()
        points = sorted({point for found in passed.values() for point in found})
        stage.weather = chance.choice(WEATHERS[: size["weathers"]]) | {"seed": seed}
        progress.of(len(points))
        spared, seconds = [], [0.0]
        for point in points:
            stories = [story for story in STORIES if point in passed[story]]
            chance.shuffle(stories)
            back = await teller.die_at(point, stories, chance.randint(1, size["latest_occurrence"]))
            if back is None:
                spared.append(point)
            else:
                seconds.append(back)
            progress.step(point)
        settled_seconds = await teller.come_to_an_end()
        unvisited = [room for room in ROOMS if not any(point.startswith(f"{room}.") for point in points)]
        violations = [*await stage.violations(), *(f"no story passes a point of {room}" for room in unvisited)]
    count = len(points) - len(spared)
    figures: dict[str, float | str] = {"points": len(points), "seconds_to_settle": round(settled_seconds, 1)}
    if spared:
        figures["not_reached_again"] = ", ".join(spared)
    did = f"A server died at each of {count} points, and came back."
    return Outcome(did, count, tuple(violations), max(seconds), figures)


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells stories to servers that die. One that was cut off goes on beside the next."""

    stage: Stage
    merchant: Merchant
    orders: Orders
    cut_off: list[asyncio.Task[None]] = field(default_factory=list)

    async def learn_points(self) -> dict[Story, set[str]]:
        """Which points each story passes; what a new merchant's first minute does is none of them."""
        passed = {}
        await STORIES[0].tell(self.merchant)
        await STORIES[1].tell(self.merchant)
        await asyncio.sleep(_FIRST_CHORES_SECONDS)
        for story in STORIES:
            with self.orders.recording() as found:
                await story.tell(self.merchant)
                await self.stage.settle()
            await self.stage.control("PUT", "/faults", {})
            passed[story] = found
        return passed

    async def die_at(self, point: str, stories: list[Story], occurrence: int) -> float | None:
        """Tell stories that pass a point until a server has died there; the seconds until the next one answered.

        For the second or third occurrence as many are told side by side; where that does not come about, the first
        must do. Another story that goes on beside it can move the clock past what it waits for: then it is told once
        more. None where nobody died.
        """
        for story, times in [
            (story, times) for times in sorted({occurrence, 1}, reverse=True) for story in stories * 2
        ]:
            await self.stage.control("PUT", "/faults", at_both(self.stage.weather))
            self.orders.arm(point, times)
            told = [asyncio.create_task(self._tell(story)) for _ in range(times)]
            while self.orders.is_armed and not all(each.done() for each in told):
                await asyncio.sleep(0.005)
            died = await self._dies_soon()
            self.orders.disarm()
            self.cut_off.extend(told)
            if died:
                return await self._seconds_until_back()
        return None

    async def come_to_an_end(self) -> float:
        """Finish every story, and let everything settle; the seconds the latter took."""
        await asyncio.gather(*self.cut_off)
        await self.stage.control("PUT", "/faults", {})
        return await self.stage.settle()

    async def _tell(self, story: Story) -> None:
        with suppress(Refused):
            await story.tell(self.merchant)

    async def _dies_soon(self) -> bool:
        """Whether it has died, or does of what is left to be done after the story."""
        give_up_at = time.monotonic() + _SOON_SECONDS
        while self.orders.is_armed and time.monotonic() < give_up_at:
            await self.stage.advance(1)
            await asyncio.sleep(0.02)
        return not self.orders.is_armed

    async def _seconds_until_back(self) -> float:
        began = time.monotonic()
        await self.stage.server.ready()
        return time.monotonic() - began


ROW = Row(
    name="crash-points",
    title="named crash points: before and after every commit and gateway call of pay, notify, refund, webhook",
    short={"latest_occurrence": 1, "weathers": 1},
    long={"latest_occurrence": 3, "weathers": len(WEATHERS)},
    run=run,
    long_seeds=tuple(range(1, 26)),
    not_covered="It dies between two lines of ours: what dies within a commit is left to `kill-server`.",
)
