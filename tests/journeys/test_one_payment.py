"""One payment, whole, and the ways it can go astray."""

from __future__ import annotations

from standardwebhooks import Webhook

from tests.town import JSAPI, Shop, shop, town

__all__ = ["shop", "town"]


async def test_a_payment_goes_from_log_in_to_ledger_and_the_merchant_is_told(shop: Shop) -> None:
    order = await shop.order()
    started = await shop.pay(order["id"])
    assert set(started["client_params"]) == {"timeStamp", "nonceStr", "package", "signType", "paySign"}
    await shop.buyer_pays(started)
    paid = await shop.becomes(order["id"], "paid")
    assert paid["payments"][0]["state"] == "succeeded"
    ((headers, body),) = await shop.told(1)
    event = Webhook(shop.webhook_secret).verify(body, headers)
    assert event["type"] == "order.paid"
    assert event["data"]["order"]["id"] == order["id"]
    await shop.books_hold()


async def test_an_order_that_carries_its_first_payment_needs_one_request(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


async def test_a_lost_notification_is_only_a_delay(shop: Shop) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"notify": {"lose": 1}}})
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    notices = await shop.db.fetch("SELECT 1 FROM notices WHERE merchant_id = $1", shop.merchant_id)
    assert notices == [], "the chase found it, not a notification"
    await shop.told(1)
    await shop.books_hold()


async def test_an_expired_order_is_closed_at_the_gateway_first(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.db.fetch("UPDATE orders SET expire_due_at = now() WHERE order_id = $1", order["id"])
    closed = await shop.becomes(order["id"], "closed")
    assert closed["close_reason"] == "expired"
    late = await shop.control("POST", "/wechat/buyer/pay", {"out_trade_no": order["attempt"]["id"]})
    assert (late.status, late.body["code"]) == (409, "ORDER_CLOSED")
    await shop.books_hold()


async def test_an_order_paid_as_it_expires_is_paid(shop: Shop) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"notify": {"lose": 1}}})
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    await shop.db.fetch("UPDATE orders SET expire_due_at = now() WHERE order_id = $1", order["id"])
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


async def test_a_prepare_whose_answer_was_lost_goes_on_with_the_same_attempt(shop: Shop) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"api": {"accept_then_time_out": 1, "delay_seconds": 1}}})
    order = await shop.order()
    path = f"/v1/orders/{order['id']}/payments"
    lost = await shop.ask("POST", path, token=shop.buyer_token, json=JSAPI)
    assert (lost.status, lost.body["code"]) == (503, "channel_uncertain")
    assert lost.headers["retry-after"]
    await shop.control("PUT", "/faults", {})
    started = await shop.pay(order["id"])
    assert [attempt["id"] for attempt in (await shop.read(order["id"]))["payments"]] == [started["attempt"]["id"]]
    await shop.buyer_pays(started)
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


async def test_a_gateway_that_is_busy_is_no_failed_payment(shop: Shop) -> None:
    for fault in ("server_error", "rate_limit"):
        await shop.control("PUT", "/faults", {"wechat": {"api": {fault: 1}}})
        order = await shop.order()
        answer = await shop.ask("POST", f"/v1/orders/{order['id']}/payments", token=shop.buyer_token, json=JSAPI)
        assert answer.status == 503, answer
        assert (await shop.read(order["id"]))["payments"][0]["state"] == "created"
        await shop.control("PUT", "/faults", {})
        await shop.buyer_pays(await shop.pay(order["id"]))
        await shop.becomes(order["id"], "paid")
    await shop.books_hold()


async def test_what_the_gateway_refuses_for_certain_fails_and_may_be_tried_again(shop: Shop) -> None:
    await shop.db.fetch("UPDATE buyer_identities SET subject = 'oNobody' WHERE buyer_id = $1", shop.buyer_id)
    refused = await shop.ask("POST", "/v1/orders", json=shop.draft(payment=JSAPI))
    assert (refused.status, refused.body["code"]) == (422, "payment_rejected")
    assert refused.body["channel_code"]
    orders = await shop.db.fetch("SELECT order_id FROM orders WHERE merchant_id = $1", shop.merchant_id)
    order = await shop.read(orders[0]["order_id"])
    assert (order["status"], order["payments"][0]["state"]) == ("open", "failed")
    await shop.buyer_pays(await shop.pay(order["id"]))
    await shop.becomes(order["id"], "paid")
    assert len((await shop.read(order["id"]))["payments"]) == 2
    await shop.books_hold()
