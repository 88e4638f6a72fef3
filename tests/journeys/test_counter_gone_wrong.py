"""The counter in bad hands and bad weather: what the gateway did is in the books in the end, or nobody was charged."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.journeys.money_back import case_of
from tests.journeys.test_counter import BOTH, UNTIL_ASKED_SECONDS, code_of, password, scan
from tests.town import Shop, shop, shop_of_two, town

__all__ = ["shop", "shop_of_two", "town"]

LATE = {"api": {"apply_late": 1, "delay_seconds": 2}, "notify": {"lose": 1}}
"""The gateway gives no answer, collects two seconds later, and tells nobody."""
SOON_SECONDS = 20


async def ends_as(shop: Shop, order_id: str, state: str) -> dict[str, Any]:
    """Wait until the order's first attempt is in that state."""
    give_up_at = time.monotonic() + SOON_SECONDS
    while (order := await shop.read(order_id))["payments"][0]["state"] != state:
        assert time.monotonic() < give_up_at, order["payments"]
        await asyncio.sleep(0.05)
    return order


async def goes_back(shop: Shop, order_id: str) -> None:
    """Wait until what was collected has gone back."""
    give_up_at = time.monotonic() + SOON_SECONDS
    while (await shop.read(order_id))["payments"][0]["refunded"] == 0:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)


@BOTH
async def test_what_is_collected_after_the_reversal_found_nothing_goes_back(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    await shop.control("PUT", "/faults", {gateway: LATE})
    answer = await scan(shop, order["id"], await code_of(shop, gateway))
    assert answer.body["attempt"]["state"] == "pending", answer
    await shop.control("PUT", "/faults", {gateway: {"notify": {"lose": 1}}})
    closed = await shop.ask("POST", f"/v1/orders/{order['id']}/close")
    assert closed.body["status"] == "closed", closed
    await asyncio.sleep(2.5)  # now it is collected
    await shop.advance(61)
    assert (await ends_as(shop, order["id"], "surplus"))["status"] == "closed"
    await goes_back(shop, order["id"])
    await case_of(shop, order["id"], "payment_surplus", "closed")
    await shop.books_hold()


async def test_a_refused_reversal_is_a_case_and_a_payment_all_the_same(shop_of_two: Shop) -> None:
    shop = shop_of_two
    app_id = shop.alipay["app_id"]
    order = await shop.order(buyer=None)
    attempt = (await scan(shop, order["id"], await code_of(shop, "alipay", "password"))).body["attempt"]
    await shop.control("PUT", "/alipay/merchants", {"app_id": app_id, "forbidden_methods": ["alipay.trade.cancel"]})
    refused = await shop.ask("POST", f"/v1/orders/{order['id']}/close")
    assert (refused.status, refused.body["code"]) == (409, "close_rejected")
    case = await case_of(shop, order["id"], "payment_kept", "open")
    assert case["detail"]["reason"] == refused.body["channel_code"]
    explained = (await shop.ask("GET", f"/v1/orders/{order['id']}/explanation")).body
    assert case["id"] in str(explained)
    assert (await password(shop, "alipay", attempt["id"])).status == 200
    await shop.becomes(order["id"], "paid")
    closed = await case_of(shop, order["id"], "payment_kept", "closed")
    assert closed["closed_by"] == "the gateway"
    await shop.books_hold()


async def test_a_code_of_the_other_wallet_waits_until_the_first_has_ended(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    first = (await scan(shop, order["id"], await code_of(shop, "wechat", "password"))).body["attempt"]
    second = await scan(shop, order["id"], await code_of(shop, "alipay"))
    assert (second.status, second.body["code"]) == (409, "payment_in_progress")
    await password(shop, "wechat", first["id"])
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


@BOTH
async def test_a_press_and_a_close_at_once_end_in_one_way_or_the_other(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    orders = [await shop.order(buyer=None) for _ in range(6)]
    codes = [await code_of(shop, gateway, "password") for _ in orders]

    async def close(order: dict[str, Any], after_seconds: float) -> int:
        await asyncio.sleep(after_seconds)
        return (await shop.ask("POST", f"/v1/orders/{order['id']}/close")).status

    closings = [close(order, index * 0.004) for index, order in enumerate(orders)]
    scans = [scan(shop, order["id"], code) for order, code in zip(orders, codes, strict=True)]
    closed, scanned = await asyncio.gather(asyncio.gather(*closings), asyncio.gather(*scans))
    assert {answer.status for answer in scanned} <= {201, 409}, scanned
    assert set(closed) <= {200, 409}, closed
    for _ in range(3):
        await shop.advance(61)
        await asyncio.sleep(1)
    for order in orders:
        for attempt in (await shop.read(order["id"]))["payments"]:
            assert attempt["state"] == "closed", attempt
            assert (
                await shop.control("POST", f"/{gateway}/buyer/password", {"out_trade_no": attempt["id"]})
            ).status >= 400
    await shop.books_hold()


async def test_a_refund_made_at_the_gateway_itself_is_a_case(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    attempt = (await scan(shop, order["id"], await code_of(shop, "alipay"))).body["attempt"]
    assert attempt["state"] == "succeeded"
    told = {"out_trade_no": attempt["id"], "changes": {
        "out_biz_no": "by-hand-1", "refund_fee": "3.00", "gmt_refund": "2026-11-22 12:00:00.000"}}  # fmt: skip
    assert (await shop.control("POST", "/alipay/notify", told)).status == 200
    await shop.advance(UNTIL_ASKED_SECONDS)
    case = await case_of(shop, order["id"], "payment_mismatch", "open")
    assert (case["detail"]["reason"], case["detail"]["refund_number"]) == ("refunded_outside", "by-hand-1")
    assert case["payment_id"] == attempt["id"]
    assert (await shop.control("POST", "/alipay/notify", told)).status == 200
    cases = (await shop.ask("GET", f"/v1/cases?order_id={order['id']}")).body
    assert len(cases) == 1, "the same again is the same case"
