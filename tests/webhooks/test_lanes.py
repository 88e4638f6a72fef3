"""Many endpoints and many workers side by side."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from datetime import timedelta

import aiohttp
import psycopg
from aiohttp import web

from tests.webhooks.receiver import Receiver
from tests.webhooks.shop import Shop, carry
from tongbao import jobs, webhooks
from tongbao.kit import clock, signals
from tongbao.kit.db import Db
from tongbao.webhooks import Courier, store

LEASE_SECONDS = 60


async def test_dead_and_silent_endpoints_do_not_delay_a_healthy_one(
    shop: Shop, courier: Courier, receiver: Receiver
) -> None:
    """Thirty silent endpoints with ten events each would take all 200 senders if they got eight each."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        await shop.listen_at(f"http://127.0.0.1:{closed.getsockname()[1]}/dead")
        for number in range(30):
            receiver.silent.add(f"silent{number}")
            await shop.listen_at(receiver.url(f"silent{number}"))
        await shop.listen_at(receiver.url("healthy"))
        stop = asyncio.Event()
        working = asyncio.create_task(jobs.run([courier.chore], stop))
        sold = [await shop.sell() for _ in range(10)]
        courier.chore.wake()
        healthy = await receiver.until(10, "healthy")
        for number in range(30):
            await receiver.until(1, f"silent{number}")  # asked, and not one has answered
    assert {received.event_id for received in healthy} == set(sold)
    assert len(healthy) == 10
    silent = [one for one in receiver.got if one.path.startswith("/silent")]
    assert len(silent) <= 200
    assert max(Counter(one.path for one in silent).values()) <= 8
    stop.set()
    await working
    await courier.finish(within_seconds=0)


async def test_a_long_queue_at_one_endpoint_does_not_delay_another(
    shop: Shop, db: Db, courier: Courier, receiver: Receiver
) -> None:
    receiver.silent.add("silent")
    endpoint_id, _ = await shop.listen_at(receiver.url("silent"))
    long_ago = clock.now() - timedelta(hours=1)
    event_id = await shop.sell()
    await db.fetch(
        "INSERT INTO events SELECT merchant_id, event_id || n, type, order_id, attempt_id, change_key || n, payload,"
        " created_at FROM events, generate_series(1, 1000) AS n WHERE event_id = $1",
        event_id,
    )
    await db.fetch(
        "INSERT INTO deliveries SELECT merchant_id, event_id, $2, 'pending', $3, 0, $3 FROM events"
        " WHERE merchant_id = $1 ON CONFLICT DO NOTHING",
        shop.merchant_id,
        endpoint_id,
        long_ago,
    )
    await shop.listen_at(receiver.url("healthy"))
    await shop.sell()
    await courier.deliver_due()
    await receiver.until(1, "healthy")
    await courier.finish(within_seconds=0)


async def test_a_silent_try_does_not_hold_up_the_next_event_of_its_endpoint(
    shop: Shop, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.silent.add("a")
    for count in range(1, 4):
        await shop.sell()
        await courier.deliver_due()
        await receiver.until(count, "a")
    receiver.silent.clear()
    await shop.sell()
    await courier.deliver_due()
    await receiver.until(4, "a")
    await courier.finish(within_seconds=0)


async def test_an_endpoint_that_failed_is_asked_by_one_sender_at_a_time(
    shop: Shop, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.answers["a"] = lambda: web.Response(status=500)
    await shop.sell()
    await carry(courier)
    for _ in range(10):
        await shop.sell()
    assert await courier.deliver_due() == 1
    await courier.finish()
    receiver.answers.clear()
    assert await courier.deliver_due() == 1
    await courier.finish()
    assert await courier.deliver_due() == 8


async def test_an_endpoint_that_begins_to_fail_keeps_one_sender(
    shop: Shop, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.answers["a"] = lambda: web.Response(status=500)
    for _ in range(20):
        await shop.sell()
    assert await courier.deliver_due() == 20
    await courier.finish()
    assert {received.beside for received in receiver.at("a")[8:]} == {0}
    assert max(received.beside for received in receiver.at("a")) > 0


async def test_a_sender_that_is_free_again_calls_for_what_was_left(
    shop: Shop, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.answers["a"] = lambda: web.Response(status=500)
    await shop.sell()
    await carry(courier)
    await shop.sell()
    await shop.sell()
    assert await courier.deliver_due() == 1
    assert await courier.deliver_due() == 0  # a failing endpoint has one sender, who is busy
    courier.chore.woken.clear()
    await courier.finish()
    assert courier.chore.woken.is_set()


async def test_what_another_worker_is_just_taking_is_passed_by(
    shop: Shop, db: Db, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    taken, free = await shop.sell(), await shop.sell()
    async with db.connection() as other, other.transaction():
        await other.fetch("SELECT 1 FROM deliveries WHERE event_id = $1 FOR UPDATE", taken)
        async with asyncio.timeout(10):
            assert await courier.deliver_due() == 1
            await receiver.until(1, "a")
            await courier.finish()
    assert [received.event_id for received in receiver.at("a")] == [free]


async def test_two_workers_send_each_delivery_once(
    shop: Shop, db: Db, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    for name in ("a", "b", "c"):
        await shop.listen_at(receiver.url(name))
    sold = [await shop.sell() for _ in range(40)]
    other_db = await Db.connect(db.url)
    workers = [Courier(db, shop.sealer, session), Courier(other_db, shop.sealer, session)]
    taken = [0, 0]
    while any(counts := await asyncio.gather(*(worker.deliver_due() for worker in workers))):
        taken = [before + count for before, count in zip(taken, counts, strict=True)]
    await asyncio.gather(*(worker.finish() for worker in workers))
    assert sum(taken) == 120
    assert Counter((one.path, one.event_id) for one in receiver.got) == Counter(
        {(f"/{name}", event_id): 1 for name in ("a", "b", "c") for event_id in sold}
    )
    await other_db.close()


async def test_what_a_worker_holds_nobody_else_sends_until_its_lease_ends(
    shop: Shop, db: Db, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.silent.add("a")
    event_id = await shop.sell()
    slow, other = Courier(db, shop.sealer, session), Courier(db, shop.sealer, session)
    await slow.deliver_due()
    await receiver.until(1, "a")
    clock.move(LEASE_SECONDS - 1)
    assert await other.deliver_due() == 0
    clock.move(LEASE_SECONDS + 1)
    receiver.silent.clear()
    await carry(other)
    assert [one.event_id for one in receiver.at("a")] == [event_id, event_id]
    assert (await shop.delivery(event_id)).state == "delivered"


async def test_a_worker_killed_between_sending_and_writing_leaves_it_to_another(
    shop: Shop, db: Db, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    event_id = await shop.sell()
    worker = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.webhooks.one_courier", db.url)

    def kill_and_answer() -> web.Response:
        os.kill(worker.pid, signal.SIGKILL)
        return web.Response(status=204)

    receiver.answers["a"] = kill_and_answer
    await receiver.until(1, "a")
    assert await worker.wait() == -signal.SIGKILL
    receiver.answers.clear()
    delivery = await shop.delivery(event_id)
    assert (delivery.state, delivery.tries) == ("pending", 0)
    assert await courier.deliver_due() == 0  # the dead worker's lease still holds
    clock.move(LEASE_SECONDS + 1)
    await carry(courier)
    assert [one.event_id for one in receiver.at("a")] == [event_id, event_id]
    assert (await shop.delivery(event_id)).state == "delivered"


async def test_a_publication_in_another_process_wakes_the_worker(
    shop: Shop, db: Db, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    here, there = signals.Signals(db.url), signals.Signals(db.url)
    heard: list[str] = []
    await here.start()
    await there.start()
    there.listen(webhooks.TOPIC, heard.append)
    there.listen(webhooks.TOPIC, courier.chore.wake)
    await shop.sell()
    async with asyncio.timeout(10):
        await courier.chore.woken.wait()
    assert heard
    await here.stop()
    await there.stop()


async def test_a_backlog_is_worked_off(shop: Shop, courier: Courier, receiver: Receiver) -> None:
    await shop.listen_at(receiver.url("a"))
    sold = [await shop.sell() for _ in range(100)]
    stop = asyncio.Event()
    working = asyncio.create_task(jobs.run([courier.chore], stop))
    got = await receiver.until(100, "a")
    stop.set()
    await working
    await courier.finish()
    assert Counter(received.event_id for received in got) == Counter(sold)
    assert len(await webhooks.deliveries_of(shop.db, shop.merchant_id, state="delivered", limit=1000)) == 100


def test_what_is_due_is_found_by_its_endpoint_and_updated_where_it_lies(module_database_url: str) -> None:
    # Once the index could not be used: it has only what is due, and the statement did not say so.
    with psycopg.connect(module_database_url) as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(f"EXPLAIN (GENERIC_PLAN) {store._HOLD}".encode()).fetchall()
    plan = "\n".join(str(row[0]) for row in rows)
    assert "Index Scan using deliveries_due_by_endpoint" in plan, plan
    assert "Tid Scan on deliveries" in plan, plan
