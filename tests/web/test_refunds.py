"""Refunds through the API: what is asked for, what is refused, and what is never shown."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from pydantic import ValidationError

from tests.town import JSAPI, Answer, Shop, shop, town
from tongbao.kit import ids
from tongbao.kit.errors import Refusal
from tongbao.web.api.schemas_money_back import RedirectRequest, RefundRequest

__all__ = ["shop", "town"]

CARD = {"bank": "ICBC_DEBIT", "card_number": "6222021234567890123", "card_holder": "欧阳雪梅"}


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, answer.body["code"]


async def paid(shop: Shop, **changes: Any) -> str:
    order = await shop.order(payment=JSAPI, **changes)
    await shop.buyer_pays(order)
    return str((await shop.becomes(order["id"], "paid"))["id"])


async def ask(shop: Shop, order_id: str, **body: Any) -> Answer:
    return await shop.ask("POST", f"/v1/orders/{order_id}/refunds", json=body)


async def becomes(shop: Shop, refund_id: str, state: str, seconds: float = 20) -> dict[str, Any]:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        refund: dict[str, Any] = (await shop.ask("GET", f"/v1/refunds/{refund_id}")).body
        if refund["state"] == state:
            return refund
        await asyncio.sleep(0.05)
    raise AssertionError(f"refund {refund_id} is {refund['state']}, not {state}, after {seconds} s")


# What is asked for ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "items", "sum_to_refund"),
    [
        (None, [], None),
        (500, [], 500),
        (500, [{"name": "Latte"}], 500),
        (None, [{"name": "Latte"}, {"name": "Tea", "amount": 300}], None),
        (None, [{"name": "Latte", "amount": 200}, {"name": "Tea", "amount": 300}], 500),
        (500, [{"name": "Latte", "amount": 200}, {"name": "Tea", "amount": 300, "quantity": 3}], 500),
        (900, [{"name": "Latte"}, {"name": "Tea", "amount": 300}], 900),
    ],
)
def test_items_decide_the_sum_where_each_has_an_amount(
    amount: int | None, items: list[dict[str, Any]], sum_to_refund: int | None
) -> None:
    body = RefundRequest.model_validate({"reference": "r", "amount": amount, "items": items})
    assert body.sum_to_refund() == sum_to_refund


def test_items_that_do_not_come_to_the_amount_are_refused() -> None:
    body = RefundRequest.model_validate({"reference": "r", "amount": 501, "items": [{"name": "Tea", "amount": 500}]})
    with pytest.raises(Refusal) as refusal:
        body.sum_to_refund()
    assert (refusal.value.code, refusal.value.status) == ("refund_items_mismatch", 422)
    assert refusal.value.values == {"amount": 501, "items_amount": 500}


def test_card_details_are_in_no_repr_and_in_no_error() -> None:
    shown = repr(RedirectRequest.model_validate({"to": "buyer_card", **CARD}))
    assert "buyer_card" in shown
    with pytest.raises(ValidationError) as error:
        RedirectRequest.model_validate({"to": "nowhere", **CARD, "extra": 1})
    for told in (shown, str(error.value.errors(include_input=False, include_url=False))):
        assert not any(secret in told for secret in (CARD["card_number"], CARD["card_holder"]))


# The doors ------------------------------------------------------------------------------------------------------


async def test_a_refund_is_asked_for_read_and_listed(shop: Shop) -> None:
    order_id = await paid(shop)
    items = [{"name": "Latte", "amount": 500, "quantity": 1, "reference": None}]
    made = await ask(shop, order_id, reference="back-1", reason="凉了", items=items)
    assert made.status == 201
    assert (made.body["order_id"], made.body["amount"], made.body["origin"]) == (order_id, 500, "merchant")
    assert made.body["items"] == items
    assert made.body["payment_id"].startswith("pay")
    again = await ask(shop, order_id, reference="back-1", reason="凉了", items=items)
    assert (again.status, again.body["id"]) == (200, made.body["id"])
    read = (await shop.ask("GET", f"/v1/refunds/{made.body['id']}")).body
    assert read.keys() == made.body.keys()
    for token in (shop.api_key, shop.buyer_token):
        [listed] = (await shop.ask("GET", f"/v1/orders/{order_id}/refunds", token=token)).body
        assert listed["id"] == made.body["id"]
    order = await shop.read(order_id)
    assert (order["refunded"], order["payments"][0]["refunded"]) == (500, 500)


async def test_what_cannot_go_back_is_refused_and_nothing_is_set_aside(shop: Shop) -> None:
    order_id, unpaid = await paid(shop), (await shop.order())["id"]
    assert refused(await ask(shop, unpaid, reference="r1")) == (409, "order_not_paid")
    exceeding = await ask(shop, order_id, reference="r1", amount=1801)
    assert refused(exceeding) == (409, "refund_exceeds")
    assert exceeding.body["left"] == 1800
    mismatch = await ask(shop, order_id, reference="r1", amount=1, items=[{"name": "Tea", "amount": 2}])
    assert refused(mismatch) == (422, "refund_items_mismatch")
    for wrong in (
        {"amount": 0},
        {"amount": "5"},
        {"reference": "surplus:x"},
        {"reason": "x" * 81},
        {"reason": "☕️🥐"},
        {"items": [{"name": "x", "unit_price": 1}]},
        {"sum": 5},
    ):
        assert refused(await ask(shop, order_id, **{"reference": "r1"} | wrong)) == (422, "invalid_request"), wrong
    assert (await shop.read(order_id))["refunded"] == 0
    assert (await shop.ask("GET", f"/v1/orders/{order_id}/refunds")).body == []


async def test_the_same_reference_with_other_content_is_a_conflict(shop: Shop) -> None:
    order_id = await paid(shop)
    assert (await ask(shop, order_id, reference="r1", amount=5)).status == 201
    assert refused(await ask(shop, order_id, reference="r1", amount=6)) == (409, "reference_conflict")
    assert (await shop.read(order_id))["refunded"] == 5


@pytest.mark.parametrize("refund_id", ["x", "rfd" + "0" * 28, "rfd%00", "%F0%9F%8D%BA"])
async def test_a_refund_that_is_not_there_is_not_found(shop: Shop, refund_id: str) -> None:
    assert refused(await shop.ask("GET", f"/v1/refunds/{refund_id}")) == (404, "refund_not_found")
    answer = await shop.ask("POST", f"/v1/refunds/{refund_id}/redirect", json={"to": "merchant_card"})
    assert refused(answer) == (404, "refund_not_found")
    assert refused(await ask(shop, refund_id, reference="r")) == (404, "order_not_found")
    assert refused(await shop.ask("GET", f"/v1/orders/{refund_id}/refunds")) == (404, "order_not_found")


async def test_a_buyer_sees_the_refunds_of_own_orders_and_asks_for_none(shop: Shop) -> None:
    order_id = (await shop.order())["id"]
    other = (await shop.log_in("oAnotherBuyerOfTheSameShop00"))["token"]
    path = f"/v1/orders/{order_id}/refunds"
    assert (await shop.ask("GET", path, token=shop.buyer_token)).body == []
    assert refused(await shop.ask("GET", path, token=other)) == (404, "order_not_found")
    for method, where in (
        ("POST", path),
        ("GET", f"/v1/refunds/{ids.new('rfd')}"),
        ("POST", f"/v1/refunds/{ids.new('rfd')}/redirect"),
    ):
        assert refused(await shop.ask(method, where, token=shop.buyer_token)) == (403, "merchant_only")


# Elsewhere ------------------------------------------------------------------------------------------------------


async def abnormal(shop: Shop) -> str:
    refund_id = (await ask(shop, await paid(shop), reference=f"r-{time.monotonic_ns()}")).body["id"]
    ending = {"out_refund_no": refund_id, "status": "ABNORMAL"}
    assert (await shop.control("POST", "/wechat/refunds/finish", ending)).status == 200
    await becomes(shop, refund_id, "abnormal")
    return str(refund_id)


async def test_an_abnormal_refund_is_sent_to_the_merchants_own_card(shop: Shop) -> None:
    refund_id = await abnormal(shop)
    path = f"/v1/refunds/{refund_id}/redirect"
    sent = await shop.ask("POST", path, json={"to": "merchant_card"})
    assert (sent.status, sent.body["id"]) == (200, refund_id)
    await becomes(shop, refund_id, "succeeded")
    assert refused(await shop.ask("POST", path, json={"to": "merchant_card"})) == (409, "refund_not_abnormal")
    await shop.books_hold()


async def test_card_details_are_handed_on_and_kept_nowhere(shop: Shop) -> None:
    refund_id = await abnormal(shop)
    path = f"/v1/refunds/{refund_id}/redirect"
    headers = {"idempotency-key": "to the card"}
    incomplete = await shop.ask("POST", path, json={"to": "buyer_card", **CARD, "bank": None})
    wrong = await shop.ask("POST", path, json={"to": "buyer_card", **CARD, "more": 1})
    sent = await shop.ask("POST", path, json={"to": "buyer_card", **CARD}, headers=headers)
    again = await shop.ask("POST", path, json={"to": "buyer_card", **CARD}, headers=headers)
    assert refused(incomplete) == (422, "redirect_rejected")
    assert refused(wrong) == (422, "invalid_request")
    assert (sent.status, again.headers["idempotency-replayed"]) == (200, "true")
    told = [str(answer.body) for answer in (incomplete, wrong, sent, again)]
    kept = await everything_kept(shop)
    assert refund_id in kept
    for text in (*told, shop.town.server.log(), kept):
        for secret in (CARD["card_number"], CARD["card_holder"]):
            assert secret not in text
            assert secret.encode().hex() not in text


async def everything_kept(shop: Shop) -> str:
    """Every row of every table, as PostgreSQL writes it; bytes in hexadecimal."""
    tables = await shop.db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [row for table in tables for row in await shop.db.fetch(f"SELECT t::text FROM {table['tablename']} t")]
    return "\n".join(row["t"] for row in rows)
