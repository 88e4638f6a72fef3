"""(d) The whole loop: create an order with its first payment, prepare it at the gateway, pay, take the notification in,
deliver the webhook, read the order. Against the tutorial server, which has no webhook to deliver; and (e) by Alipay,
against WeChat Pay."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial

from bench.progress import Progress
from bench.report import Row
from bench.rounds import Plan, Results, compare, in_turn, percentiles, warm_up
from bench.stage import Shop, Stage, analyze, arrivals, metered

CONTENDERS = 3

_SETTLING_SECONDS = 0.1


RsaMs = tuple[float, ...]
"""What the signatures and verifications of a payment cost, in each round of (a)."""


def measure(
    plan: Plan, progress: Progress, stage: Stage, ours: Shop, tutorial: Shop, rsa_ms: RsaMs, alipay_rsa_ms: RsaMs
) -> tuple[Row, Row]:
    """Walk whole payments in turn: (d) and (e)."""
    assert ours.by_alipay
    references = (f"loop-{number}" for number in itertools.count())

    def walk(shop: Shop, has_webhooks: bool) -> Results:
        return _walk(plan, stage, shop, has_webhooks, [next(references) for _ in range(plan.payments)])

    contenders: dict[str, Callable[[], Results]] = {
        "Tongbao": partial(walk, ours, True),
        "Tongbao by Alipay": partial(walk, ours.by_alipay, True),
        "the tutorial server": partial(walk, tutorial, False),
    }
    warm_up("(d) whole loop", contenders, progress)
    analyze(ours, tutorial)
    by_wechat, by_alipay, theirs = in_turn(plan.rounds, "(d) whole loop", contenders, progress)
    return _beside_the_tutorial(plan, by_wechat, rsa_ms, theirs), _by_channel(plan, by_alipay, alipay_rsa_ms, by_wechat)


def _beside_the_tutorial(plan: Plan, own: list[Results], rsa_ms: RsaMs, peer: list[Results]) -> Row:
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


def _by_channel(plan: Plan, alipay: list[Results], rsa_ms: RsaMs, wechat: list[Results]) -> Row:
    floor = [{"server_ms": ms} for ms in rsa_ms]
    return Row(
        f"(e) the same by Alipay, {plan.concurrency} at once",
        "one signature and two verifications, from (a)",
        "Tongbao by WeChat Pay, from (d)",
        (
            compare("payments", "1/s", "rate", alipay, (), wechat),
            compare("server CPU", "ms each", "server_ms", alipay, floor, wechat, "at most 1.2 × peer"),
            compare("PostgreSQL CPU", "ms each", "postgres_ms", alipay, (), wechat),
            compare("created to read as paid, p50", "ms", "read_p50", alipay, (), wechat),
            compare("created to read as paid, p99", "ms", "read_p99", alipay, (), wechat),
            compare("created to webhook, p50", "ms", "webhook_p50", alipay, (), wechat),
        ),
    )


def _walk(plan: Plan, stage: Stage, shop: Shop, has_webhooks: bool, references: list[str]) -> Results:
    orders = [{**shop.order, **shop.payment, "reference": reference} for reference in references]
    with metered(stage, shop.server) as meter:
        done = stage.load.run(
            "loop",
            orders_url=shop.orders_url,
            sandbox_url=stage.sandbox.url,
            gateway=shop.gateway,
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
        **percentiles("read", [end - start for start, end in done.values()]),
    }
    if webhooks:
        results |= percentiles("webhook", [webhooks[order_id] - start for order_id, (start, _) in done.items()])
    return results
