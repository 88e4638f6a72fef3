"""Money going back: what merchants give back, what came in twice, late or wrong, and what people decide about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from tests.town import JSAPI, Answer, Shop, shop, town
from tongbao import merchants, payments
from tongbao.payments.service import _write_closed

__all__ = ["shop", "town"]


async def paid_order(shop: Shop, **changes: Any) -> dict[str, Any]:
    """An order of 1800 fen that has been paid."""
    order = await shop.order(payment=JSAPI, **changes)
    await shop.buyer_pays(order)
    return await shop.becomes(order["id"], "paid")


async def ask_back(shop: Shop, order_id: str, **wish: Any) -> Answer:
    """The merchant asks for a refund."""
    body = {"reference": f"back-{time.monotonic_ns()}", "reason": "凉了"} | wish
    return await shop.ask("POST", f"/v1/orders/{order_id}/refunds", json=body)


async def refund_becomes(shop: Shop, refund_id: str, *states: str, seconds: float = 20) -> dict[str, Any]:
    """Wait until a refund is in one of these states."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        refund: dict[str, Any] = (await shop.ask("GET", f"/v1/refunds/{refund_id}")).body
        if refund["state"] in states:
            return refund
        await asyncio.sleep(0.05)
    raise AssertionError(f"refund {refund_id} is {refund['state']} ({refund['state_reason']}), not {states}")


async def refunds_of(shop: Shop, order_id: str) -> list[dict[str, Any]]:
    refunds: list[dict[str, Any]] = (await shop.ask("GET", f"/v1/orders/{order_id}/refunds")).body
    return refunds


async def case_of(shop: Shop, order_id: str, kind: str, status: str = "open", seconds: float = 20) -> dict[str, Any]:
    """Wait until an order has a case of this kind in this status."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        answer = await shop.ask("GET", f"/v1/cases?order_id={order_id}&kind={kind}&status={status}")
        cases: list[dict[str, Any]] = answer.body if isinstance(answer.body, list) else answer.body["cases"]
        if cases:
            return cases[0]
        await asyncio.sleep(0.05)
    raise AssertionError(f"order {order_id} has no {status} case {kind}")


async def decide(shop: Shop, case: Mapping[str, Any], resolution: str) -> Answer:
    wish = {"resolution": resolution, "note": "looked at the bill", "by": "li.lei"}
    return await shop.ask("POST", f"/v1/cases/{case['id']}/close", json=wish)


async def refund_faults(shop: Shop, **faults: float) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"refund": faults}})


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
        _write_closed(tx, *await payments.get_order(tx, shop.merchant_id, order["id"]), "expired")
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
    order, case = await held_order(shop, {"amount": {"total": 1700}})
    assert (await decide(shop, case, "accept")).status == 200
    paid = await shop.read(order["id"])
    assert (paid["status"], paid["payments"][0]["reason"]) == ("paid", "accepted")
    postings = await shop.db.fetch("SELECT amount FROM postings WHERE order_id = $1", order["id"])
    assert [row["amount"] for row in postings] == [1700]
    over = await ask_back(shop, order["id"], amount=1701)
    assert (over.status, over.body["code"]) == (409, "refund_exceeds")


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
