"""(b) Creating an order, without a payment: ours, an empty handler, and the tutorial server's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson

from bench.processes import Server
from bench.progress import Progress
from bench.report import Row
from bench.rounds import Plan, Results, compare, in_turn, warm_up
from bench.stage import Shop, Stage, analyze, burst

CONTENDERS = 3


def measure(plan: Plan, progress: Progress, stage: Stage, ours: Shop, empty: Server, tutorial: Shop) -> Row:
    """Create in turn, here and there and there."""
    numbers = itertools.count()

    def create(server: Server, url: str, headers: Mapping[str, str], order: Mapping[str, Any]) -> Results:
        bodies = ({**order, "reference": f"create-{next(numbers)}"} for _ in range(plan.creations))
        requests = [{"body": orjson.dumps(body).decode()} for body in bodies]
        return burst(stage, server, requests, url=url, headers=headers, status=201, concurrency=plan.concurrency)

    contenders: dict[str, Callable[[], Results]] = {
        "Tongbao": partial(create, ours.server, ours.orders_url, ours.headers, ours.order),
        "the empty handler": partial(create, empty, empty.url + "/v1/orders", ours.headers, ours.order),
        "the tutorial server": partial(create, tutorial.server, tutorial.orders_url, tutorial.headers, tutorial.order),
    }
    warm_up("(b) create", contenders, progress)
    analyze(ours, tutorial)
    own, floor, peer = in_turn(plan.rounds, "(b) create", contenders, progress)
    return Row(
        f"(b) create an order, {plan.concurrency} at once",
        "a FastAPI handler that returns {}, served alike",
        "the tutorial server, ORM insert",
        (
            compare("requests", "1/s", "rate", own, floor, peer),
            compare("server CPU", "ms each", "server_ms", own, floor, peer),
            compare("PostgreSQL CPU", "ms each", "postgres_ms", own, (), peer),
        ),
    )
