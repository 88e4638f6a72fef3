"""The counter: a till scans the code on the buyer's phone. Whatever happens, it is one payment or none."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.town import Answer, Shop, shop, shop_of_two, town

__all__ = ["shop", "shop_of_two", "town"]

LOST = {"api": {"accept_then_time_out": 1, "delay_seconds": 0.5}, "notify": {"lose": 1}}
"""The gateway collects, and does not say so."""
BOTH = pytest.mark.parametrize("gateway", ["wechat", "alipay"])
UNTIL_ASKED_SECONDS = 6
NOBODY_ANSWERS_SECONDS = 61
"""After so long without an end a scanned code is reversed."""


async def code_of(shop: Shop, gateway: str, behaviour: str = "pay", **wish: Any) -> str:
    """A code as the buyer's phone shows it."""
    answer = await shop.control("POST", f"/{gateway}/buyer/code", {"behaviour": behaviour, **wish})
    return str(answer.body["auth_code"])


async def scan(shop: Shop, order_id: str, auth_code: str) -> Answer:
    """The till scans it."""
    path, wish = f"/v1/orders/{order_id}/payments", {"method": "code", "auth_code": auth_code}
    return await shop.ask("POST", path, json=wish)


async def password(shop: Shop, gateway: str, attempt_id: str, *, right: bool = True) -> Answer:
    """The buyer answers the phone's question, and time passes until the gateway is asked."""
    wish = {"out_trade_no": attempt_id, "right": right}
    answer = await shop.control("POST", f"/{gateway}/buyer/password", wish)
    await shop.advance(UNTIL_ASKED_SECONDS)
    return answer


async def attempt_becomes(shop: Shop, order_id: str, state: str, seconds: float = 30) -> dict[str, Any]:
    """Wait until the order's last attempt is in that state."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        attempt: dict[str, Any] = (await shop.read(order_id))["payments"][-1]
        if attempt["state"] == state:
            return attempt
        await asyncio.sleep(0.05)
    raise AssertionError(f"{attempt['id']} is {attempt['state']}, not {state}")


@BOTH
async def test_a_code_pays_at_once_and_its_beginning_tells_the_channel(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    answer = await scan(shop, order["id"], await code_of(shop, gateway))
    assert (answer.status, answer.body["client_params"]) == (201, {}), answer
    attempt = answer.body["attempt"]
    assert (attempt["state"], attempt["host"], attempt["method"]) == ("succeeded", "counter", "code")
    assert attempt["channel"] == {"wechat": "wechatpay", "alipay": "alipay"}[gateway]
    assert (await shop.read(order["id"]))["status"] == "paid"
    await shop.told(1)
    await shop.books_hold()


@BOTH
async def test_a_code_that_asks_for_the_password_pays_when_it_is_typed(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    attempt = (await scan(shop, order["id"], await code_of(shop, gateway, "password"))).body["attempt"]
    assert attempt["state"] == "pending"
    assert (await password(shop, gateway, attempt["id"])).status == 200
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


@BOTH
async def test_a_wrong_password_ends_the_attempt_and_another_code_pays(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    attempt = (await scan(shop, order["id"], await code_of(shop, gateway, "password"))).body["attempt"]
    await password(shop, gateway, attempt["id"], right=False)
    give_up_at = time.monotonic() + 20
    while (await shop.read(order["id"]))["payments"][0]["state"] not in ("failed", "closed"):
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)
    again = await scan(shop, order["id"], await code_of(shop, gateway))
    assert again.body["attempt"]["state"] == "succeeded", again
    await shop.books_hold()


@BOTH
async def test_a_code_that_nobody_answers_is_reversed_and_pays_never(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    attempt = (await scan(shop, order["id"], await code_of(shop, gateway, "password"))).body["attempt"]
    await shop.advance(NOBODY_ANSWERS_SECONDS)
    ended = await attempt_becomes(shop, order["id"], "closed")
    assert ended["id"] == attempt["id"]
    assert (await password(shop, gateway, attempt["id"])).status == 409
    again = await scan(shop, order["id"], await code_of(shop, gateway))
    assert again.body["attempt"]["state"] == "succeeded", again
    await shop.books_hold()


@BOTH
async def test_a_notice_of_success_that_comes_after_the_reversal_pays_nothing(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    attempt = (await scan(shop, order["id"], await code_of(shop, gateway, "password"))).body["attempt"]
    await shop.advance(NOBODY_ANSWERS_SECONDS)
    await attempt_becomes(shop, order["id"], "closed")
    url = f"{shop.town.url}/notify/wechatpay/{shop.account_id}"
    told = {"out_trade_no": attempt["id"], **({"url": url} if gateway == "wechat" else {})}
    status = (await shop.control("POST", f"/{gateway}/notify", told)).body["status"]
    assert status < 500
    await asyncio.sleep(1.5)  # the chase looks once more, at once
    read = await shop.read(order["id"])
    assert (read["status"], read["payments"][0]["state"]) == ("open", "closed")
    assert (await shop.book(gateway))["balance"] == 0
    await shop.books_hold()


@BOTH
@pytest.mark.parametrize("behaviour", ["pay", "password"])
async def test_two_presses_at_once_are_one_payment(shop_of_two: Shop, gateway: str, behaviour: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    code = await code_of(shop, gateway, behaviour)
    answers = await asyncio.gather(*(scan(shop, order["id"], code) for _ in range(4)))
    assert {answer.status for answer in answers} <= {201, 409}, answers
    pressed = {answer.body["attempt"]["id"] for answer in answers if answer.status == 201}
    assert len(pressed) == 1
    if behaviour == "password":
        await password(shop, gateway, pressed.pop())
    paid = await shop.becomes(order["id"], "paid")
    assert len(paid["payments"]) == 1
    assert (await shop.book(gateway))["balance"] == 1800
    after = await scan(shop, order["id"], code)
    assert (after.status, after.body["attempt"]["id"]) == (201, paid["payments"][0]["id"]), after
    await shop.books_hold()


@BOTH
async def test_a_payment_whose_answer_was_lost_is_found_by_asking(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order, code = await shop.order(buyer=None), await code_of(shop, gateway)
    await shop.control("PUT", "/faults", {gateway: LOST})
    attempt = (await scan(shop, order["id"], code)).body["attempt"]
    assert attempt["state"] == "pending"
    await shop.control("PUT", "/faults", {})
    await shop.advance(UNTIL_ASKED_SECONDS)
    paid = await shop.becomes(order["id"], "paid")
    assert [each["id"] for each in paid["payments"]] == [attempt["id"]]
    await shop.books_hold()


@BOTH
async def test_a_gateway_that_is_away_for_two_minutes_is_asked_before_anything_is_reversed(
    shop_of_two: Shop, gateway: str
) -> None:
    shop = shop_of_two
    order, code = await shop.order(buyer=None), await code_of(shop, gateway)
    await shop.control("PUT", "/faults", {gateway: LOST})
    assert (await scan(shop, order["id"], code)).body["attempt"]["state"] == "pending"
    await shop.control("PUT", "/faults", {gateway: {"api": {"rate_limit": 1}}})
    await shop.advance(120)
    await asyncio.sleep(1.5)
    assert (await shop.read(order["id"]))["payments"][0]["state"] == "pending"
    await shop.control("PUT", "/faults", {})
    await shop.advance(10)
    await shop.becomes(order["id"], "paid")
    assert (await shop.book(gateway))["balance"] == 1800
    await shop.books_hold()


@BOTH
async def test_what_the_gateway_refuses_for_certain_is_told_at_once(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    refused = await scan(shop, order["id"], await code_of(shop, gateway, "fail"))
    assert (refused.status, refused.body["code"]) == (422, "payment_rejected"), refused
    assert refused.body["channel_code"]
    assert (await shop.read(order["id"]))["payments"][0]["state"] == "failed"
    again = await scan(shop, order["id"], await code_of(shop, gateway))
    assert again.body["attempt"]["state"] == "succeeded"
    await shop.books_hold()


@BOTH
async def test_an_order_that_is_closed_while_the_buyer_types_is_reversed_first(shop_of_two: Shop, gateway: str) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    attempt = (await scan(shop, order["id"], await code_of(shop, gateway, "password"))).body["attempt"]
    closed = await shop.ask("POST", f"/v1/orders/{order['id']}/close")
    assert (closed.status, closed.body["status"]) == (200, "closed"), closed
    assert (await password(shop, gateway, attempt["id"])).status == 409
    await shop.books_hold()


async def test_a_second_code_waits_until_the_first_has_ended(shop_of_two: Shop) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None)
    first = (await scan(shop, order["id"], await code_of(shop, "wechat", "password"))).body["attempt"]
    busy = await scan(shop, order["id"], await code_of(shop, "wechat"))
    assert (busy.status, busy.body["code"]) == (409, "payment_in_progress")
    await password(shop, "wechat", first["id"])
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


@pytest.mark.parametrize("code", ["62" + "1" * 17, "99" * 9, "0" * 18])
async def test_the_code_of_a_wallet_that_is_not_ours_begins_no_payment(shop: Shop, code: str) -> None:
    order = await shop.order(buyer=None)
    refused = await scan(shop, order["id"], code)
    assert (refused.status, refused.body["code"]) == (422, "unknown_wallet"), refused
    assert "wechatpay" in refused.body["channels"]
    assert (await shop.read(order["id"]))["payments"] == []


async def test_a_buyer_cannot_press_the_tills_key(shop: Shop) -> None:
    order = await shop.order()
    path, wish = f"/v1/orders/{order['id']}/payments", {"method": "code", "auth_code": "130000000000000000"}
    refused = await shop.ask("POST", path, token=shop.buyer_token, json=wish)
    assert (refused.status, refused.body["code"]) == (403, "merchant_only")


async def test_a_payment_code_is_in_no_answer_no_row_and_no_log(shop: Shop) -> None:
    order = await shop.order(buyer=None)
    code = await code_of(shop, "wechat")
    answer = await scan(shop, order["id"], code)
    assert answer.status == 201
    assert code not in str(answer.body) + str(await shop.read(order["id"])) + shop.town.server.log()
    rows = await shop.db.fetch("SELECT options::text AS options FROM attempts WHERE order_id = $1", order["id"])
    calls = await shop.db.fetch("SELECT detail FROM calls WHERE order_id = $1", order["id"])
    assert code not in str([*map(dict, rows), *map(dict, calls)])
