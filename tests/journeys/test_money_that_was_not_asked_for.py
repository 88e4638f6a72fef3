"""Money that came in twice, late or wrong, and what people decide about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.journeys.money_back import ask_back, case_of, decide, paid_order, refund_becomes, refunds_of
from tests.town import JSAPI, Shop, shop, town
from tongbao import merchants, payments
from tongbao.payments.service import _write_closed

__all__ = ["shop", "town"]


async def pay_fresh(shop: Shop, order_id: str) -> dict[str, Any]:
    answer = await shop.ask(
        "POST", f"/v1/orders/{order_id}/payments", token=shop.buyer_token, json=JSAPI | {"fresh": True}
    )
    assert answer.status == 201, answer
    started: dict[str, Any] = answer.body
    return started


async def test_of_two_paid_attempts_the_second_goes_back_by_itself(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    second = await pay_fresh(shop, order["id"])
    assert second["attempt"]["id"] != order["attempt"]["id"]
    await asyncio.gather(shop.buyer_pays(order), shop.buyer_pays(second))
    await shop.becomes(order["id"], "paid")
    case = await case_of(shop, order["id"], "payment_surplus", "closed")
    assert (case["closed_by"], case["resolution"]) == ("policy", "returned")
    (refund,) = await refunds_of(shop, order["id"])
    assert (refund["state"], refund["origin"], refund["amount"]) == ("succeeded", "surplus", 1800)
    now = await shop.read(order["id"])
    assert sorted(each["state"] for each in now["payments"]) == ["succeeded", "surplus"]
    assert now["refunded"] == 0, "what the order needs stays"
    await shop.books_hold()


async def close_here_only(shop: Shop) -> dict[str, Any]:
    """An order whose close the gateway never heard of: here it is closed, there it can still be paid."""
    order = await shop.order(payment=JSAPI)
    async with shop.db.tx() as tx:
        known, attempts = await payments.get_order(tx, shop.merchant_id, order["id"])
        _write_closed(tx, known, attempts, "expired", {attempt.attempt_id: True for attempt in attempts})
    return order


async def test_a_payment_after_the_order_was_closed_goes_back_by_itself(shop: Shop) -> None:
    order = await close_here_only(shop)
    await shop.buyer_pays(order)
    case = await case_of(shop, order["id"], "payment_surplus", "closed")
    assert (case["detail"]["reason"], case["resolution"]) == ("order_closed", "returned")
    assert (await shop.read(order["id"]))["status"] == "closed"
    rows = await shop.db.fetch(
        "SELECT debit_account, credit_account FROM postings WHERE order_id = $1 ORDER BY posting_id", order["id"]
    )
    clearing = f"clearing:{shop.account_id}"
    assert [tuple(row.values()) for row in rows] == [
        (clearing, "surplus"),
        ("surplus", "refunding"),
        ("refunding", clearing),
    ]
    await shop.books_hold()


async def test_a_merchant_can_have_late_payments_revive_their_orders(shop: Shop) -> None:
    await shop.db.run(lambda tx: merchants.set_late_payment(tx, shop.merchant_id, "revive"))
    await asyncio.sleep(5.5)  # servers look again at an account after five seconds at most
    order = await close_here_only(shop)
    await shop.buyer_pays(order)
    paid = await shop.becomes(order["id"], "paid")
    assert paid["payments"][0]["reason"] == "revived"
    await shop.books_hold()


async def test_an_open_second_attempt_of_a_paid_order_is_closed_at_the_gateway(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    second = await pay_fresh(shop, order["id"])
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    give_up_at = time.monotonic() + 20
    while (await shop.read(order["id"]))["payments"][1]["state"] != "closed":
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.1)
    late = await shop.control("POST", "/wechat/buyer/pay", {"out_trade_no": second["attempt"]["id"]})
    assert (late.status, late.body["code"]) == (409, "ORDER_CLOSED")
    await shop.books_hold()


async def held_order(shop: Shop, changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order that the gateway says was paid with something else than was asked for, and its case."""
    order = await shop.order(payment=JSAPI)
    number = order["attempt"]["id"]
    await shop.control("POST", "/wechat/notify", {"out_trade_no": number, "changes": changes})
    return order, await case_of(shop, order["id"], "payment_held")


async def test_a_wrong_amount_is_frozen_until_a_person_dismisses_it(shop: Shop) -> None:
    order, case = await held_order(shop, {"amount": {"total": 1}})
    assert case["detail"]["received_amount"] == 1
    assert (await shop.ask("POST", f"/v1/orders/{order['id']}/payments", json=JSAPI)).body["code"] == "payment_held"
    closed = await decide(shop, case, "dismiss")
    assert (closed.status, closed.body["resolution"], closed.body["closed_by"]) == (200, "dismiss", "li.lei"), closed
    assert (await decide(shop, case, "dismiss")).body["code"] == "case_closed"
    again = await pay_fresh(shop, order["id"])
    await shop.buyer_pays(again)
    await shop.becomes(order["id"], "paid")
    await shop.books_hold()


async def test_a_notice_about_what_was_dismissed_changes_nothing_more(shop: Shop) -> None:
    order, case = await held_order(shop, {"amount": {"total": 1}})
    await decide(shop, case, "dismiss")
    lie = {"out_trade_no": order["attempt"]["id"], "changes": {"amount": {"total": 1}}}
    assert (await shop.control("POST", "/wechat/notify", lie)).body["status"] == 200
    assert (await shop.read(order["id"]))["payments"][0]["state"] == "failed"


async def test_a_held_payment_that_is_accepted_pays_with_what_came_in(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.control("POST", "/wechat/buyer/pay", {"out_trade_no": order["attempt"]["id"], "amount": 1700})
    case = await case_of(shop, order["id"], "payment_held")
    accepted = await decide(shop, case, "accept")
    assert accepted.status == 200, accepted
    paid = await shop.read(order["id"])
    assert (paid["status"], paid["payments"][0]["reason"]) == ("paid", "accepted")
    postings = await shop.db.fetch("SELECT amount FROM postings WHERE order_id = $1", order["id"])
    assert [row["amount"] for row in postings] == [1700]
    over = await ask_back(shop, order["id"], amount=1701)
    assert (over.status, over.body["code"]) == (409, "refund_exceeds")
    refund = (await ask_back(shop, order["id"])).body
    await refund_becomes(shop, refund["id"], "succeeded")
    await shop.books_hold()


async def test_a_held_payment_that_is_returned_goes_back_with_what_came_in(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.control("POST", "/wechat/buyer/pay", {"out_trade_no": order["attempt"]["id"], "amount": 1900})
    returned = await decide(shop, await case_of(shop, order["id"], "payment_held"), "return")
    assert returned.status == 200, returned
    assert (await case_of(shop, order["id"], "payment_surplus", "closed"))["resolution"] == "returned"
    assert (await refunds_of(shop, order["id"]))[0]["amount"] == 1900
    await shop.books_hold()


@pytest.mark.parametrize("resolution", ["accept", "return"])
async def test_money_that_the_gateway_does_not_know_of_is_not_counted(shop: Shop, resolution: str) -> None:
    order, case = await held_order(shop, {"amount": {"total": 1700}})
    refused = await decide(shop, case, resolution)
    assert (refused.status, refused.body["code"]) == (409, "payment_not_confirmed")
    assert (await shop.read(order["id"]))["payments"][0]["state"] == "held"


async def test_a_contradiction_about_a_settled_payment_is_a_case(shop: Shop) -> None:
    order = await paid_order(shop)
    lie = {"out_trade_no": order["payments"][0]["id"], "changes": {"amount": {"total": 1}}}
    for _ in range(2):
        assert (await shop.control("POST", "/wechat/notify", lie)).body["status"] == 400
    case = await case_of(shop, order["id"], "payment_mismatch")
    assert (case["detail"]["said_amount"], case["detail"]["collected_amount"]) == (1, 1800)
    await shop.books_hold()


@pytest.mark.parametrize("resolution", ["accept", "return"])
async def test_money_that_is_not_ours_can_only_be_dismissed(shop: Shop, resolution: str) -> None:
    _, case = await held_order(shop, {"mchid": "1999999999"})
    answer = await decide(shop, case, resolution)
    assert (answer.status, answer.body["code"]) == (422, "unknown_resolution")


async def test_a_held_payment_that_the_gateway_confirms_closes_its_case(shop: Shop) -> None:
    order, _ = await held_order(shop, {"amount": {"total": 1}})
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    case = await case_of(shop, order["id"], "payment_held", "closed")
    assert (case["closed_by"], case["resolution"]) == ("the gateway", "confirmed")
    await shop.books_hold()
