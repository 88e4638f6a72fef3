"""(f) From tap to pay sheet: what the buyer waits for, with the client parameters got ready ahead and without.

The sandbox answers within a millisecond or two, over loopback. A real gateway takes its time, and whoever has not
prefetched waits for that, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import orjson

from bench.progress import Progress
from bench.report import Row
from bench.rounds import Plan, Results, compare, in_turn, warm_up
from bench.stage import Shop, Stage, analyze, burst

CONTENDERS = 4


def measure(plan: Plan, progress: Progress, stage: Stage, ours: Shop, signing_ms: tuple[float, ...]) -> Row:
    """Tap in turn. `signing_ms` is what a signature costs in each round of (a)."""
    numbers = itertools.count()

    def tap(shop: Shop, prefetch: bool) -> Results:
        references = (f"tap-{next(numbers)}" for _ in range(plan.taps))
        return _tap(plan, stage, shop, prefetch, list(references))

    assert ours.by_alipay
    contenders: dict[str, Callable[[], Results]] = {
        f"{name}, {how}": partial(tap, shop, prefetch)
        for name, shop in (("WeChat Pay", ours), ("Alipay", ours.by_alipay))
        for how, prefetch in (("prefetched", True), ("at the tap", False))
    }
    warm_up("(f) tap", contenders, progress)
    analyze(ours)
    wechat_ahead, wechat, alipay_ahead, alipay = in_turn(plan.rounds, "(f) tap", contenders, progress)
    floor = [{"each_p50": ms} for ms in signing_ms]
    return Row(
        f"(f) from tap to pay sheet, prefetched, {plan.concurrency} at once",
        "one signature, which WeChat wants fresh at every tap, from (a)",
        "the same without prefetch",
        (
            compare("WeChat Pay, p50", "ms", "each_p50", wechat_ahead, floor, wechat),
            compare("WeChat Pay, p99", "ms", "each_p99", wechat_ahead, (), wechat),
            compare("WeChat Pay, server CPU", "ms each", "server_ms", wechat_ahead, (), wechat),
            compare("Alipay, p50", "ms", "each_p50", alipay_ahead, (), alipay),
            compare("Alipay, p99", "ms", "each_p99", alipay_ahead, (), alipay),
            compare("Alipay, server CPU", "ms each", "server_ms", alipay_ahead, (), alipay),
        ),
    )


def _tap(plan: Plan, stage: Stage, shop: Shop, prefetch: bool, references: list[str]) -> Results:
    """Open orders, prepared ahead or not; then only the taps count."""
    ahead = {**shop.payment, "prefetch": True} if prefetch else {}
    opened = stage.load.run(
        "prepare",
        orders_url=shop.orders_url,
        headers=shop.headers,
        orders=[{**shop.order, **ahead, "reference": reference} for reference in references],
        concurrency=plan.concurrency,
    )["ids"]
    body = orjson.dumps(shop.payment["payment"]).decode()
    taps = [{"url": f"{shop.orders_url}/{order_id}/payments", "body": body} for order_id in opened]
    return burst(stage, shop.server, taps, headers=shop.headers, status=201, concurrency=plan.concurrency)
