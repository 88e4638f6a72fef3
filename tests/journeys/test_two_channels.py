"""Two gateways, one shop: Alipay whole, both for one order, late payments, and parameters got ready ahead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.journeys.money_back import ask_back, case_of, refund_becomes, refunds_of
from tests.town import CREATE, JSAPI, Shop, shop, shop_of_two, town

__all__ = ["shop", "shop_of_two", "town"]

PRECREATE = {"channel": "alipay", "method": "precreate", "host": "browser"}
WAP = {"channel": "alipay", "method": "wap", "host": "browser"}
NATIVE = {"channel": "wechatpay", "method": "native", "host": "browser"}
LOST = {"wechat": {"notify": {"lose": 1}}, "alipay": {"notify": {"lose": 1}}}


async def order_of_alipay(shop: Shop, **changes: Any) -> dict[str, Any]:
    """An order of the buyer in Alipay's mini-program, with its first payment."""
    return await shop.order(buyer=shop.alipay_buyer_id, payment=CREATE, **changes)


async def paid_by_alipay(shop: Shop) -> dict[str, Any]:
    """An order of 1800 fen that was paid there."""
    order = await order_of_alipay(shop)
    await shop.buyer_pays(order)
    return await shop.becomes(order["id"], "paid")


async def test_an_alipay_payment_goes_from_log_in_to_ledger_and_the_merchant_is_told(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=shop.alipay_buyer_id)
    started = await shop.pay(order["id"], CREATE)
    assert (set(started["client_params"]), started["attempt"]["host"]) == ({"tradeNO"}, "alipay")
    await shop.buyer_pays(started)
    paid = await shop.becomes(order["id"], "paid")
    assert [(each["channel"], each["state"]) for each in paid["payments"]] == [("alipay", "succeeded")]
    assert b'"order.paid"' in (await shop.told(1))[0][1]
    await shop.books_hold()


async def test_a_lost_notification_of_alipay_is_only_a_delay(shop_of_two: Shop) -> None:
    await shop_of_two.control("PUT", "/faults", LOST)
    order = await order_of_alipay(shop_of_two)
    await shop_of_two.buyer_pays(order)
    await shop_of_two.advance(6)
    await shop_of_two.becomes(order["id"], "paid")
    assert await shop_of_two.db.fetch("SELECT 1 FROM notices WHERE merchant_id = $1", shop_of_two.merchant_id) == []
    await shop_of_two.books_hold()


async def test_part_and_rest_go_back_through_alipay_within_their_calls(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await paid_by_alipay(shop)
    part = await ask_back(shop, order["id"], amount=500)
    rest = await ask_back(shop, order["id"])
    assert [(each.body["amount"], each.body["state"]) for each in (part, rest)] == [
        (500, "succeeded"),
        (1300, "succeeded"),
    ]
    over = await ask_back(shop, order["id"], amount=1)
    assert (over.status, over.body["code"]) == (409, "refund_exceeds")
    await shop.books_hold()


async def test_what_alipay_tells_of_a_refund_changes_nothing_more(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await paid_by_alipay(shop)
    for amount in (500, None):
        refund = (await ask_back(shop, order["id"], **({"amount": amount} if amount else {}))).body
        told = {"out_trade_no": order["payments"][0]["id"], "out_request_no": refund["id"]}
        assert (await shop.control("POST", "/alipay/notify", told)).body == {"status": 200, "body": "success"}
        assert (await shop.ask("GET", f"/v1/refunds/{refund['id']}")).body["state"] == "succeeded"
    read = await shop.read(order["id"])
    assert (read["status"], read["refunded"]) == ("paid", 1800)
    assert (await shop.ask("GET", f"/v1/cases?order_id={order['id']}")).body == []
    await shop.books_hold()


async def test_a_refund_that_alipay_does_later_arrives_all_the_same(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await paid_by_alipay(shop)
    await shop.control("PUT", "/faults", {"alipay": {"refund": {"slow": 1, "seconds": 30}}})
    refund = (await ask_back(shop, order["id"])).body
    assert refund["state"] in ("requested", "sent")
    await shop.advance(31)
    await refund_becomes(shop, refund["id"], "succeeded")
    await shop.books_hold()


async def test_a_refund_that_alipay_could_not_make_is_sent_again_under_its_number(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await paid_by_alipay(shop)
    await shop.control("PUT", "/faults", {"alipay": {"refund": {"slow": 1, "seconds": 3600}}})
    refund = (await ask_back(shop, order["id"])).body
    await shop.control("POST", "/alipay/refunds/finish", {"out_request_no": refund["id"], "status": "FAIL"})
    await shop.control("PUT", "/faults", {})
    await shop.advance(3600)
    await refund_becomes(shop, refund["id"], "succeeded")
    await shop.books_hold()


@pytest.mark.parametrize("wechat_first", [True, False])
async def test_of_two_payments_at_two_gateways_the_second_goes_back_where_it_came_from(
    shop_of_two: Shop, wechat_first: bool
) -> None:
    shop = shop_of_two
    order = await shop.order(payment=JSAPI)
    second = await shop.pay(order["id"], PRECREATE)
    taps = [order, second] if wechat_first else [second, order]
    await shop.buyer_pays(taps[0])
    await shop.buyer_pays(taps[1])
    case = await case_of(shop, order["id"], "payment_surplus", "closed")
    (refund,) = await refunds_of(shop, order["id"])
    assert (refund["payment_id"], refund["origin"]) == (case["payment_id"], "surplus")
    states = {each["channel"]: each["state"] for each in (await shop.read(order["id"]))["payments"]}
    assert sorted(states.items()) in (
        [("alipay", "succeeded"), ("wechatpay", "surplus")],
        [("alipay", "surplus"), ("wechatpay", "succeeded")],
    )
    await shop.books_hold()


async def closed_unseen(shop: Shop, way: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order that is closed while its gateway has not heard of it yet, and what was started."""
    order = await shop.order(buyer=None, expires_in=600)
    started = await shop.pay(order["id"], way)
    closed = await shop.ask("POST", f"/v1/orders/{order['id']}/close")
    assert (closed.status, closed.body["status"]) == (200, "closed"), closed
    return order, started


@pytest.mark.parametrize("way", [PRECREATE, WAP], ids=["precreate", "wap"])
async def test_a_code_that_is_paid_after_the_order_was_closed_is_returned(
    shop_of_two: Shop, way: Mapping[str, str]
) -> None:
    order, started = await closed_unseen(shop_of_two, way)
    await shop_of_two.buyer_pays(started)
    case = await case_of(shop_of_two, order["id"], "payment_surplus", "closed")
    assert (case["detail"]["reason"], case["resolution"]) == ("order_closed", "returned")
    await shop_of_two.books_hold()


@pytest.mark.parametrize("way", [PRECREATE, WAP], ids=["precreate", "wap"])
async def test_the_last_look_finds_a_late_payment_that_nobody_told_of(
    shop_of_two: Shop, way: Mapping[str, str]
) -> None:
    shop = shop_of_two
    await shop.control("PUT", "/faults", LOST)
    order, started = await closed_unseen(shop, way)
    await shop.buyer_pays(started)
    await shop.advance(700)
    case = await case_of(shop, order["id"], "payment_surplus", "closed", seconds=40)
    assert case["resolution"] == "returned"
    assert await shop.db.fetch("SELECT 1 FROM notices WHERE merchant_id = $1", shop.merchant_id) == []
    await shop.books_hold()


@pytest.mark.parametrize("way", [PRECREATE, WAP], ids=["precreate", "wap"])
async def test_nobody_looks_any_more_after_the_last_look(shop_of_two: Shop, way: Mapping[str, str]) -> None:
    shop = shop_of_two
    order, started = await closed_unseen(shop, way)
    await shop.advance(700)
    number, give_up_at = started["attempt"]["id"], time.monotonic() + 20
    while await shop.db.fetch("SELECT 1 FROM attempts WHERE attempt_id = $1 AND ask_at IS NOT NULL", number):
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)
    assert (await shop.tap(started)).status == 409
    assert (await shop.read(order["id"]))["payments"][0]["state"] == "closed"
    await shop.books_hold()


async def test_a_way_that_is_forbidden_names_the_rule_and_the_way_round_it(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await shop.order()
    path, pay = f"/v1/orders/{order['id']}/payments", {"channel": "alipay", "method": "wap"}
    refused = await shop.ask("POST", path, token=shop.buyer_token, json=pay)
    assert (refused.status, refused.body["code"], refused.body["rule"]) == (422, "way_forbidden", "alipay_in_wechat")
    assert "pay_url" in str(refused.body)
    assert (await shop.read(order["id"]))["payments"] == []
    await shop.buyer_pays(await shop.pay(order["id"], WAP))
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


# Got ready ahead ----------------------------------------------------------------------


async def calls(shop: Shop, started_at: int = 0) -> list[str]:
    """What the sandbox was asked since then, by its log."""
    entries = (await shop.control("GET", f"/log?kind=request&since={started_at}&limit=100000")).body["entries"]
    return [entry["summary"] for entry in entries if not _is_chore(entry["summary"])]


def _is_chore(summary: str) -> bool:
    """What the server asks by itself, whatever is bought."""
    return any(word in summary for word in ("certificates", "alipaycert", "access_token"))


async def now_at_sandbox(shop: Shop) -> int:
    """The number of the sandbox's last log entry."""
    entries = (await shop.control("GET", "/log?limit=100000")).body["entries"]
    return int(entries[-1]["n"])


async def token_of(shop: Shop, attempt_id: str, other_than: str | None = None) -> str:
    """Wait until an attempt has a token, and another than this."""
    give_up_at = time.monotonic() + 20
    while time.monotonic() < give_up_at:
        rows = await shop.db.fetch("SELECT token FROM attempts WHERE attempt_id = $1", attempt_id)
        if rows[0]["token"] not in (None, other_than):
            return str(rows[0]["token"])
        await asyncio.sleep(0.02)
    raise AssertionError(f"{attempt_id} was not prepared")


@pytest.mark.parametrize("way", [JSAPI, CREATE], ids=["wechatpay", "alipay"])
async def test_a_tap_on_a_prefetched_payment_needs_no_gateway(shop_of_two: Shop, way: Mapping[str, str]) -> None:
    shop = shop_of_two
    buyer = shop.buyer_id if way is JSAPI else shop.alipay_buyer_id
    order = await shop.order(buyer=buyer, payment=way, prefetch=True)
    assert "client_params" not in order
    (attempt,) = order["payments"]
    await token_of(shop, attempt["id"])
    before = await now_at_sandbox(shop)
    started = await shop.pay(order["id"], way)
    assert started["attempt"]["id"] == attempt["id"]
    assert await calls(shop, before) == []
    await shop.buyer_pays(started)
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


async def test_prefetched_parameters_are_got_anew_before_they_expire(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI, prefetch=True, expires_in=6 * 3600)
    (attempt,) = order["payments"]
    first = await token_of(shop, attempt["id"])
    await shop.advance(2 * 3600 - 500)
    await token_of(shop, attempt["id"], other_than=first)
    await shop.advance(1000)
    before = await now_at_sandbox(shop)
    shop.buyer_token = (await shop.log_in(None))["token"]
    started = await shop.pay(order["id"])
    assert [call for call in await calls(shop, before) if "/v3/" in call] == []
    await shop.buyer_pays(started)
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


async def test_a_prefetch_that_was_not_answered_is_tried_again_and_a_tap_does_not_wait_for_it(shop: Shop) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"api": {"rate_limit": 1}}})
    order = await shop.order(payment=JSAPI, prefetch=True)
    asked, give_up_at = "SELECT 1 FROM calls WHERE order_id = $1 AND verb = 'prepare'", time.monotonic() + 20
    while not await shop.db.fetch(asked, order["id"]):
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)
    await shop.control("PUT", "/faults", {})
    started = await shop.pay(order["id"])
    assert [each["id"] for each in (await shop.read(order["id"]))["payments"]] == [started["attempt"]["id"]]
    await shop.buyer_pays(started)
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()
