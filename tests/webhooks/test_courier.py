from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import sys
from collections import Counter
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.webhooks.receiver import Received, Receiver
from tests.webhooks.shop import Shop
from tongbao import jobs, webhooks
from tongbao.kit import clock, egress, sealing, signals
from tongbao.kit.db import Db
from tongbao.webhooks import Courier

LEASE_SECONDS = 60


async def carry(courier: Courier) -> None:
    """Deliver what is due, once, and see to the results."""
    await courier.deliver_due()
    await courier.finish()


def accepts(secret: str, received: Received) -> bool:
    """Whether the reference library takes this for ours."""
    try:
        Webhook(secret).verify(received.body, dict(received.headers))
    except WebhookVerificationError:
        return False
    return True


async def move_clock_to(shop: Shop, event_id: str) -> None:
    due_at = (await shop.delivery(event_id)).due_at
    assert due_at is not None
    clock.move((due_at - clock.now() + timedelta(seconds=clock_offset_seconds())).total_seconds() + 0.001)


def clock_offset_seconds() -> float:
    return clock._offset_seconds


# What arrives -------------------------------------------------------------------------------------------------------


async def test_the_reference_library_accepts_what_arrives(shop: Shop, courier: Courier, receiver: Receiver) -> None:
    _, secret = await shop.listen_at(receiver.url("a"))
    event_id = await shop.sell()
    await carry(courier)
    [received] = receiver.at("a")
    assert accepts(secret, received)
    assert received.event_id == event_id
    assert received.headers["content-type"] == "application/json"
    assert json.loads(received.body)["data"]["order"]["subject"] == "拿铁"


async def test_a_forged_body_or_another_s_secret_is_not_accepted(
    shop: Shop, courier: Courier, receiver: Receiver
) -> None:
    _, secret = await shop.listen_at(receiver.url("a"))
    _, other = await shop.listen_at(receiver.url("b"))
    await shop.sell()
    await carry(courier)
    [received] = receiver.at("a")
    assert accepts(secret, received)
    assert not accepts(other, received)
    assert not accepts(secret, Received(received.path, received.headers, received.body.replace(b"1880", b"1")))


async def test_a_delivery_is_written_down(shop: Shop, courier: Courier, receiver: Receiver) -> None:
    await shop.listen_at(receiver.url("a"))
    event_id = await shop.sell()
    await carry(courier)
    delivery = await shop.delivery(event_id)
    assert (delivery.state, delivery.tries, delivery.due_at) == ("delivered", 1, None)
    assert delivery.delivered_at is not None
    [tried] = await webhooks.tries_of(shop.db, shop.merchant_id, event_id, delivery.endpoint_id)
    assert (tried.status, tried.outcome) == (204, "delivered")
    assert await courier.deliver_due() == 0


async def test_for_a_day_after_a_rotation_both_secrets_are_accepted(
    shop: Shop, db: Db, courier: Courier, receiver: Receiver
) -> None:
    endpoint_id, old = await shop.listen_at(receiver.url("a"))
    await shop.sell()
    await carry(courier)  # so that the courier knows the old secret
    async with db.tx() as tx:
        new = await webhooks.rotate_secret(tx, shop.sealer, shop.merchant_id, endpoint_id, clock.now())
    await shop.sell()
    await carry(courier)
    received = receiver.at("a")[-1]
    assert accepts(old, received)
    assert accepts(new, received)
    clock.move(24 * 3600 + 1)
    await shop.sell()
    await carry(courier)
    last = receiver.at("a")[-1]
    assert len(last.headers["webhook-signature"].split(" ")) == 1
    clock.move(0)
    assert await webhooks.reveal_secret(db, shop.sealer, shop.merchant_id, endpoint_id) == new


async def test_a_day_after_its_rotation_the_old_secret_signs_no_more(
    shop: Shop, db: Db, courier: Courier, receiver: Receiver
) -> None:
    endpoint_id, old = await shop.listen_at(receiver.url("a"))
    yesterday = clock.now() - timedelta(hours=24, seconds=1)
    async with db.tx() as tx:
        new = await webhooks.rotate_secret(tx, shop.sealer, shop.merchant_id, endpoint_id, yesterday)
    await shop.sell()
    await carry(courier)
    [received] = receiver.at("a")
    assert accepts(new, received)
    assert not accepts(old, received)


# Trying again -------------------------------------------------------------------------------------------------------


async def test_a_refused_delivery_is_tried_ten_times_under_one_id_and_then_given_up(
    shop: Shop, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.answers["a"] = lambda: web.Response(status=500)
    event_id = await shop.sell()
    for number in range(1, 11):
        await carry(courier)
        assert len(receiver.at("a")) == number
        assert await courier.deliver_due() == 0  # not before its time
        if number < 10:
            await move_clock_to(shop, event_id)
    delivery = await shop.delivery(event_id)
    assert (delivery.state, delivery.tries, delivery.due_at) == ("exhausted", 10, None)
    assert {received.event_id for received in receiver.at("a")} == {event_id}
    assert len({received.body for received in receiver.at("a")}) == 1
    assert len({received.headers["webhook-timestamp"] for received in receiver.at("a")}) == 10
    tries = await webhooks.tries_of(shop.db, shop.merchant_id, event_id, delivery.endpoint_id)
    hours = (tries[-1].tried_at - tries[0].tried_at).total_seconds() / 3600
    assert 75 * 0.9 <= hours <= 75 * 1.1
    assert [(one.status, one.outcome) for one in tries] == [(500, "refused")] * 10


async def test_a_delivery_succeeds_once_its_endpoint_recovers(shop: Shop, courier: Courier, receiver: Receiver) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.answers["a"] = lambda: web.Response(status=502)
    event_id = await shop.sell()
    await carry(courier)
    receiver.answers.clear()
    await move_clock_to(shop, event_id)
    await carry(courier)
    delivery = await shop.delivery(event_id)
    assert (delivery.state, delivery.tries) == ("delivered", 2)
    assert await shop.outcomes(delivery) == ["refused", "delivered"]


async def test_an_endpoint_that_asks_for_a_pause_gets_it(shop: Shop, courier: Courier, receiver: Receiver) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.answers["a"] = lambda: web.Response(status=429, headers={"Retry-After": "600"})
    event_id = await shop.sell()
    before = clock.now()
    await carry(courier)
    due_at = (await shop.delivery(event_id)).due_at
    assert due_at is not None
    assert due_at >= before + timedelta(seconds=600)


async def test_a_redirect_is_not_followed(shop: Shop, courier: Courier, receiver: Receiver) -> None:
    await shop.listen_at(receiver.url("a"))
    receiver.answers["a"] = lambda: web.Response(status=307, headers={"Location": receiver.url("b")})
    delivery_of = await shop.sell()
    await carry(courier)
    delivery = await shop.delivery(delivery_of)
    assert (delivery.state, await shop.outcomes(delivery)) == ("pending", ["redirected"])
    assert receiver.at("b") == []


async def test_an_endpoint_that_is_gone_is_disabled(shop: Shop, courier: Courier, receiver: Receiver) -> None:
    endpoint_id, _ = await shop.listen_at(receiver.url("a"))
    receiver.answers["a"] = lambda: web.Response(status=410)
    first = await shop.sell()
    await carry(courier)
    delivery = await shop.delivery(first)
    assert (delivery.state, await shop.outcomes(delivery)) == ("exhausted", ["gone"])
    [endpoint] = await webhooks.list_endpoints(shop.db, shop.merchant_id)
    assert (endpoint.endpoint_id, endpoint.status) == (endpoint_id, "disabled")


async def test_an_address_that_is_forbidden_by_now_is_not_called(shop: Shop, db: Db, receiver: Receiver) -> None:
    await shop.listen_at(receiver.url("a"))
    event_id = await shop.sell()
    async with egress.guarded_session(False) as strict:
        await carry(Courier(db, shop.sealer, strict))
    delivery = await shop.delivery(event_id)
    assert (delivery.state, await shop.outcomes(delivery)) == ("pending", ["egress_forbidden"])
    assert receiver.got == []


async def test_a_secret_that_does_not_open_holds_up_its_own_endpoint_only(
    shop: Shop, db: Db, courier: Courier, receiver: Receiver
) -> None:
    await shop.listen_at(receiver.url("a"))
    foreign_key = sealing.sealer_from_text("lost:" + base64.b64encode(b"x" * 32).decode())
    lost = Shop(db, foreign_key, shop.merchant_id)
    await lost.listen_at(receiver.url("b"))
    await shop.sell()
    await carry(courier)
    assert (len(receiver.at("a")), len(receiver.at("b"))) == (1, 0)
    waiting = await webhooks.deliveries_of(db, shop.merchant_id, state="pending")
    assert [(one.url, one.tries) for one in waiting] == [(receiver.url("b"), 0)]


# Replay -------------------------------------------------------------------------------------------------------------


async def test_a_replay_sends_the_same_bytes_under_the_same_id(
    shop: Shop, db: Db, courier: Courier, receiver: Receiver
) -> None:
    endpoint_id, secret = await shop.listen_at(receiver.url("a"))
    event_id = await shop.sell()
    await carry(courier)
    async with db.tx() as tx:
        assert await webhooks.replay(tx, shop.merchant_id, event_id, at=clock.now()) == [endpoint_id]
    await carry(courier)
    first, second = receiver.at("a")
    assert (first.event_id, first.body) == (second.event_id, second.body)
    assert accepts(secret, second)
    assert await shop.outcomes(await shop.delivery(event_id)) == ["delivered", "delivered"]


async def test_a_replay_during_a_try_is_not_lost(shop: Shop, db: Db, courier: Courier, receiver: Receiver) -> None:
    await shop.listen_at(receiver.url("a"))
    event_id = await shop.sell()
    await courier.deliver_due()
    await receiver.until(1, "a")
    async with db.tx() as tx:
        await webhooks.replay(tx, shop.merchant_id, event_id, at=clock.now())
    await courier.finish()
    assert (await shop.delivery(event_id)).state == "pending"
    await carry(courier)
    assert (await shop.delivery(event_id)).state == "delivered"


# Side by side -------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("count", [100])
async def test_a_backlog_is_worked_off(shop: Shop, courier: Courier, receiver: Receiver, count: int) -> None:
    await shop.listen_at(receiver.url("a"))
    sold = [await shop.sell() for _ in range(count)]
    stop = asyncio.Event()
    working = asyncio.create_task(jobs.run([courier.chore], stop))
    got = await receiver.until(count, "a")
    stop.set()
    await working
    await courier.finish()
    assert Counter(received.event_id for received in got) == Counter(sold)
    assert len(await webhooks.deliveries_of(shop.db, shop.merchant_id, state="delivered", limit=1000)) == count
