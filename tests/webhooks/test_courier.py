"""What arrives at one endpoint, and when it is tried again. Many endpoints and many workers: `test_lanes.py`."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.webhooks.receiver import Received, Receiver
from tests.webhooks.shop import Shop, carry
from tongbao import webhooks
from tongbao.kit import clock, egress, sealing
from tongbao.kit.db import Db
from tongbao.webhooks import Courier


def accepts(secret: str, received: Received) -> bool:
    """Whether the reference library takes this for ours."""
    try:
        Webhook(secret).verify(received.body, dict(received.headers))
    except WebhookVerificationError:
        return False
    return True


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
            await shop.move_clock_to(event_id)
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
    await shop.move_clock_to(event_id)
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
