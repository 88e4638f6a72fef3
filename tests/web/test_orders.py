"""Idempotency keys, waiting, following."""

from __future__ import annotations

import asyncio
import time

import orjson

from tests.town import JSAPI, Shop, shop, town
from tongbao.kit import clock

__all__ = ["shop", "town"]


async def test_an_idempotency_key_replays_the_first_answer(shop: Shop) -> None:
    draft, headers = shop.draft(payment=JSAPI), {"idempotency-key": "k1"}
    first = await shop.ask("POST", "/v1/orders", json=draft, headers=headers)
    again = await shop.ask("POST", "/v1/orders", json=draft, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body, "the very same answer, its signature too"
    assert again.headers["idempotency-replayed"] == "true"
    other = await shop.ask("POST", "/v1/orders", json=shop.draft(), headers=headers)
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")


async def test_a_refusal_is_replayed_too(shop: Shop) -> None:
    headers = {"idempotency-key": "k2"}
    answers = [await shop.ask("POST", "/v1/orders", json={"amount": 0}, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [422, 422]
    assert answers[0].body == answers[1].body
    assert answers[1].headers["content-type"] == "application/problem+json"


async def test_while_the_first_is_in_flight_the_second_is_told_so(shop: Shop) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"api": {"accept_then_time_out": 1, "delay_seconds": 2}}})
    draft, headers = shop.draft(payment=JSAPI), {"idempotency-key": "k3"}
    first = asyncio.create_task(shop.ask("POST", "/v1/orders", json=draft, headers=headers))
    await asyncio.sleep(0.5)
    second = await shop.ask("POST", "/v1/orders", json=draft, headers=headers)
    assert (second.status, second.body["code"]) == (409, "idempotency_in_flight")
    assert (await first).body["code"] == "channel_uncertain"
    await shop.control("PUT", "/faults", {})
    third = await shop.ask("POST", "/v1/orders", json=draft, headers=headers)
    assert third.status == 200, "an answer that promised nothing is not kept: the same order goes on"
    await shop.buyer_pays(third.body)
    await shop.becomes(third.body["id"], "paid")
    await shop.books_hold()


async def test_the_keys_of_two_principals_do_not_meet(shop: Shop) -> None:
    order = await shop.order()
    headers = {"idempotency-key": "same"}
    made = await shop.ask("POST", "/v1/orders", json=shop.draft(), headers=headers)
    paid = await shop.ask(
        "POST", f"/v1/orders/{order['id']}/payments", token=shop.buyer_token, json=JSAPI, headers=headers
    )
    assert (made.status, paid.status) == (201, 201)


async def test_a_key_that_is_none_is_refused(shop: Shop) -> None:
    for key in ("", "x" * 256, "a\tb"):
        answer = await shop.ask("POST", "/v1/orders", json=shop.draft(), headers={"idempotency-key": key})
        assert (answer.status, answer.body["code"]) == (400, "invalid_idempotency_key")


async def test_a_wait_ends_with_the_payment_and_not_before(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    waiting = asyncio.create_task(shop.ask("GET", f"/v1/orders/{order['id']}?wait=25", token=shop.buyer_token))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await shop.buyer_pays(order)
    assert (await asyncio.wait_for(waiting, 15)).body["status"] == "paid"


async def test_a_wait_without_news_ends_with_the_order_as_it_is(shop: Shop) -> None:
    order = await shop.order()
    started = time.monotonic()
    answer = await shop.ask("GET", f"/v1/orders/{order['id']}?wait=1")
    assert answer.body["status"] == "open"
    assert time.monotonic() - started >= 1


async def test_following_an_order_shows_every_change_and_ends(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    headers = {"authorization": f"Bearer {shop.buyer_token}"}
    url = f"{shop.town.url}/v1/orders/{order['id']}/events"
    async with shop.session.get(url, headers=headers) as response:
        assert response.content_type == "text/event-stream"
        seen = []
        async for line in response.content:
            if line.startswith(b"data: "):
                seen.append(orjson.loads(line[6:])["status"])
                if seen == ["open"]:
                    await shop.buyer_pays(order)
    assert seen == ["open", "paid"]


async def test_an_order_without_a_buyer_belongs_to_the_first_who_pays(shop: Shop) -> None:
    order = await shop.order(buyer=None)
    await shop.pay(order["id"])
    assert (await shop.read(order["id"]))["buyer_id"] == shop.buyer_id
    other = await shop.log_in("oAThirdBuyerOfTheSameShop000")
    answer = await shop.ask("POST", f"/v1/orders/{order['id']}/payments", token=other["token"], json=JSAPI)
    assert answer.status == 404


async def test_two_taps_make_one_attempt(shop: Shop) -> None:
    order = await shop.order()
    started = await asyncio.gather(*(shop.pay(order["id"]) for _ in range(5)))
    assert len({each["attempt"]["id"] for each in started}) == 1
    assert len((await shop.read(order["id"]))["payments"]) == 1


async def test_an_orders_own_notify_url_is_told_of_it_alone(shop: Shop) -> None:
    rows = await shop.db.fetch("SELECT url FROM webhook_endpoints WHERE merchant_id = $1", shop.merchant_id)
    own = rows[0]["url"] + "?own=1"
    first, second = await shop.order(notify=own, payment=JSAPI), await shop.order(payment=JSAPI)
    for order in (first, second):
        await shop.buyer_pays(order)
        await shop.becomes(order["id"], "paid")
    await shop.told(3)
    ids = [orjson.loads(body)["data"]["order"]["id"] for _, body in shop.webhooks]
    assert sorted(ids) == sorted([first["id"], first["id"], second["id"]])


async def test_an_event_can_be_read_and_sent_again_under_the_same_id(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    ((first, body),) = await shop.told(1)
    event = await shop.ask("GET", f"/v1/events/{first['webhook-id']}")
    assert event.body["payload"] == orjson.loads(body)
    answer = await shop.ask("POST", f"/v1/events/{first['webhook-id']}/replay")
    assert answer.status == 202
    _, (second, body_again) = await shop.told(2)
    assert (second["webhook-id"], body_again) == (first["webhook-id"], body)
    log = await shop.ask("GET", f"/v1/webhook-deliveries?order_id={order['id']}")
    assert [(line["type"], line["event_id"]) for line in log.body] == [("order.paid", first["webhook-id"])]


async def test_the_timeline_has_twelve_steps_in_order(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    await shop.told(1)
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        timeline = (await shop.ask("GET", f"/v1/orders/{order['id']}/timeline")).body
        if timeline["steps"][-1]["at"]:
            break
        await asyncio.sleep(0.05)
    moments = [step["at"] for step in timeline["steps"]]
    assert len(moments) == 12
    assert None not in moments
    assert moments == sorted(moments)
    assert timeline["ledger"][0]["amount"] == 1800
    assert clock.now().isoformat() > moments[-1]


async def test_a_log_in_is_replayed_under_its_key_and_its_token_is_sealed(shop: Shop) -> None:
    appid = shop.credentials["appid"]
    code = (await shop.control("POST", "/wechat/buyer/login", {"appid": appid})).body["code"]
    login = {"host": "wechat", "app_id": appid, "code": code}
    headers = {"idempotency-key": "log-in"}
    first, again = [await shop.ask("POST", "/v1/sessions", token=None, json=login, headers=headers) for _ in range(2)]
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    rows = await shop.db.fetch("SELECT sealed_body FROM idempotency_keys WHERE key = 'log-in'")
    assert first.body["token"].encode() not in rows[0]["sealed_body"]


async def test_a_session_says_whose_it_is_and_nothing_of_the_hosts(shop: Shop) -> None:
    answer = await shop.ask("GET", "/v1/sessions/current", token=shop.buyer_token)
    assert answer.body == {"buyer_id": shop.buyer_id, "host": "wechat", "app_id": shop.credentials["appid"]}
    assert (await shop.ask("GET", "/v1/sessions/current")).status == 401, "an API key is no session"


async def test_of_many_buyers_who_tap_an_unowned_order_one_pays(shop: Shop) -> None:
    tokens = [(await shop.log_in(f"oBuyerNumber{number:016}"))["token"] for number in range(6)]
    for _ in range(5):
        order = await shop.order(buyer=None)
        path = f"/v1/orders/{order['id']}/payments"
        answers = await asyncio.gather(*(shop.ask("POST", path, token=token, json=JSAPI) for token in tokens))
        statuses = sorted(answer.status for answer in answers)
        assert statuses[0] == 201, statuses
        assert set(statuses[1:]) <= {404, 409}, statuses
        assert len((await shop.read(order["id"]))["payments"]) == 1
