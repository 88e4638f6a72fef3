"""A merchant's receiver is down for three virtual days, others are dead for good, and the well notice nothing."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import Any

import orjson

from reliability import store
from reliability.crowd import insist
from reliability.hooks import Hook
from reliability.merchant import Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from tongbao import webhooks
from tongbao.kit import clock, signals

DOWN_HOURS = 72
DEAD_SHARE = 0.1
MOST_SLOWER = 1.2
"""How much longer than with everybody well the 99th percentile of the healthy endpoints may take."""

_EVENTFUL_HOURS = 6
_FIRST_SECONDS = 5
"""After so long a delivery is tried for the second time."""
_PATIENCE_HOURS = 48
_HANGING_SECONDS = 3600.0
_ARRIVAL_SECONDS = 30
_IN_FLIGHT_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Orders' own webhook addresses. In a calm burst events go to the well and the stand-ins, in a stormy one to the
    well, the down and the dead: as many addresses and events, so that only their health differs."""

    well: list[Hook]
    stand_ins: list[Hook]
    down: list[Hook]
    dead: list[Hook]


@dataclass(slots=True)
class Told:
    """One event that was caused, to which address, and when we asked for what caused it."""

    url: str
    order_id: str
    asked_at: float


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """Calm and stormy bursts of events take turns while the first six of the 72 hours pass; then the rest passes."""
    async with Stage.open() as stage, _couriers_heed(stage):
        merchant = await stage.merchant()
        endpoints = _endpoints(stage, merchant, size["endpoints"])
        progress.of(size["bursts"] + DOWN_HOURS)
        calm, stormy = await _bursts(stage, merchant, endpoints, size, random.Random(seed), progress)
        await _pass_time(stage, endpoints.down, DOWN_HOURS, size["step_minutes"], progress)
        for hook in endpoints.down:
            hook.is_dead = False
        back_up_at = stage.offset_seconds
        await _pass_time(stage, endpoints.down, DOWN_HOURS + _PATIENCE_HOURS, size["step_minutes"], progress)
        late_hours = (stage.offset_seconds - back_up_at) / 3600
        recover_seconds = await stage.settle()
        lost = _lost(endpoints, [*calm, *stormy])
        before, during = _percentile_99(endpoints, calm), _percentile_99(endpoints, stormy)
        slow = size["judge_speed"] and during > MOST_SLOWER * before
        violations = [*lost, *([f"healthy endpoints took {during / before:.2f} times as long"] if slow else [])]
        violations += await stage.violations()
    figures = {
        "events to the receiver that was down": sum(each.url in _urls(endpoints.down) for each in stormy),
        "endpoints": len(endpoints.well + endpoints.down + endpoints.dead),
        "virtual hours until all had arrived": round(late_hours, 1),
        "healthy p99 seconds, all well": round(before, 3),
        "healthy p99 seconds, others down": round(during, 3),
        "healthy p99 ratio": round(during / before, 2),
    }
    did = (
        f"{len(stormy)} events while {len(endpoints.down)} of {figures['endpoints']} endpoints were down for"
        f" {DOWN_HOURS} virtual hours and {len(endpoints.dead)} dead for good, in turns with {len(calm)} while all were"
        f" well"
    )
    return Outcome(did, len(stormy), tuple(violations), recover_seconds, figures)


@asynccontextmanager
async def _couriers_heed(stage: Stage) -> AsyncIterator[None]:
    """Let signals of ours reach the couriers: they look every second by themselves, which would be our time to wait."""
    ours = signals.Signals(stage.database_url)
    await ours.start()
    try:
        yield
    finally:
        await ours.stop()


def _endpoints(stage: Stage, merchant: Merchant, count: int) -> Endpoints:
    """One in ten is dead: half of those drop every connection, half take it and never answer."""
    dead = [stage.ear.hook() for _ in range(round(DEAD_SHARE * count))]
    for hook in dead[::2]:
        hook.is_dead = True
    for hook in dead[1::2]:
        hook.slow_seconds = _HANGING_SECONDS
    down = [stage.ear.hook() for _ in range((count - len(dead)) // 2)]
    for hook in down:
        hook.is_dead = True
    well = [stage.ear.hook() for _ in range(count - len(dead) - len(down))]
    stand_ins = [stage.ear.hook() for _ in range(len(down) + len(dead))]
    # Whoever is the merchant's own must have been told by the end; the dead are not.
    merchant.hooks += [*well, *stand_ins, *down]
    return Endpoints(well, stand_ins, down, dead)


async def _bursts(
    stage: Stage,
    merchant: Merchant,
    endpoints: Endpoints,
    size: Mapping[str, Any],
    chance: random.Random,
    progress: Progress,
) -> tuple[list[Told], list[Told]]:
    """So many bursts of each kind, in turns; before a stormy one time leaps, so that tries of old events are due, too.

    The leaps grow with the time that has passed, as the gaps between tries do. A leap makes due at once what would have
    come one by one: so it is made in parts, of which the last alone meets the burst.
    """
    calm: list[Told] = []
    stormy: list[Told] = []
    hooks_when_calm = endpoints.well + endpoints.stand_ins
    hooks_in_storm = endpoints.well + endpoints.down + endpoints.dead
    chance.shuffle(hooks_when_calm)
    chance.shuffle(hooks_in_storm)
    in_calm, in_storm = cycle(hooks_when_calm), cycle(hooks_in_storm)
    each = size["events"] // size["bursts"]
    parts = size["parts"]
    growth = (_EVENTFUL_HOURS * 3600 / _FIRST_SECONDS) ** (1 / (size["bursts"] * parts))
    for burst in range(size["bursts"]):
        calm += await _burst(merchant, endpoints, [next(in_calm) for _ in range(each)])
        for part in range(burst * parts, burst * parts + parts):
            await _leap(stage, _FIRST_SECONDS * growth**part * (growth - 1))
            if (part + 1) % parts:
                await _tried(stage, endpoints.down)
        stormy += await _burst(merchant, endpoints, [next(in_storm) for _ in range(each)])
        await _tried(stage, endpoints.down)
        progress.step("events, calm and stormy in turns")
    return calm, stormy


async def _burst(merchant: Merchant, endpoints: Endpoints, hooks: list[Hook]) -> list[Told]:
    """Cause one event for each of these addresses, all at once, and wait until those that are well were told."""
    times = Counter(hook.url for hook in hooks)
    awaited = [(hook, len(hook.told) + times[hook.url]) for hook in endpoints.well if hook.url in times]
    told = await asyncio.gather(*(_cause(merchant, hook) for hook in hooks))
    give_up_at = time.monotonic() + _ARRIVAL_SECONDS
    while any(len(hook.told) < count for hook, count in awaited) and time.monotonic() < give_up_at:
        await asyncio.sleep(0.01)
    return told


async def _cause(merchant: Merchant, hook: Hook) -> Told:
    """Open an order that names this address, and close it: one event."""
    draft = merchant.draft(notify=hook.url)
    order = await insist(lambda: merchant.order(draft))
    assert order and order.is_yes, order
    order_id, asked_at = order.body["id"], time.monotonic()
    closed = await insist(lambda: merchant.ask("POST", f"/v1/orders/{order_id}/close", {}))
    assert closed and closed.is_yes, closed
    return Told(hook.url, order_id, asked_at)


async def _pass_time(
    stage: Stage, down: list[Hook], until_hours: float, step_minutes: float, progress: Progress
) -> None:
    """Let time pass, from one try that is due to the next but in steps no shorter than so many minutes, until that hour
    or until nothing waits for the receiver that was down."""
    while due_at := await _next_try(stage, down):
        left_seconds = until_hours * 3600 - stage.offset_seconds
        if left_seconds <= 0:
            return
        next_seconds = (due_at - clock.now()).total_seconds()
        leap_seconds = min(left_seconds, max(next_seconds, step_minutes * 60))
        await _leap(stage, leap_seconds)
        await _tried(stage, down)
        progress.step(
            "time passes", int(stage.offset_seconds // 3600) - int((stage.offset_seconds - leap_seconds) // 3600)
        )


async def _leap(stage: Stage, seconds: float) -> None:
    """Let time pass at once, and have the couriers look what is due."""
    await stage.advance(seconds)
    signals.send(webhooks.TOPIC)


async def _tried(stage: Stage, down: list[Hook]) -> None:
    """Wait until everything that is due at the receiver that is down, or was, has been tried."""
    give_up_at = time.monotonic() + _ARRIVAL_SECONDS
    while (due_at := await _next_try(stage, down)) and due_at <= clock.now() and time.monotonic() < give_up_at:
        await asyncio.sleep(0.02)
    await asyncio.sleep(_IN_FLIGHT_SECONDS)


async def _next_try(stage: Stage, down: list[Hook]) -> datetime | None:
    """When the first of the deliveries that wait for these addresses is tried next; None where none waits."""
    waiting = await store.waiting(stage.db, [], [hook.url for hook in down])
    return waiting["webhooks"][1] if "webhooks" in waiting else None


def _lost(endpoints: Endpoints, told: list[Told]) -> list[str]:
    """Events of which an address that lives, or lives again, was never told."""
    living = [*endpoints.well, *endpoints.stand_ins, *endpoints.down]
    arrived = {(hook.url, order_id) for hook in living for order_id in _arrivals(hook)}
    dead = _urls(endpoints.dead)
    lost = [each for each in told if each.url not in dead and (each.url, each.order_id) not in arrived]
    return [f"7 {len(lost)} of {len(told)} events never arrived, such as order {lost[0].order_id}'s"] if lost else []


def _urls(hooks: list[Hook]) -> set[str]:
    return {hook.url for hook in hooks}


def _arrivals(hook: Hook) -> dict[str, float]:
    """When the event of each order came."""
    return {orjson.loads(hook.bodies[event_id])["data"]["order"]["id"]: at for event_id, at in hook.first_at.items()}


def _percentile_99(endpoints: Endpoints, told: list[Told]) -> float:
    """The seconds within which 99 in a hundred events had come where all is well, from asking for what caused them."""
    arrivals = {order_id: at for hook in endpoints.well for order_id, at in _arrivals(hook).items()}
    waits = [arrivals[each.order_id] - each.asked_at for each in told if each.order_id in arrivals]
    return statistics.quantiles(waits, n=100, method="inclusive")[98]


ROW = Row(
    name="webhooks-down",
    title="webhook receiver down 72 virtual hours, 10 % dead endpoints",
    short={"events": 500, "bursts": 20, "endpoints": 80, "parts": 1, "step_minutes": 240, "judge_speed": False},
    long={"events": 50_000, "bursts": 500, "endpoints": 400, "parts": 6, "step_minutes": 5, "judge_speed": True},
    run=run,
    not_covered="Receivers that answer slowly but in time, and networks that lose packets rather than connections.",
)
