"""Money that merchants give back, and what becomes of it on its way."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from tests.journeys.money_back import ask_back, case_of, decide, paid_order, refund_becomes, refund_faults
from tests.town import Shop, shop, town

__all__ = ["shop", "town"]


def events(shop: Shop) -> list[str]:
    return [orjson.loads(body)["type"] for _, body in shop.webhooks]


async def test_part_and_rest_go_back_and_the_merchant_is_told_of_every_step(shop: Shop) -> None:
    order = await paid_order(shop)
    first = await ask_back(shop, order["id"], amount=500)
    assert (first.status, first.body["amount"]) == (201, 500)
    assert first.body["state"] in ("sent", "succeeded")
    rest = await ask_back(shop, order["id"])
    assert (rest.status, rest.body["amount"]) == (201, 1300)
    for refund in (first.body, rest.body):
        done = await refund_becomes(shop, refund["id"], "succeeded")
        assert done["refunded_at"] is not None and done["gateway_refund_id"].startswith("50")
    assert (await shop.read(order["id"]))["refunded"] == 1800
    await shop.told(7)
    assert sorted(events(shop)) == sorted(["order.paid", *["refund.requested", "refund.sent", "refund.succeeded"] * 2])
    for headers, body in shop.webhooks:
        Webhook(shop.webhook_secret).verify(body, headers)
    more = await ask_back(shop, order["id"], amount=1)
    assert (more.status, more.body["code"]) == (409, "refund_exceeds")
    await shop.books_hold()


async def test_the_same_reference_is_the_same_refund(shop: Shop) -> None:
    order = await paid_order(shop)
    wish = {"reference": "once", "amount": 700, "reason": "cold"}
    first, again = await ask_back(shop, order["id"], **wish), await ask_back(shop, order["id"], **wish)
    assert (first.status, again.status) == (201, 200)
    assert first.body["id"] == again.body["id"]
    other = await ask_back(shop, order["id"], **(wish | {"amount": 701}))
    assert (other.status, other.body["code"]) == (409, "reference_conflict")
    await refund_becomes(shop, first.body["id"], "succeeded")
    await shop.books_hold()


async def test_an_unpaid_order_has_nothing_to_give_back(shop: Shop) -> None:
    order = await shop.order()
    answer = await ask_back(shop, order["id"], amount=1)
    assert (answer.status, answer.body["code"]) == (409, "order_not_paid")


async def test_sixty_four_at_once_ask_for_three_times_the_sum_and_get_it_once(shop: Shop) -> None:
    order = await paid_order(shop, amount=6400)
    answers = await asyncio.gather(*(ask_back(shop, order["id"], reference=f"r{n}", amount=300) for n in range(64)))
    granted = [answer.body for answer in answers if answer.status == 201]
    assert {answer.status for answer in answers} == {201, 409}
    assert len(granted) == 6400 // 300
    for refund in granted:
        await refund_becomes(shop, refund["id"], "succeeded", seconds=60)
    await shop.books_hold()


async def test_a_lost_refund_notification_is_only_a_delay(shop: Shop) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"notify": {"lose": 1}}})
    order = await paid_order(shop)
    refund = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, refund["id"], "succeeded", seconds=30)
    assert await shop.db.fetch("SELECT 1 FROM notices WHERE merchant_id = $1", shop.merchant_id) == []
    await shop.books_hold()


async def test_a_refund_that_was_not_answered_is_sent_again_under_its_number(shop: Shop) -> None:
    order = await paid_order(shop)
    await shop.control("PUT", "/faults", {"wechat": {"api": {"server_error": 1}, "seed": 4}})
    refund = (await ask_back(shop, order["id"])).body
    assert refund["state"] == "requested"
    await shop.control("PUT", "/faults", {})
    await refund_becomes(shop, refund["id"], "succeeded", seconds=30)
    listed = (await shop.control("GET", f"/wechat/refunds?mchid={shop.credentials['mchid']}")).body
    assert [each["out_refund_no"] for each in listed["refunds"]] == [refund["id"]]
    await shop.books_hold()


async def test_an_abnormal_refund_is_a_case_until_it_is_redirected(shop: Shop) -> None:
    await refund_faults(shop, abnormal=1)
    order = await paid_order(shop)
    refund = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, refund["id"], "abnormal")
    case = await case_of(shop, order["id"], "refund_abnormal")
    assert case["refund_id"] == refund["id"] and case["due_at"] > case["opened_at"]
    await refund_faults(shop)
    path = f"/v1/refunds/{refund['id']}/redirect"
    card = {"to": "buyer_card", "bank": "ICBC_DEBIT", "card_number": "6222021234567890123", "card_holder": "李雷"}
    redirected = await shop.ask("POST", path, json=card)
    assert (redirected.status, redirected.body["state"]) == (200, "sent"), redirected
    assert (await shop.ask("POST", path, json=card)).body["code"] == "refund_not_abnormal"
    await refund_becomes(shop, refund["id"], "succeeded")
    assert (await case_of(shop, order["id"], "refund_abnormal", "closed"))["resolution"] == "sent"
    await shop.books_hold()
    assert "6222021234567890123" not in shop.town.server.log()


async def test_an_abnormal_refund_paid_in_cash_is_written_down_so(shop: Shop) -> None:
    await refund_faults(shop, abnormal=1)
    order = await paid_order(shop)
    refund = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, refund["id"], "abnormal")
    closed = await decide(shop, await case_of(shop, order["id"], "refund_abnormal"), "handled_outside")
    assert (closed.status, closed.body["status"], closed.body["closed_by"]) == (200, "closed", "li.lei"), closed
    assert (await shop.read(order["id"]))["refunded"] == 1800, "it cannot be given back a second time"
    await shop.books_hold()


async def test_a_refund_the_gateway_closes_gives_the_money_back_to_the_merchant(shop: Shop) -> None:
    await refund_faults(shop, closed=1)
    order = await paid_order(shop)
    refund = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, refund["id"], "closed")
    assert (await shop.read(order["id"]))["refunded"] == 0
    await case_of(shop, order["id"], "refund_closed")
    await refund_faults(shop)
    again = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, again["id"], "succeeded")
    await shop.books_hold()


async def test_a_short_balance_keeps_the_refund_waiting_with_a_case(shop: Shop) -> None:
    order = await paid_order(shop)
    mchid = shop.credentials["mchid"]
    await shop.control("PUT", "/wechat/merchants", {"mchid": mchid, "refund_refusal": "NOT_ENOUGH"})
    refund = (await ask_back(shop, order["id"])).body
    assert (refund["state"], refund["state_reason"]) == ("requested", "NOT_ENOUGH")
    await case_of(shop, order["id"], "refund_blocked")
    await shop.control("PUT", "/wechat/merchants", {"mchid": mchid, "refund_refusal": None})
    await refund_becomes(shop, refund["id"], "succeeded", seconds=40)
    assert (await case_of(shop, order["id"], "refund_blocked", "closed"))["closed_by"] == "policy"
    await shop.books_hold()


async def handed_over(shop: Shop) -> dict[str, Any]:
    """A refund that bounced, and that the shop paid in cash."""
    await refund_faults(shop, abnormal=1)
    order = await paid_order(shop)
    refund: dict[str, Any] = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, refund["id"], "abnormal")
    assert (await decide(shop, await case_of(shop, order["id"], "refund_abnormal"), "handled_outside")).status == 200
    return refund


async def test_what_was_paid_in_cash_cannot_be_redirected(shop: Shop) -> None:
    refund = await handed_over(shop)
    answer = await shop.ask("POST", f"/v1/refunds/{refund['id']}/redirect", json={"to": "merchant_card"})
    assert (answer.status, answer.body["code"]) == (409, "refund_not_abnormal")


@pytest.mark.parametrize("status", ["CLOSED", "SUCCESS"])
async def test_what_the_gateway_says_of_a_refund_paid_in_cash_is_booked_once(shop: Shop, status: str) -> None:
    refund = await handed_over(shop)
    end = {"out_refund_no": refund["id"], "status": status, "mchid": shop.credentials["mchid"]}
    if status == "SUCCESS":
        await shop.control("POST", "/wechat/refunds/finish", end)
        await case_of(shop, refund["order_id"], "refund_too_much")
    else:
        wish = {"out_refund_no": refund["id"], "changes": {"refund_status": "CLOSED"}}
        assert (await shop.control("POST", "/wechat/notify", wish)).body["status"] == 200
        assert (await shop.read(refund["order_id"]))["refunded"] == 1800, "it is not given a second time"
    await shop.books_hold()


async def test_a_refund_under_way_again_cannot_be_handed_over(shop: Shop) -> None:
    await refund_faults(shop, abnormal=1)
    order = await paid_order(shop)
    refund = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, refund["id"], "abnormal")
    case = await case_of(shop, order["id"], "refund_abnormal")
    end = {"out_refund_no": refund["id"], "status": "SUCCESS", "mchid": shop.credentials["mchid"]}
    await shop.control("PUT", "/faults", {"wechat": {"notify": {"lose": 1}}})
    await shop.control("POST", "/wechat/refunds/finish", end)
    answer = await decide(shop, case, "handled_outside")
    assert answer.status == 409, answer
    await refund_becomes(shop, refund["id"], "succeeded")
    await shop.books_hold()


async def test_a_tampered_or_foreign_refund_notice_moves_nothing(shop: Shop) -> None:
    await refund_faults(shop, seconds=3600)
    order = await paid_order(shop)
    refund = (await ask_back(shop, order["id"])).body
    for mutate in ("signature", "body", "timestamp", "amount"):
        wish = {"out_refund_no": refund["id"], "mutate": mutate, "changes": {"refund_status": "SUCCESS"}}
        assert (await shop.control("POST", "/wechat/notify", wish)).body["status"] >= 400, mutate
    lie = {"out_refund_no": refund["id"], "changes": {"refund_status": "SUCCESS", "amount": {"refund": 1}}}
    assert (await shop.control("POST", "/wechat/notify", lie)).body["status"] >= 400
    await case_of(shop, order["id"], "refund_mismatch")
    assert (await shop.ask("GET", f"/v1/refunds/{refund['id']}")).body["state"] == "sent"


# The last one: from here on a book of this town is out of balance, as it must be.
async def test_a_closed_refund_that_went_back_after_all_beside_a_new_one_is_a_case(shop: Shop) -> None:
    await refund_faults(shop, closed=1)
    order = await paid_order(shop)
    first = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, first["id"], "closed")
    await refund_faults(shop)
    await refund_becomes(shop, (await ask_back(shop, order["id"])).body["id"], "succeeded")
    wish = {"out_refund_no": first["id"], "changes": {"refund_status": "SUCCESS"}}
    assert (await shop.control("POST", "/wechat/notify", wish)).body["status"] == 200
    case = await case_of(shop, order["id"], "refund_too_much")
    assert case["detail"]["reason"] == "exceeds_payment"
    more = await ask_back(shop, order["id"], amount=1)
    assert (more.status, more.body["left"]) == (409, 0)
