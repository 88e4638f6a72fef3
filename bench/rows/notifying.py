"""(c) A notification, signed and sealed, until the order is paid, posted, and its event is in the outbox: Tongbao
without its worker, pgbench running the same statements, and the tutorial server, which only marks its order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from bench import pgbench, store
from bench.processes import BenchError
from bench.progress import Progress
from bench.report import Row
from bench.rounds import Plan, Results, compare, in_turn, warm_up
from bench.stage import CONNECTIONS, Shop, Stage, analyze, ask, burst, metered
from tongbao import callbacks
from tongbao.app import open_house
from tongbao.settings import Settings
from tongbao_sandbox.clock import rfc3339
from tongbao_sandbox.wechat import letters
from tongbao_sandbox.wechat.letters import Letter

CONTENDERS = 3


class Orders:
    """Numbers of orders that nobody has paid yet."""

    def __init__(self) -> None:
        self._next = store.FIRST_NUMBER
        self.taken = 0

    def take(self, count: int) -> range:
        """So many fresh numbers."""
        taken = range(self._next, self._next + count)
        self._next, self.taken = taken.stop, self.taken + count
        return taken


def measure(plan: Plan, progress: Progress, stage: Stage, ours: Shop, tutorial: Shop) -> Row:
    """Pay prepared orders in turn, here and there and there."""
    ask("POST", ours.orders_url, {**ours.order, **ours.payment, "reference": "copied"}, ours.headers)
    orders, theirs = Orders(), Orders()
    script = asyncio.run(_script(stage, ours, orders))

    def notify() -> Results:
        numbers = orders.take(plan.notices)
        store.copy_order(ours.database_url, numbers)
        return _sent(plan, stage, ours, numbers)

    def replay() -> Results:
        each = plan.notices // CONNECTIONS
        numbers = orders.take(each * CONNECTIONS)
        store.copy_order(ours.database_url, numbers)
        with metered(stage, None) as meter:
            rate = pgbench.run(ours.database_url, script, CONNECTIONS, each, numbers.start)
        return {"rate": rate, "postgres_ms": 1000 * meter.postgres_cpu_seconds / len(numbers)}

    def notify_tutorial() -> Results:
        numbers = theirs.take(plan.notices)
        store.copy_tutorial_orders(tutorial.database_url, numbers, tutorial.order["amount"])
        return _sent(plan, stage, tutorial, numbers)

    contenders = {"Tongbao": notify, "pgbench": replay, "the tutorial server": notify_tutorial}
    warm_up("(c) notify", contenders, progress)
    analyze(ours, tutorial)
    own, floor, peer = in_turn(plan.rounds, "(c) notify", contenders, progress)
    _check_all_paid(ours, orders.taken)
    return Row(
        f"(c) notification → paid → ledger → outbox, {plan.concurrency} at once",
        f"pgbench, the same statements on {CONNECTIONS} connections",
        "the tutorial server: order marked paid, nothing else",
        (
            compare("payments", "1/s", "rate", own, floor, peer, "at least 0.35 × floor"),
            compare("server CPU", "ms each", "server_ms", own, (), peer),
            compare("PostgreSQL CPU", "ms each", "postgres_ms", own, floor, peer),
        ),
    )


def _sent(plan: Plan, stage: Stage, shop: Shop, numbers: range) -> Results:
    signed = _letters(stage, numbers)
    requests = [{"headers": dict(letter.headers), "body": letter.body.decode()} for letter in signed]
    return burst(
        stage, shop.server, requests, url=shop.notify_url, headers={}, status=200, concurrency=plan.concurrency
    )


def _letters(stage: Stage, numbers: range) -> Iterator[Letter]:
    """Notifications as WeChat Pay would send them, of payments that were never made."""
    merchant, now = stage.merchant, time.time()
    for number in numbers:
        transaction: dict[str, Any] = {
            "amount": {"currency": "CNY", "payer_currency": "CNY", "payer_total": 1800, "total": 1800},
            "appid": stage.papers["appid"],
            "bank_type": "OTHERS",
            "mchid": merchant.mchid,
            "out_trade_no": str(number),
            "payer": {"openid": stage.papers["openid"]},
            "success_time": rfc3339(now),
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "trade_type": "JSAPI",
            "transaction_id": f"420000{number}000",
        }
        yield letters.signed(merchant, letters.envelope(merchant, "TRANSACTION.SUCCESS", transaction, now), now)


async def _script(stage: Stage, shop: Shop, orders: Orders) -> pgbench.Script:
    """Take in three notifications in this process: one to warm up, two whose statements are compared."""
    numbers = orders.take(3)
    store.copy_order(shop.database_url, numbers)
    settings = Settings(database_url=shop.database_url, database_connections=1, master_keys=shop.master_keys)
    account_id = shop.notify_url.rpartition("/")[2]
    captured = []
    async with open_house(settings, shop.database_url) as house:
        for letter in _letters(stage, numbers):
            headers = {name.lower(): value for name, value in letter.headers.items()}

            async def receive(headers: dict[str, str] = headers, body: bytes = letter.body) -> None:
                answer = await callbacks.receive(house.db, house.directory, "wechatpay", account_id, headers, body)
                if answer.status != 200:
                    raise BenchError(f"a notification was answered {answer}")

            captured.append(await pgbench.capture(house.db, receive))
    return pgbench.script(*captured[1:])


def _check_all_paid(shop: Shop, count: int) -> None:
    """The floor must have done the work too."""
    found = store.count_paid(shop.database_url)
    if set(found) != {count}:
        raise BenchError(f"{count} orders should be paid; orders paid, postings and notices are {found}")
