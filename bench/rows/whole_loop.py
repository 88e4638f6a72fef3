"""(d) The whole loop: create an order with its first payment, prepare it at the gateway, pay, take the notification in,
deliver the webhook, read the order. Against the tutorial server, which has no webhook to deliver."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from statistics import median, quantiles

from bench.progress import Progress
from bench.report import Row
from bench.rounds import Plan, Results, compare, in_turn, warm_up
from bench.stage import Shop, Stage, analyze, arrivals, metered

CONTENDERS = 2

_SETTLING_SECONDS = 0.1


def measure(plan: Plan, progress: Progress, stage: Stage, ours: Shop, tutorial: Shop, rsa_ms: tuple[float, ...]) -> Row:
    """Walk whole payments in turn. `rsa_ms` is what two signatures and one verification cost in each round of (a)."""
    references = (f"loop-{number}" for number in itertools.count())

    def walk(shop: Shop, has_webhooks: bool) -> Results:
        return _walk(plan, stage, shop, has_webhooks, [next(references) for _ in range(plan.payments)])

    contenders: dict[str, Callable[[], Results]] = {
        "Tongbao": partial(walk, ours, True),
        "the tutorial server": partial(walk, tutorial, False),
    }
    warm_up("(d) whole loop", contenders, progress)
    analyze(ours, tutorial)
    own, peer = in_turn(plan.rounds, "(d) whole loop", contenders, progress)
    floor = [{"server_ms": ms} for ms in rsa_ms]
    return Row(
        f"(d) the whole loop, webhook delivered, {plan.concurrency} at once",
        "two signatures and one verification, from (a)",
        "the tutorial server, without webhooks",
        (
            compare("payments", "1/s", "rate", own, (), peer),
            compare("server CPU", "ms each", "server_ms", own, floor, peer, "at most 2.0 ms and 4 × floor"),
            compare("payments per CPU second", "1/s", "per_cpu_second", own, (), peer, "at least 4 × peer"),
            compare("PostgreSQL CPU", "ms each", "postgres_ms", own, (), peer),
            compare("created to read as paid, p50", "ms", "read_p50", own, (), peer),
            compare("created to read as paid, p99", "ms", "read_p99", own, (), peer),
            compare("created to webhook, p50", "ms", "webhook_p50", own),
            compare("created to webhook, p99", "ms", "webhook_p99", own),
        ),
    )


def _walk(plan: Plan, stage: Stage, shop: Shop, has_webhooks: bool, references: list[str]) -> Results:
    orders = [{**shop.order, **shop.payment, "reference": reference} for reference in references]
    with metered(stage, shop.server) as meter:
        done = stage.load.run(
            "loop",
            orders_url=shop.orders_url,
            sandbox_url=stage.sandbox.url,
            headers=shop.headers,
            paid_status=shop.paid_status,
            orders=orders,
            concurrency=plan.concurrency,
        )["orders"]
        webhooks = arrivals(stage, len(orders)) if has_webhooks else {}
        time.sleep(_SETTLING_SECONDS)  # until the worker has noted the last deliveries
    started = min(span[0] for span in done.values())
    ended = max(*(span[1] for span in done.values()), *webhooks.values())
    results = {
        "rate": len(orders) / (ended - started),
        "server_ms": 1000 * meter.server_cpu_seconds / len(orders),
        "per_cpu_second": len(orders) / meter.server_cpu_seconds,
        "postgres_ms": 1000 * meter.postgres_cpu_seconds / len(orders),
        **_percentiles("read", [end - start for start, end in done.values()]),
    }
    if webhooks:
        results |= _percentiles("webhook", [webhooks[order_id] - start for order_id, (start, _) in done.items()])
    return results


def _percentiles(name: str, seconds: list[float]) -> Results:
    return {f"{name}_p50": 1000 * median(seconds), f"{name}_p99": 1000 * quantiles(seconds, n=100)[98]}
