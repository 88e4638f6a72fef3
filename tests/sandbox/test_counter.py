"""Payment codes: charging them, the password, and taking a payment back."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.client import Answer, Control, Merchant, Receiver, authorization
from tests.sandbox.process import started
from tests.sandbox.test_miniprogram import token
from tests.sandbox.test_phone_numbers import revealed

PATH = "/v3/pay/transactions"
DAY = 86400


def shown(control: Control, **wish: Any) -> str:
    """A fresh payment code on the buyer's phone."""
    return str(control.post("/wechat/buyer/code", **wish)["auth_code"])


def wanted(merchant: Merchant, auth_code: str, **changes: Any) -> dict[str, Any]:
    """A good charge, under a new number. A change to ... takes a field away."""
    scene = {"store_info": {"out_id": "A1"}}
    good = merchant.order(notify_url=..., payer={"auth_code": auth_code}, scene_info=scene)
    return {name: value for name, value in (good | changes).items() if value is not ...}


def charge(merchant: Merchant, order: dict[str, Any]) -> Answer:
    return merchant.call("POST", f"{PATH}/codepay", order)


def charged(control: Control, merchant: Merchant, behaviour: str, **changes: Any) -> tuple[dict[str, Any], Answer]:
    order = wanted(merchant, shown(control, behaviour=behaviour), **changes)
    return order, charge(merchant, order)


def reverse(merchant: Merchant, order: dict[str, Any], **changes: Any) -> Answer:
    body = {"appid": order["appid"], "mchid": merchant.mchid} | changes
    return merchant.call("POST", f"{PATH}/out-trade-no/{order['out_trade_no']}/reverse", body)


def state(merchant: Merchant, order: dict[str, Any]) -> str:
    return str(merchant.query(order["out_trade_no"]).json["trade_state"])


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def balance(control: Control) -> int:
    return int(control.get("/wechat/book")["balance"])


def test_a_code_is_eighteen_digits_and_is_charged_at_once(control: Control, merchant: Merchant) -> None:
    code = shown(control)
    assert re.fullmatch(r"1[0-5]\d{16}", code)
    order = wanted(merchant, code, attach="till 2")
    answer = charge(merchant, order)
    assert (answer.status, answer.json["trade_state"], answer.json["trade_type"]) == (200, "SUCCESS", "MICROPAY")
    assert (answer.json["attach"], answer.json["payer"]) == ("till 2", {"openid": merchant.credentials["openid"]})
    assert merchant.proves(answer.headers, answer.body)
    assert merchant.query(order["out_trade_no"]).json == answer.json
    assert balance(control) == 1990


def test_the_code_says_who_pays(control: Control, merchant: Merchant) -> None:
    answer = charge(merchant, wanted(merchant, shown(control, openid="oAnotherBuyer000000000000001")))
    assert answer.json["payer"] == {"openid": "oAnotherBuyer000000000000001"}


def test_no_notification_follows_a_payment_by_code_or_its_reversal(control: Control, merchant: Merchant) -> None:
    order, _ = charged(control, merchant, "pay")
    reverse(merchant, order)
    assert control.log(kind="notification") == []


@pytest.mark.parametrize(
    "code", ["131234567890123456", "28763443825664394", "261234567890123456", "13123456789012345x"]
)
def test_a_code_nobody_showed_is_invalid(merchant: Merchant, code: str) -> None:
    order = wanted(merchant, code)
    assert refusal(charge(merchant, order)) == (400, "AUTH_CODE_INVALID")
    assert refusal(merchant.query(order["out_trade_no"])) == (404, "ORDER_NOT_EXIST")


def test_a_code_lives_a_minute(control: Control, merchant: Merchant) -> None:
    early, late = shown(control), shown(control)
    control.put("/clock", advance_seconds=55)
    assert charge(merchant, wanted(merchant, early)).status == 200
    control.put("/clock", advance_seconds=10)
    assert refusal(charge(merchant, wanted(merchant, late))) == (403, "AUTH_CODE_EXPIRE")


@pytest.mark.parametrize("behaviour", ["pay", "password", "fail"])
def test_a_code_is_charged_once(control: Control, merchant: Merchant, behaviour: str) -> None:
    order, _ = charged(control, merchant, behaviour)
    again = wanted(merchant, order["payer"]["auth_code"])
    assert refusal(charge(merchant, again)) == (400, "AUTH_CODE_INVALID")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"payer": {}}, "/payer/auth_code"),
        ({"payer": {"auth_code": "1" * 33}}, "/payer/auth_code"),
        ({"payer": {"auth_code": 131234567890123456}}, "/payer/auth_code"),
        ({"payer": ...}, "/payer"),
        ({"scene_info": ...}, "/scene_info"),
        ({"scene_info": {}}, "/scene_info/store_info"),
        ({"scene_info": {"store_info": {}, "device_ip": "1.2"}}, "/scene_info/device_ip"),
        ({"amount": {"total": "1"}}, "/amount/total"),
        ({"description": ...}, "/description"),
    ],
)
def test_a_bad_field_of_a_charge_is_pointed_at_and_leaves_the_code(
    control: Control, merchant: Merchant, changes: dict[str, Any], pointer: str
) -> None:
    order = wanted(merchant, shown(control))
    bad = {name: value for name, value in (order | changes).items() if value is not ...}
    answer = charge(merchant, bad)
    assert (*refusal(answer), answer.json["detail"]["field"]) == (400, "PARAM_ERROR", pointer)
    assert charge(merchant, order).status == 200


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"notify_url": "https://shop.example/n"}, "/body/notify_url"),
        ({"time_expire": "2099-06-08T10:34:56+08:00"}, "/body/time_expire"),
        ({"scene_info": {"store_info": {}, "payer_client_ip": "1.1.1.1"}}, "/body/scene_info/payer_client_ip"),
    ],
)
def test_a_charge_has_no_use_for_what_prepaid_orders_have(
    merchant: Merchant, changes: dict[str, Any], pointer: str
) -> None:
    answer = charge(merchant, wanted(merchant, "131234567890123456", **changes))
    assert (answer.number, answer.json["detail"]["value"]) == (270924358, [pointer])


def test_every_documented_field_of_a_charge_is_accepted(control: Control, merchant: Merchant) -> None:
    goods = {"merchant_goods_id": "1", "wxpay_goods_id": "2", "goods_name": "茶", "quantity": 1, "unit_price": 1990}
    scene = {"store_info": {"id": "1", "out_id": "2"}, "device_id": "till", "device_ip": "::1"}
    changes: dict[str, Any] = {"detail": {"cost_price": 1990, "invoice_id": "i", "goods_detail": [goods]}}
    changes |= {"goods_tag": "WXG", "support_fapiao": True, "settle_info": {"profit_sharing": False}}
    _, answer = charged(control, merchant, "pay", scene_info=scene, out_trade_no=f"t{balance(control)}", **changes)
    assert (answer.status, answer.json["scene_info"]) == (200, {"device_id": "till"})


@pytest.mark.parametrize("userpaying", ["code", "accepted", "state"])
def test_a_charge_that_waits_for_the_password_says_so_in_each_way_that_was_reported(
    control: Control, merchant: Merchant, userpaying: str
) -> None:
    control.put("/wechat/merchants", userpaying=userpaying)
    order, answer = charged(control, merchant, "password")
    if userpaying == "code":
        assert refusal(answer) == (202, "USERPAYING")
    else:
        status = 202 if userpaying == "accepted" else 200
        assert (answer.status, answer.json["trade_state"]) == (status, "USERPAYING")
        assert charged(control, merchant, "pay")[1].status == 200
    assert state(merchant, order) == "USERPAYING"
    assert "transaction_id" not in merchant.query(order["out_trade_no"]).json
    again = charge(merchant, order)
    assert (again.status, again.json) == (answer.status, answer.json)


@pytest.mark.parametrize(("right", "end", "held"), [(True, "SUCCESS", 1990), (False, "PAYERROR", 0)])
def test_the_password_decides(control: Control, merchant: Merchant, right: bool, end: str, held: int) -> None:
    order, _ = charged(control, merchant, "password")
    wish = {"out_trade_no": order["out_trade_no"], "right": right}
    assert control.post("/wechat/buyer/password", **wish)["trade_state"] == end
    assert state(merchant, order) == end
    assert balance(control) == held
    assert control.ask("POST", "/wechat/buyer/password", wish).json["code"] == "NOT_ASKED"


@pytest.mark.parametrize("behaviour", ["password", "timeout", "typing"])
def test_a_password_nobody_types_leaves_the_order_unpaid(control: Control, merchant: Merchant, behaviour: str) -> None:
    order, _ = charged(control, merchant, behaviour)
    control.put("/clock", advance_seconds=40)
    control.put("/clock", offset_seconds=0)
    assert state(merchant, order) == "USERPAYING"
    control.put("/clock", offset_seconds=46)
    late = control.ask("POST", "/wechat/buyer/password", {"out_trade_no": order["out_trade_no"]})
    assert late.json["code"] == "NOT_ASKED"
    assert state(merchant, order) == "NOTPAY"
    assert refusal(charge(merchant, order)) == (400, "AUTH_CODE_INVALID")


def test_a_phone_that_is_not_looked_at_gets_no_password(control: Control, merchant: Merchant) -> None:
    order, _ = charged(control, merchant, "timeout")
    wish = {"out_trade_no": order["out_trade_no"]}
    assert control.ask("POST", "/wechat/buyer/password", wish).json["code"] == "NOT_ASKED"
    assert state(merchant, order) == "USERPAYING"


@pytest.mark.parametrize(("fen", "status"), [(100_000, 200), (100_001, 202)])
def test_above_a_thousand_yuan_the_password_is_asked_for(
    control: Control, merchant: Merchant, fen: int, status: int
) -> None:
    assert charged(control, merchant, "pay", amount={"total": fen})[1].status == status


@pytest.mark.parametrize(
    ("reason", "status", "after"),
    [("NOT_ENOUGH", 403, "NOTPAY"), ("RULE_LIMIT", 403, "NOTPAY"), ("BANK_ERROR", 500, "PAYERROR")],
)
def test_a_charge_that_fails_says_why(
    control: Control, merchant: Merchant, reason: str, status: int, after: str
) -> None:
    order = wanted(merchant, shown(control, behaviour="fail", reason=reason))
    assert refusal(charge(merchant, order)) == (status, reason)
    assert state(merchant, order) == after
    assert balance(control) == 0


def test_an_unsure_answer_hides_a_payment(control: Control, merchant: Merchant) -> None:
    order, answer = charged(control, merchant, "unsure")
    assert refusal(answer) == (500, "SYSTEM_ERROR")
    assert state(merchant, order) == "SUCCESS"


@pytest.mark.parametrize(
    ("behaviour", "held"), [("pay", 1990), ("password", 0), ("timeout", 0), ("fail", 0), ("unsure", 1990)]
)
def test_a_reversed_order_is_revoked_whatever_it_was_and_the_money_is_back(
    control: Control, merchant: Merchant, behaviour: str, held: int
) -> None:
    order, _ = charged(control, merchant, behaviour)
    assert balance(control) == held
    for answer in (reverse(merchant, order), reverse(merchant, order)):
        wish = {"appid": order["appid"], "mchid": merchant.mchid, "out_trade_no": order["out_trade_no"]}
        assert (answer.status, answer.json) == (200, wish)
    assert state(merchant, order) == "REVOKED"
    assert balance(control) == 0
    lines = [(line["kind"], line["amount"]) for line in control.get("/wechat/book")["lines"]]
    assert lines == ([("payment", 1990), ("reversal", -1990)] if held else [])


def test_a_reversed_order_can_never_be_paid(control: Control, merchant: Merchant) -> None:
    order, _ = charged(control, merchant, "password")
    reverse(merchant, order)
    late = control.ask("POST", "/wechat/buyer/password", {"out_trade_no": order["out_trade_no"]})
    assert late.json["code"] == "NOT_ASKED"
    assert refusal(charge(merchant, order)) == (400, "ORDER_REVERSED")
    prepaid = merchant.order(out_trade_no=order["out_trade_no"])
    assert refusal(merchant.create(prepaid)) == (403, "OUT_TRADE_NO_USED")


def test_while_the_password_is_typed_a_reverse_may_be_refused(control: Control, merchant: Merchant) -> None:
    order, _ = charged(control, merchant, "typing")
    assert refusal(reverse(merchant, order)) == (202, "USERPAYING")
    control.post("/wechat/buyer/password", out_trade_no=order["out_trade_no"])
    assert reverse(merchant, order).status == 200
    assert balance(control) == 0


def test_a_paid_number_is_not_charged_again(control: Control, merchant: Merchant) -> None:
    order, _ = charged(control, merchant, "pay")
    assert refusal(charge(merchant, order)) == (400, "ORDER_PAID")
    assert refusal(charge(merchant, order | {"payer": {"auth_code": shown(control)}})) == (400, "ORDER_PAID")


def test_a_new_code_needs_a_new_number(control: Control, merchant: Merchant) -> None:
    order, _ = charged(control, merchant, "fail")
    again = charge(merchant, order | {"payer": {"auth_code": shown(control)}})
    assert (*refusal(again), again.number) == (400, "INVALID_REQUEST", 268498688)


def test_an_order_paid_by_code_is_reversed_and_never_closed(control: Control, merchant: Merchant) -> None:
    for behaviour in ("pay", "password"):
        order, _ = charged(control, merchant, behaviour)
        answer = merchant.close(order["out_trade_no"])
        assert (answer.status, answer.number) == (400, 268449641)
    prepaid = merchant.order()
    merchant.create(prepaid)
    assert refusal(reverse(merchant, prepaid)) == (400, "INVALID_REQUEST")
    assert state(merchant, prepaid) == "NOTPAY"


def test_a_reverse_names_merchant_and_app(control: Control, merchant: Merchant) -> None:
    other, (order, _) = Merchant.of(control.post("/wechat/merchants")), charged(control, merchant, "pay")
    assert refusal(reverse(merchant, order | {"appid": other.credentials["appid"]}))[1] == "APPID_MCHID_NOT_MATCH"
    assert refusal(reverse(merchant, order, mchid=other.mchid)) == (400, "PARAM_ERROR")
    assert reverse(merchant, order, transaction_id="4200").number == 270924358
    assert refusal(reverse(merchant, order | {"out_trade_no": "never123"})) == (404, "ORDER_NOT_EXIST")
    assert state(merchant, order) == "SUCCESS"


@pytest.mark.parametrize(("days", "status"), [(6, 200), (8, 400)])
def test_a_reverse_is_for_seven_days(control: Control, merchant: Merchant, days: int, status: int) -> None:
    order, _ = charged(control, merchant, "pay")
    control.put("/clock", advance_seconds=days * DAY)
    path, now = f"{PATH}/out-trade-no/{order['out_trade_no']}/reverse", str(int(time.time()) + days * DAY)
    body = json.dumps({"appid": order["appid"], "mchid": merchant.mchid}).encode()
    answer = merchant.send("POST", path, body, authorization(merchant.claim("POST", path, body, timestamp=now)))
    assert answer.status == status
    assert balance(control) == (0 if status == 200 else 1990)


def test_a_payment_by_code_is_refunded_like_any_other(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    order, _ = charged(control, merchant, "pay")
    silent, told = merchant.refund_of(order, 500), merchant.refund_of(order, 490, notify_url=receiver.url)
    for refund in (silent, told):
        assert merchant.refund(refund).status == 200
        control.post("/wechat/refunds/finish", out_refund_no=refund["out_refund_no"], status="SUCCESS")
    assert balance(control) == 1000
    assert len(receiver.wait_for(1)) == 1
    assert len(control.log(kind="notification")) == 1
    assert refusal(reverse(merchant, order)) == (400, "INVALID_REQUEST")


def test_a_reversed_payment_is_not_refunded_too(control: Control, merchant: Merchant) -> None:
    order, _ = charged(control, merchant, "pay")
    reverse(merchant, order)
    assert refusal(merchant.refund(merchant.refund_of(order, 1))) == (400, "INVALID_REQUEST")


def test_a_payment_code_order_is_paid_in_no_other_way(control: Control, merchant: Merchant) -> None:
    order, _ = charged(control, merchant, "fail")
    answer = control.ask("POST", "/wechat/buyer/pay", {"out_trade_no": order["out_trade_no"]})
    assert (answer.status, answer.json["code"]) == (409, "PAYMENT_CODE_ORDER")


def test_a_crafted_notification_of_a_payment_by_code_needs_an_address(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    order, _ = charged(control, merchant, "pay")
    reverse(merchant, order)
    wish = {"out_trade_no": order["out_trade_no"]}
    assert control.ask("POST", "/wechat/notify", wish).status == 400
    assert control.post("/wechat/notify", **wish, url=receiver.url)["status"] == 204
    (letter,) = receiver.wait_for(1)
    assert json.loads(merchant.opened(letter.json["resource"]))["trade_state"] == "SUCCESS"


def test_a_merchant_without_payment_codes_is_told_so(control: Control, merchant: Merchant) -> None:
    control.put("/wechat/merchants", without=["codepay"])
    assert refusal(charged(control, merchant, "pay")[1]) == (403, "NO_AUTH")


@pytest.mark.parametrize("fault", ["rate_limit", "server_error", "accept_then_time_out"])
def test_in_bad_weather_a_charge_is_told_apart_only_by_asking(control: Control, merchant: Merchant, fault: str) -> None:
    dial = {fault: 1.0} | ({"delay_seconds": 0.05} if fault == "accept_then_time_out" else {})
    orders = [wanted(merchant, shown(control)) for _ in range(12)]
    control.faults(api=dial, seed=3)
    for order in orders:
        try:
            assert charge(merchant, order).status >= 400
        except OSError:
            assert fault == "accept_then_time_out"
    control.faults()
    paid = [order for order in orders if merchant.query(order["out_trade_no"]).status == 200]
    assert len(paid) == 12 if fault == "accept_then_time_out" else 0 < len(paid) < 12
    assert balance(control) == 1990 * len(paid)


def test_a_reverse_refused_for_its_frequency_may_have_been_carried_out(control: Control, merchant: Merchant) -> None:
    orders = [charged(control, merchant, "pay")[0] for _ in range(12)]
    control.faults(api={"rate_limit": 1}, seed=3)
    assert {reverse(merchant, order).status for order in orders} == {429}
    control.faults()
    revoked = [order for order in orders if state(merchant, order) == "REVOKED"]
    assert 0 < len(revoked) < 12
    assert balance(control) == 1990 * (12 - len(revoked))


@pytest.mark.parametrize("wish", [{"behaviour": "dance"}, {"behaviour": "fail", "reason": "NO_MOOD"}])
def test_an_unreadable_buyer_is_refused(control: Control, wish: dict[str, str]) -> None:
    assert control.ask("POST", "/wechat/buyer/code", wish).json["code"] == "wish_unreadable"


def test_codes_and_waiting_passwords_survive_a_restart(tmp_path: Path) -> None:
    with started("--state", tmp_path / "sandbox.json") as control:
        merchant = control.merchant()
        asked, _ = charged(control, merchant, "password")
        reversed_, _ = charged(control, merchant, "pay")
        reverse(merchant, reversed_)
        code, phone = shown(control), control.post("/wechat/buyer/phone", appid=merchant.credentials["appid"])
    with started("--state", tmp_path / "sandbox.json") as control:
        merchant = control.merchant()
        assert state(merchant, asked) == "USERPAYING"
        control.post("/wechat/buyer/password", out_trade_no=asked["out_trade_no"])
        assert (state(merchant, asked), state(merchant, reversed_)) == ("SUCCESS", "REVOKED")
        assert refusal(charge(merchant, wanted(merchant, asked["payer"]["auth_code"]))) == (400, "AUTH_CODE_INVALID")
        assert charge(merchant, wanted(merchant, code)).json["trade_state"] == "SUCCESS"
        assert revealed(merchant, token(merchant)["access_token"], phone)["errcode"] == 0
