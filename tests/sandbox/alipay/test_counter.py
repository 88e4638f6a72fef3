"""Payment codes: paid at once, after the password, or not at all."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.alipay.client import CANCEL, CREATE, PAY, QUERY, App, letter, new_app
from tests.sandbox.client import Control, Receiver


def code_of(control: Control, **wish: Any) -> str:
    return str(control.post("/alipay/buyer/code", **wish)["auth_code"])


def charge(app: App, auth_code: str, **changes: Any) -> dict[str, Any]:
    return app.plain(scene="bar_code", auth_code=auth_code, **changes)


def test_a_code_is_paid_at_once_and_told(control: Control, app: App, receiver: Receiver) -> None:
    code = code_of(control)
    assert re.fullmatch(r"(25|26|27|28|29|30)\d{14,22}", code)
    answer = app.ask(PAY, charge(app, code), notify_url=receiver.url)
    assert (answer["code"], answer["buyer_pay_amount"]) == ("10000", "19.90")
    assert answer["fund_bill_list"] == [{"amount": "19.90", "fund_channel": "ALIPAYACCOUNT"}]
    assert letter(receiver.wait_for(1)[0])["trade_no"] == answer["trade_no"]
    assert control.get("/alipay/book")["balance"] == 1990


def test_a_password_is_waited_for(control: Control, app: App, receiver: Receiver) -> None:
    trade = charge(app, code_of(control, behaviour="password"))
    answer = app.ask(PAY, trade, notify_url=receiver.url)
    assert (answer["code"], answer["msg"]) == ("10003", " order success pay inprocess")
    assert answer["buyer_pay_amount"] == "0.00"
    wish = {"out_trade_no": trade["out_trade_no"]}
    assert app.ask(QUERY, wish)["trade_status"] == "WAIT_BUYER_PAY"
    assert app.ask(PAY, trade)["code"] == "10003"
    assert control.post("/alipay/buyer/password", **wish)["trade_status"] == "TRADE_SUCCESS"
    assert letter(receiver.wait_for(1)[0])["trade_status"] == "TRADE_SUCCESS"
    assert app.ask(PAY, trade)["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    assert control.ask("POST", "/alipay/buyer/password", wish).status == 409


def test_a_wrong_password_closes_the_trade(control: Control, app: App) -> None:
    trade = charge(app, code_of(control, behaviour="password"))
    app.ask(PAY, trade)
    wish = {"out_trade_no": trade["out_trade_no"]}
    assert control.post("/alipay/buyer/password", right=False, **wish)["trade_status"] == "TRADE_CLOSED"
    assert control.get("/alipay/book")["balance"] == 0


def test_a_payment_that_was_cancelled_while_it_waited_cannot_be_made(control: Control, app: App) -> None:
    trade = charge(app, code_of(control, behaviour="timeout"))
    app.ask(PAY, trade)
    wish = {"out_trade_no": trade["out_trade_no"]}
    assert app.ask(CANCEL, wish)["action"] == "close"
    assert control.ask("POST", "/alipay/buyer/password", wish).json["code"] == "ACQ.TRADE_HAS_CLOSE"


def test_a_waiting_payment_times_out_after_three_hours(control: Control, app: App) -> None:
    trade = charge(app, code_of(control, behaviour="timeout"))
    app.ask(PAY, trade)
    control.put("/clock", advance_seconds=3 * 3600)
    assert app.ask(QUERY, {"out_trade_no": trade["out_trade_no"]})["trade_status"] == "TRADE_CLOSED"


def test_a_buyer_without_money_pays_nothing(control: Control, app: App) -> None:
    trade = charge(app, code_of(control, behaviour="fail"))
    answer = app.ask(PAY, trade)
    assert (answer["code"], answer["sub_code"]) == ("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH")
    assert app.ask(QUERY, {"out_trade_no": trade["out_trade_no"]})["trade_status"] == "WAIT_BUYER_PAY"


@pytest.mark.parametrize("code", ["28" + "0" * 16, "13" + "0" * 16, "x", "fp" + "0" * 33])
def test_an_unknown_code_is_refused(app: App, code: str) -> None:
    assert app.ask(PAY, charge(app, code))["sub_code"] == "ACQ.PAYMENT_AUTH_CODE_INVALID"


def test_a_code_is_good_for_a_minute_and_one_payment(control: Control, app: App) -> None:
    used, old = code_of(control), code_of(control)
    assert app.ask(PAY, charge(app, used))["code"] == "10000"
    assert app.ask(PAY, charge(app, used))["sub_code"] == "ACQ.PAYMENT_AUTH_CODE_INVALID"
    control.put("/clock", advance_seconds=61)
    assert app.ask(PAY, charge(app, old))["sub_code"] == "ACQ.PAYMENT_AUTH_CODE_INVALID"


def test_a_face_is_charged_in_its_own_scene(control: Control, app: App) -> None:
    code = code_of(control, face=True)
    assert len(code) == 35
    assert app.ask(PAY, charge(app, code))["sub_code"] == "ACQ.PAYMENT_AUTH_CODE_INVALID"
    assert app.ask(PAY, charge(app, code) | {"scene": "security_code"})["code"] == "10000"


def test_a_trade_of_one_buyer_is_not_paid_with_anothers_code(control: Control, app: App) -> None:
    control.post("/alipay/buyer/login", open_id="somebody else")
    trade = app.trade(product_code=None, op_app_id=None)
    app.ask(CREATE, trade)
    code = code_of(control, buyer="somebody else")
    answer = app.ask(PAY, trade | {"auth_code": code})
    assert answer["sub_code"] == "ACQ.TRADE_BUYER_NOT_MATCH"


def test_a_code_is_good_at_every_counter(control: Control, app: App) -> None:
    other = new_app(control)
    answer = other.ask(PAY, charge(other, code_of(control)))
    assert answer["code"] == "10000"
    assert answer["buyer_open_id"] not in (app.credentials["buyer_open_id"], other.credentials["buyer_open_id"])


def test_a_code_of_nobody_is_not_shown(control: Control) -> None:
    for wish in ({"behaviour": "sings"}, {"buyer": "nobody"}, {"app_id": "1"}):
        assert control.ask("POST", "/alipay/buyer/code", wish).status == 400
