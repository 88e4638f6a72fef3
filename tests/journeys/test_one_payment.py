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
