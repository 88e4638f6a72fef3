"""Creating, asking and closing: fields, states and entering again."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.sandbox.client import JSAPI, Answer, Control, Merchant

HOUR, DAY = 3600, 86400
BEIJING = timezone(timedelta(hours=8))


def refusal(answer: Answer) -> tuple[int, str, int]:
    return answer.status, answer.json["code"], answer.number


def state_after(control: Control, order: dict[str, Any], seconds: int) -> str:
    """An order's state so many seconds from now, as the buyer sees it: the merchant's own clock does not move."""
    control.put("/clock", offset_seconds=seconds)
    return str(control.post("/wechat/buyer/abandon", out_trade_no=order["out_trade_no"])["trade_state"])


def test_a_new_order_gets_a_prepay_id_of_the_real_shape(merchant: Merchant) -> None:
    answer = merchant.create(merchant.order())
    assert answer.status == 200
    assert answer.number == 0
    assert list(answer.json) == ["prepay_id"]
    assert re.fullmatch(r"wx[0-9a-f]{34}", answer.json["prepay_id"])


def test_every_documented_field_is_accepted(merchant: Merchant) -> None:
    goods = {"merchant_goods_id": "1246464644", "quantity": 1, "unit_price": 1990, "goods_name": "拿铁"}
    plan = {"subsidy_installment_num": 3, "subsidy_percent": 100}
    order = merchant.order(
        time_expire="2099-06-08T10:34:56.123+08:00",
        attach="",
        goods_tag="WXG",
        limit_pay=["no_credit"],
        support_fapiao=False,
        detail={"cost_price": 1990, "invoice_id": "1", "goods_detail": [goods | {"wechatpay_goods_id": "1001"}]},
        scene_info={
            "payer_client_ip": "2001:db8::1",
            "device_id": "013467007045764",
            "store_info": {"id": "0001", "name": "店", "area_code": "440305", "address": "深圳"},
        },
        settle_info={"profit_sharing": False},
        subsidy_info={"subsidy_detail": [{"subsidy_period_type": "DAILY", "subsidy_plan": [plan]}]},
    )
    assert merchant.create(order).status == 200


BAD_FIELDS: list[tuple[str, dict[str, Any], str]] = [
    ("no description", {"description": ...}, "/description"),
    ("empty description", {"description": ""}, "/description"),
    ("long description", {"description": "长" * 128}, "/description"),
    ("emoji", {"description": "咖啡☕🍰"}, "/description"),
    ("number for text", {"description": 5}, "/description"),
    ("short number", {"out_trade_no": "a1234"}, "/out_trade_no"),
    ("long number", {"out_trade_no": "a" * 33}, "/out_trade_no"),
    ("odd number", {"out_trade_no": "abc#123"}, "/out_trade_no"),
    ("Chinese number", {"out_trade_no": "订单订单订单"}, "/out_trade_no"),
    ("no amount", {"amount": ...}, "/amount"),
    ("no total", {"amount": {}}, "/amount/total"),
    ("zero", {"amount": {"total": 0}}, "/amount/total"),
    ("negative", {"amount": {"total": -1}}, "/amount/total"),
    ("fraction", {"amount": {"total": 1.5}}, "/amount/total"),
    ("whole fraction", {"amount": {"total": 1.0}}, "/amount/total"),
    ("amount as text", {"amount": {"total": "100"}}, "/amount/total"),
    ("true for one", {"amount": {"total": True}}, "/amount/total"),
    ("huge", {"amount": {"total": 2**31}}, "/amount/total"),
    ("dollars", {"amount": {"total": 1, "currency": "USD"}}, "/amount/currency"),
    ("null", {"attach": None}, "/attach"),
    ("long attach", {"attach": "a" * 129}, "/attach"),
    ("http abroad", {"notify_url": "http://shop.example/notify"}, "/notify_url"),
    ("relative url", {"notify_url": "/notify"}, "/notify_url"),
    ("url with query", {"notify_url": "https://shop.example/notify?a=1"}, "/notify_url"),
    ("bad port", {"notify_url": "https://shop.example:x/"}, "/notify_url"),
    ("long url", {"notify_url": "https://shop.example/" + "a" * 240}, "/notify_url"),
    ("time without zone", {"time_expire": "2099-06-08T10:34:56"}, "/time_expire"),
    ("no such time", {"time_expire": "2099-13-08T10:34:56+08:00"}, "/time_expire"),
    ("limit_pay unknown", {"limit_pay": ["no_cash"]}, "/limit_pay/0"),
    ("limit_pay not a list", {"limit_pay": "no_credit"}, "/limit_pay"),
    ("flag as text", {"support_fapiao": "true"}, "/support_fapiao"),
    ("scene without ip", {"scene_info": {}}, "/scene_info/payer_client_ip"),
    ("bad ip", {"scene_info": {"payer_client_ip": "1.2.3"}}, "/scene_info/payer_client_ip"),
    ("empty goods", {"detail": {"goods_detail": []}}, "/detail/goods_detail"),
]


@pytest.mark.parametrize(("changes", "pointer"), [row[1:] for row in BAD_FIELDS], ids=[row[0] for row in BAD_FIELDS])
def test_a_bad_field_is_refused_and_pointed_at(merchant: Merchant, changes: dict[str, Any], pointer: str) -> None:
    order = {name: value for name, value in merchant.order(**changes).items() if value is not ...}
    answer = merchant.create(order)
    assert (answer.status, answer.json["code"]) == (400, "PARAM_ERROR")
    assert (answer.json["detail"]["field"], answer.json["detail"]["location"]) == (pointer, "body")
    assert merchant.proves(answer.headers, answer.body)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"sub_mchid": "1900000001"}, "/body/sub_mchid"),
        ({"payer": {"openid": "o", "sub_openid": "o"}}, "/body/payer/sub_openid"),
    ],
)
def test_an_unknown_field_is_refused_with_the_real_body(
    merchant: Merchant, changes: dict[str, Any], pointer: str
) -> None:
    answer = merchant.create(merchant.order(**changes))
    assert refusal(answer) == (400, "PARAM_ERROR", 270924358)
    assert answer.json["detail"] == {"location": None, "value": [pointer]}


@pytest.mark.parametrize("payer", [..., {}, None])
def test_an_order_without_openid_is_refused_by_its_own_number(merchant: Merchant, payer: Any) -> None:
    order = {name: value for name, value in merchant.order(payer=payer).items() if value is not ...}
    assert refusal(merchant.create(order)) == (400, "PARAM_ERROR", 268501013)


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"a"', b"\xff\xfe", b'{"a":NaN}'])
def test_a_body_that_is_no_object_is_refused(merchant: Merchant, body: bytes) -> None:
    assert merchant.call("POST", JSAPI, body).status == 400


def test_an_app_of_another_merchant_is_refused(control: Control, merchant: Merchant) -> None:
    other = control.post("/wechat/merchants")
    answer = merchant.create(merchant.order(appid=other["appid"], payer={"openid": other["openid"]}))
    assert refusal(answer) == (400, "APPID_MCHID_NOT_MATCH", 268445527)


def test_an_openid_of_another_app_is_refused(control: Control, merchant: Merchant) -> None:
    other = control.post("/wechat/merchants")
    answer = merchant.create(merchant.order(payer={"openid": other["openid"]}))
    assert (answer.status, answer.json["code"]) == (500, "OPENID_MISMATCH")


def test_two_merchants_may_use_the_same_number(control: Control, merchant: Merchant) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    order = merchant.order()
    assert merchant.create(order).status == 200
    assert other.create(other.order(out_trade_no=order["out_trade_no"])).status == 200
    wish = {"out_trade_no": order["out_trade_no"]}
    assert control.ask("POST", "/wechat/buyer/pay", wish).json["code"] == "ambiguous"
    assert control.post("/wechat/buyer/pay", **wish, mchid=other.mchid)["mchid"] == other.mchid
    assert merchant.query(order["out_trade_no"]).json["trade_state"] == "NOTPAY"


def test_the_same_order_again_gives_a_fresh_prepay_id(merchant: Merchant) -> None:
    order = merchant.order()
    first = merchant.create(order).json["prepay_id"]
    turned = dict(reversed(order.items()))
    assert merchant.create(turned).json["prepay_id"] != first


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": {"total": 1991, "currency": "CNY"}},
        {"amount": {"total": 1990}},
        {"description": "茶"},
        {"attach": "x"},
        {"notify_url": "http://127.0.0.1:9/elsewhere"},
        {"time_expire": "2099-06-08T10:34:56+08:00"},
    ],
)
def test_the_same_number_with_other_parameters_is_refused(merchant: Merchant, changes: dict[str, Any]) -> None:
    order = merchant.order()
    merchant.create(order)
    answer = merchant.create(order | changes)
    assert refusal(answer) == (400, "INVALID_REQUEST", 268498688)
    assert answer.json["message"] == "请求重入时，参数与首次请求时不一致"


@pytest.mark.parametrize("description", ["拿铁 Latte", "other"])
def test_a_paid_order_cannot_be_created_again_or_closed(control: Control, merchant: Merchant, description: str) -> None:
    order = merchant.order()
    merchant.create(order)
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    assert refusal(merchant.create(order | {"description": description})) == (400, "ORDER_PAID", 268449538)
    assert refusal(merchant.close(order["out_trade_no"])) == (400, "ORDER_PAID", 268449538)


@pytest.mark.parametrize("description", ["拿铁 Latte", "other"])
def test_a_closed_order_cannot_be_created_again(merchant: Merchant, description: str) -> None:
    order = merchant.order()
    merchant.create(order)
    merchant.close(order["out_trade_no"])
    assert merchant.create(order | {"description": description}).json["code"] == "ORDER_CLOSED"


def test_closing_twice_is_204_with_a_signature_over_nothing(merchant: Merchant) -> None:
    order = merchant.order()
    merchant.create(order)
    for answer in (merchant.close(order["out_trade_no"]), merchant.close(order["out_trade_no"])):
        assert (answer.status, answer.body) == (204, b"")
        assert merchant.proves(answer.headers, b"")


def test_an_order_that_never_was_is_unknown_to_query_and_close(merchant: Merchant) -> None:
    by_transaction = merchant.call("GET", f"/v3/pay/transactions/id/4200000000?mchid={merchant.mchid}")
    for answer in (merchant.query("never123"), merchant.close("never123"), by_transaction):
        assert refusal(answer) == (404, "ORDER_NOT_EXIST", 268512771)
        assert answer.json["message"] == "订单不存在"


@pytest.mark.parametrize("query", ["", "?mchid=", "?mchid=1&foo=2"])
def test_a_query_needs_the_merchant_and_nothing_else(merchant: Merchant, query: str) -> None:
    answer = merchant.call("GET", f"/v3/pay/transactions/out-trade-no/never123{query}")
    assert (answer.status, answer.json["code"]) == (400, "PARAM_ERROR")


@pytest.mark.parametrize("body", [b"{}", b'{"mchid":"%s","x":1}', b'{"mchid":1}'])
def test_close_takes_the_merchant_and_nothing_else(merchant: Merchant, body: bytes) -> None:
    order = merchant.order()
    merchant.create(order)
    path = f"/v3/pay/transactions/out-trade-no/{order['out_trade_no']}/close"
    assert merchant.call("POST", path, body.replace(b"%s", merchant.mchid.encode())).status == 400
    assert merchant.query(order["out_trade_no"]).json["trade_state"] == "NOTPAY"


def test_a_query_shows_payment_fields_only_after_payment(control: Control, merchant: Merchant) -> None:
    order = merchant.order(attach="table 7", scene_info={"payer_client_ip": "1.1.1.1", "device_id": "till-1"})
    merchant.create(order)
    common = {name: order[name] for name in ("appid", "mchid", "out_trade_no")} | {
        "scene_info": {"device_id": "till-1"}
    }
    assert merchant.query(order["out_trade_no"]).json == common | {
        "amount": {"total": 1990, "currency": "CNY"},
        "trade_state": "NOTPAY",
        "trade_state_desc": "订单未支付",
    }
    paid = control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    assert re.fullmatch(r"4200\d{24}", paid["transaction_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", paid["success_time"])
    assert paid == common | {
        "amount": {"total": 1990, "currency": "CNY", "payer_total": 1990, "payer_currency": "CNY"},
        "attach": "table 7",
        "bank_type": "OTHERS",
        "payer": order["payer"],
        "success_time": paid["success_time"],
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "trade_type": "JSAPI",
        "transaction_id": paid["transaction_id"],
    }
    assert merchant.query(order["out_trade_no"]).json == paid
    by_transaction = f"/v3/pay/transactions/id/{paid['transaction_id']}?mchid={merchant.mchid}"
    assert merchant.call("GET", by_transaction).json == paid


def test_a_transaction_is_unknown_to_other_merchants(control: Control, merchant: Merchant) -> None:
    other, order = Merchant.of(control.post("/wechat/merchants")), merchant.order()
    merchant.create(order)
    paid = control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    answer = other.call("GET", f"/v3/pay/transactions/id/{paid['transaction_id']}?mchid={other.mchid}")
    assert answer.json["code"] == "ORDER_NOT_EXIST"


def test_an_unpaid_order_is_closed_after_seven_days(control: Control, merchant: Merchant) -> None:
    order = merchant.order()
    merchant.create(order)
    assert state_after(control, order, 7 * DAY - 60) == "NOTPAY"
    assert state_after(control, order, 7 * DAY + 60) == "CLOSED"


def in_beijing(seconds: float) -> str:
    return (datetime.now(BEIJING) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


@pytest.mark.parametrize(
    ("expires_in", "still", "over"),
    [(1200, 1190, 1210), (5, 50, 70), (-HOUR, 50, 70)],
    ids=["as asked", "too soon is a minute", "past is a minute"],
)
def test_time_expire_is_the_last_moment_to_pay_and_no_close(
    control: Control, merchant: Merchant, expires_in: int, still: int, over: int
) -> None:
    order = merchant.order(time_expire=in_beijing(expires_in))
    prepay_id = merchant.create(order).json["prepay_id"]
    control.put("/clock", offset_seconds=over)
    late = control.ask("POST", "/wechat/buyer/pay", {"prepay_id": prepay_id})
    assert (late.status, late.json["code"]) == (409, "ORDER_EXPIRED")
    assert state_after(control, order, over) == "NOTPAY"
    control.put("/clock", offset_seconds=still)
    assert control.post("/wechat/buyer/pay", prepay_id=prepay_id)["trade_state"] == "SUCCESS"


def test_a_time_expire_beyond_ninety_days_is_cut(control: Control, merchant: Merchant) -> None:
    order = merchant.order(time_expire=in_beijing(200 * DAY))
    merchant.create(order)
    assert state_after(control, order, 90 * DAY - 60) == "NOTPAY"
    assert state_after(control, order, 90 * DAY + 60) == "CLOSED"


def test_a_prepay_id_lives_two_hours(control: Control, merchant: Merchant) -> None:
    order = merchant.order()
    prepay_id = merchant.create(order).json["prepay_id"]
    control.put("/clock", offset_seconds=2 * HOUR + 5)
    late = control.ask("POST", "/wechat/buyer/pay", {"prepay_id": prepay_id})
    assert (late.status, late.json["code"]) == (409, "PREPAY_EXPIRED")
    control.put("/clock", offset_seconds=2 * HOUR - 5)
    assert control.post("/wechat/buyer/pay", prepay_id=prepay_id)["trade_state"] == "SUCCESS"


def test_orders_are_json_with_raw_chinese(merchant: Merchant) -> None:
    order = merchant.order()
    merchant.create(order)
    assert "订单未支付".encode() in merchant.query(order["out_trade_no"]).body
    assert json.loads(merchant.query(order["out_trade_no"]).body)["out_trade_no"] == order["out_trade_no"]
