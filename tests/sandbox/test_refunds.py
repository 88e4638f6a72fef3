"""Refunds: fields, rules, states and ends."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.sandbox.client import Answer, Control, Merchant, authorization

DAY = 86400


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def paid(control: Control, merchant: Merchant, total: int = 1990, **changes: Any) -> dict[str, Any]:
    """A paid order, with its transaction_id."""
    order = merchant.order(amount={"total": total, "currency": "CNY"}, **changes)
    assert merchant.create(order).status == 200
    transaction = control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"], mchid=merchant.mchid)
    return order | {"transaction_id": transaction["transaction_id"]}


def unhurried(control: Control, **refund: Any) -> None:
    """From here on, refunds end when the clock is moved."""
    control.faults(refund={"seconds": 3600} | refund)


def ended(control: Control, merchant: Merchant, refund: dict[str, Any], status: str) -> Any:
    """A refund, made to end like this."""
    assert merchant.refund(refund).status == 200
    return control.post("/wechat/refunds/finish", out_refund_no=refund["out_refund_no"], status=status)


def state(merchant: Merchant, refund: dict[str, Any]) -> str:
    return str(merchant.query_refund(refund["out_refund_no"]).json["status"])


def test_a_refund_is_taken_on_and_succeeds_later(control: Control, merchant: Merchant) -> None:
    order = paid(control, merchant)
    refund = merchant.refund_of(order, 500, reason="已售完")
    before = control.get("/wechat/book")
    taken_on = merchant.refund(refund)
    assert (taken_on.status, taken_on.number) == (200, 0)
    told = taken_on.json
    assert re.fullmatch(r"50\d{27}", told.pop("refund_id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", told.pop("create_time"))
    assert told == {
        "amount": {
            "currency": "CNY", "discount_refund": 0, "from": [], "payer_refund": 500, "payer_total": 1990,
            "refund": 500, "settlement_refund": 500, "settlement_total": 1990, "total": 1990,
        },
        "channel": "ORIGINAL",
        "funds_account": "UNSETTLED",
        "out_refund_no": refund["out_refund_no"],
        "out_trade_no": order["out_trade_no"],
        "status": "PROCESSING",
        "transaction_id": order["transaction_id"],
        "user_received_account": "支付用户零钱",
    }  # fmt: skip
    assert control.get("/wechat/book") == before
    control.put("/clock", advance_seconds=1.1)
    control.put("/clock", offset_seconds=0)
    queried = merchant.query_refund(refund["out_refund_no"]).json
    assert queried.pop("success_time")
    assert queried == taken_on.json | {"status": "SUCCESS"}


def test_the_book_has_a_line_for_each_refund_that_succeeded(control: Control, merchant: Merchant) -> None:
    order = paid(control, merchant)
    refund = merchant.refund_of(order, 500)
    end = ended(control, merchant, refund, "SUCCESS")
    ended(control, merchant, merchant.refund_of(order, 1), "ABNORMAL")
    ended(control, merchant, merchant.refund_of(order, 1), "CLOSED")
    book = control.get("/wechat/book")
    assert (book["balance"], len(book["lines"])) == (1490, 2)
    assert book["lines"][1] == {
        "at": end["success_time"],
        "kind": "refund",
        "out_trade_no": order["out_trade_no"],
        "transaction_id": order["transaction_id"],
        "out_refund_no": refund["out_refund_no"],
        "amount": -500,
        "balance": 1490,
    }


def test_an_order_with_a_refund_stays_in_refund(control: Control, merchant: Merchant) -> None:
    order = paid(control, merchant, attach="table 7")
    unhurried(control)
    refund = merchant.refund_of(order, 5)
    for act in (lambda: merchant.refund(refund), lambda: ended(control, merchant, refund, "CLOSED")):
        act()
        transaction = merchant.query(order["out_trade_no"]).json
        assert (transaction["trade_state"], transaction["trade_state_desc"]) == ("REFUND", "转入退款")
        assert (transaction["transaction_id"], transaction["attach"]) == (order["transaction_id"], "table 7")
    sent = {name: value for name, value in order.items() if name != "transaction_id"}
    assert refusal(merchant.create(sent)) == refusal(merchant.close(order["out_trade_no"])) == (400, "ORDER_PAID")
    assert (
        control.ask("POST", "/wechat/buyer/pay", {"out_trade_no": order["out_trade_no"]}).json["code"] == "ORDER_PAID"
    )


def test_every_documented_field_is_accepted(control: Control, merchant: Merchant) -> None:
    order = paid(control, merchant, settle_info={"profit_sharing": True})
    goods = {"merchant_goods_id": "1", "unit_price": 500, "refund_amount": 500, "refund_quantity": 1}
    sources = [{"account": "AVAILABLE", "amount": 200}, {"account": "UNAVAILABLE", "amount": 300}]
    refund = merchant.refund_of(
        order,
        500,
        out_refund_no="a-_*|@" + "9" * 58,
        transaction_id=order["transaction_id"],
        reason="长" * 80,
        notify_url="https://shop.example/" + "a" * 235,
        funds_account="AVAILABLE",
        goods_detail=[goods | {"wechatpay_goods_id": "1001", "goods_name": "拿铁"}],
        amount={"refund": 500, "total": 1990, "currency": "CNY", "from": sources},
    )
    answer = merchant.refund(refund)
    assert (answer.status, answer.json["amount"]["from"], answer.json["funds_account"]) == (200, sources, "AVAILABLE")
    assert state(merchant, refund) == "PROCESSING"


FIVE = {"refund": 5, "total": 1990, "currency": "CNY"}
GOODS = {"merchant_goods_id": "1", "unit_price": 5, "refund_amount": 5, "refund_quantity": 1}
BAD_FIELDS: list[tuple[str, dict[str, Any], str]] = [
    ("no order", {"out_trade_no": ...}, "/transaction_id"),
    ("no number", {"out_refund_no": ...}, "/out_refund_no"),
    ("empty number", {"out_refund_no": ""}, "/out_refund_no"),
    ("long number", {"out_refund_no": "a" * 65}, "/out_refund_no"),
    ("odd number", {"out_refund_no": "abc#1"}, "/out_refund_no"),
    ("long reason", {"reason": "长" * 81}, "/reason"),
    ("empty reason", {"reason": ""}, "/reason"),
    ("null reason", {"reason": None}, "/reason"),
    ("emoji", {"reason": "🍰"}, "/reason"),
    ("http abroad", {"notify_url": "http://shop.example/n"}, "/notify_url"),
    ("url with query", {"notify_url": "https://shop.example/n?a=1"}, "/notify_url"),
    ("long url", {"notify_url": "https://shop.example/" + "a" * 236}, "/notify_url"),
    ("unknown funds", {"funds_account": "PURSE"}, "/funds_account"),
    ("no amount", {"amount": ...}, "/amount"),
    ("no currency", {"amount": {"refund": 5, "total": 1990}}, "/amount/currency"),
    ("no total", {"amount": {"refund": 5, "currency": "CNY"}}, "/amount/total"),
    ("no refund", {"amount": {"total": 1990, "currency": "CNY"}}, "/amount/refund"),
    ("dollars", {"amount": FIVE | {"currency": "USD"}}, "/amount/currency"),
    ("zero", {"amount": FIVE | {"refund": 0}}, "/amount/refund"),
    ("negative", {"amount": FIVE | {"refund": -5}}, "/amount/refund"),
    ("fraction", {"amount": FIVE | {"refund": 0.5}}, "/amount/refund"),
    ("text", {"amount": FIVE | {"refund": "5"}}, "/amount/refund"),
    ("empty goods", {"goods_detail": []}, "/goods_detail"),
    ("goods as an object", {"goods_detail": GOODS}, "/goods_detail"),
    ("goods without a price", {"goods_detail": [GOODS | {"unit_price": None}]}, "/goods_detail/0/unit_price"),
    ("no such source", {"amount": FIVE | {"from": [{"account": "PURSE", "amount": 5}]}}, "/amount/from/0/account"),
    ("sources too small", {"amount": FIVE | {"from": [{"account": "AVAILABLE", "amount": 4}]}}, "/amount/from"),
    ("source twice", {"amount": FIVE | {"from": [{"account": "AVAILABLE", "amount": 2}] * 2}}, "/amount/from"),
]


@pytest.mark.parametrize(("changes", "pointer"), [row[1:] for row in BAD_FIELDS], ids=[row[0] for row in BAD_FIELDS])
def test_a_bad_field_is_refused_and_pointed_at(
    control: Control, merchant: Merchant, changes: dict[str, Any], pointer: str
) -> None:
    order = paid(control, merchant)
    refund = {name: value for name, value in merchant.refund_of(order, 5, **changes).items() if value is not ...}
    answer = merchant.refund(refund)
    assert (*refusal(answer), answer.json["detail"]["field"]) == (400, "PARAM_ERROR", pointer)
    assert merchant.proves(answer.headers, answer.body)
    assert control.get("/wechat/refunds", out_trade_no=order["out_trade_no"])["refunds"] == []


@pytest.mark.parametrize("stranger", ["sub_mchid", "mchid", "refund_id"])
def test_an_unknown_field_is_refused(control: Control, merchant: Merchant, stranger: str) -> None:
    refund = merchant.refund_of(paid(control, merchant), 5, **{stranger: "1"})
    assert merchant.refund(refund).number == 270924358
    assert merchant.call("GET", f"/v3/refund/domestic/refunds/a?{stranger}=1").number == 270924358


@pytest.mark.parametrize("by", ["out_trade_no", "transaction_id", "both"])
def test_the_order_is_named_by_either_number_or_both(control: Control, merchant: Merchant, by: str) -> None:
    order = paid(control, merchant)
    names = {"out_trade_no", "transaction_id"} if by == "both" else {by}
    refund = {k: v for k, v in merchant.refund_of(order, 5).items() if k != "out_trade_no"} | {
        name: order[name] for name in names
    }
    assert merchant.refund(refund).json["out_trade_no"] == order["out_trade_no"]


def test_two_numbers_of_different_orders_are_refused(control: Control, merchant: Merchant) -> None:
    order, other = paid(control, merchant), paid(control, merchant)
    refund = merchant.refund_of(order, 5, transaction_id=other["transaction_id"])
    assert refusal(merchant.refund(refund)) == (400, "INVALID_REQUEST")


def test_the_same_refund_again_is_the_same_refund(control: Control, merchant: Merchant) -> None:
    order = paid(control, merchant)
    unhurried(control)
    refund = merchant.refund_of(order, 1990)
    first, again = merchant.refund(refund), merchant.refund(dict(reversed(refund.items())))
    assert (again.status, again.json) == (200, first.json)
    ended(control, merchant, refund, "SUCCESS")
    assert merchant.refund(refund).json["status"] == "SUCCESS"
    assert control.get("/wechat/book")["balance"] == 0


@pytest.mark.parametrize("changes", [{"amount": FIVE | {"refund": 6}}, {"reason": "x"}, {"out_trade_no": "other123"}])
def test_the_same_number_with_other_parameters_is_refused(
    control: Control, merchant: Merchant, changes: dict[str, Any]
) -> None:
    refund = merchant.refund_of(paid(control, merchant), 5)
    merchant.refund(refund)
    answer = merchant.refund(refund | changes)
    assert (*refusal(answer), answer.number) == (400, "INVALID_REQUEST", 268498688)


def test_refunds_under_way_count_against_the_rest_and_closed_ones_do_not(control: Control, merchant: Merchant) -> None:
    order = paid(control, merchant)
    unhurried(control)
    first = merchant.refund_of(order, 1990)
    merchant.refund(first)
    assert refusal(merchant.refund(merchant.refund_of(order, 1))) == (400, "INVALID_REQUEST")
    ended(control, merchant, first, "CLOSED")
    assert merchant.refund(merchant.refund_of(order, 1000)).status == 200
    assert refusal(merchant.refund(merchant.refund_of(order, 991))) == (400, "INVALID_REQUEST")
    ended(control, merchant, merchant.refund_of(order, 990), "ABNORMAL")
    assert refusal(merchant.refund(merchant.refund_of(order, 1))) == (400, "INVALID_REQUEST")


def test_the_fifty_first_refund_of_an_order_is_refused(control: Control, merchant: Merchant) -> None:
    order = paid(control, merchant)
    answers = [merchant.refund(merchant.refund_of(order, 1)).status for _ in range(51)]
    assert answers == [200] * 50 + [400]


def test_an_order_is_refundable_for_a_year(control: Control, merchant: Merchant) -> None:
    order = paid(control, merchant)
    control.put("/clock", offset_seconds=-365 * DAY - 60)
    long_ago = merchant.order()
    at = {"timestamp": str(int(time.time()) - 365 * DAY - 60)}
    create = merchant_at(merchant, at, "POST", "/v3/pay/transactions/jsapi", long_ago)
    assert create.status == 200
    control.post("/wechat/buyer/pay", out_trade_no=long_ago["out_trade_no"])
    control.put("/clock", offset_seconds=0)
    assert refusal(merchant.refund(merchant.refund_of(long_ago, 1))) == (400, "INVALID_REQUEST")
    assert merchant.refund(merchant.refund_of(order, 1)).status == 200


def merchant_at(merchant: Merchant, claims: dict[str, str], method: str, path: str, body: Any) -> Answer:
    """One request by a merchant whose clock is elsewhere."""
    data = json.dumps(body).encode()
    return merchant.send(method, path, data, authorization(merchant.claim(method, path, data, **claims)))


def test_an_order_that_is_not_paid_or_not_there_cannot_be_refunded(control: Control, merchant: Merchant) -> None:
    unpaid, other = merchant.order(), Merchant.of(control.post("/wechat/merchants"))
    merchant.create(unpaid)
    theirs = paid(control, other)
    assert refusal(merchant.refund(merchant.refund_of(unpaid, 1))) == (400, "INVALID_REQUEST")
    for order in (unpaid | {"out_trade_no": "never123"}, theirs):
        answer = merchant.refund(merchant.refund_of(order, 1))
        assert (*refusal(answer), answer.json["message"]) == (404, "RESOURCE_NOT_EXISTS", "订单不存在")
    refund = merchant.refund_of(theirs, 1)
    by_transaction = {k: v for k, v in refund.items() if k != "out_trade_no"}
    answer = merchant.refund(by_transaction | {"transaction_id": theirs["transaction_id"]})
    assert refusal(answer) == (404, "RESOURCE_NOT_EXISTS")


@pytest.mark.parametrize(
    "amount", [{"refund": 5, "total": 1991}, {"refund": 1991, "total": 1990}, {"refund": 1991, "total": 1991}]
)
def test_amounts_that_do_not_fit_the_order_are_refused(
    control: Control, merchant: Merchant, amount: dict[str, int]
) -> None:
    refund = merchant.refund_of(paid(control, merchant), 5, amount={**amount, "currency": "CNY"})
    assert refusal(merchant.refund(refund)) == (400, "INVALID_REQUEST")


def test_sources_are_for_orders_whose_profit_is_shared(control: Control, merchant: Merchant) -> None:
    amount = FIVE | {"from": [{"account": "AVAILABLE", "amount": 5}]}
    assert refusal(merchant.refund(merchant.refund_of(paid(control, merchant), 5, amount=amount))) == (
        400,
        "INVALID_REQUEST",
    )


def test_an_unknown_refund_is_unknown_to_all(control: Control, merchant: Merchant) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    refund = merchant.refund_of(paid(control, merchant), 5)
    merchant.refund(refund)
    for answer in (merchant.query_refund("never"), other.query_refund(refund["out_refund_no"])):
        assert (*refusal(answer), answer.json["message"]) == (404, "RESOURCE_NOT_EXISTS", "退款单不存在")


@pytest.mark.parametrize(
    ("code", "status"), [("NOT_ENOUGH", 403), ("USER_ACCOUNT_ABNORMAL", 403), ("NO_AUTH", 403), ("SYSTEM_ERROR", 500)]
)
def test_a_merchant_can_be_refused_every_new_refund(
    control: Control, merchant: Merchant, code: str, status: int
) -> None:
    order = paid(control, merchant)
    earlier, refund = merchant.refund_of(order, 5), merchant.refund_of(order, 5)
    merchant.refund(earlier)
    assert control.put("/wechat/merchants", refund_refusal=code)["refund_refusal"] == code
    assert refusal(merchant.refund(refund)) == (status, code)
    assert merchant.query_refund(refund["out_refund_no"]).status == 404
    assert merchant.refund(earlier).status == 200
    control.put("/wechat/merchants", refund_refusal=None)
    assert merchant.refund(refund).status == 200


def test_refunds_of_one_order_can_be_made_to_keep_their_distance(control: Control, merchant: Merchant) -> None:
    order, other = paid(control, merchant), paid(control, merchant)
    control.put("/wechat/merchants", refund_spacing_seconds=60)
    first, second = merchant.refund_of(order, 5), merchant.refund_of(order, 5)
    assert merchant.refund(first).status == 200
    assert refusal(merchant.refund(second)) == (429, "FREQUENCY_LIMITED")
    assert merchant.refund(first).status == merchant.refund(merchant.refund_of(other, 5)).status == 200
    control.put("/clock", offset_seconds=61)
    assert merchant.refund(second).status == 200
