"""Trades: created, paid, asked about, closed, cancelled, timed out."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.sandbox.alipay.client import (
    CANCEL,
    CLOSE,
    CREATE,
    PRECREATE,
    QUERY,
    REFUND_QUERY,
    App,
    beijing,
    letter,
    new_app,
    paid,
)
from tests.sandbox.client import Control, Receiver


def number(trade: dict[str, Any]) -> dict[str, str]:
    return {"out_trade_no": trade["out_trade_no"]}


def test_a_trade_is_paid_and_the_book_has_its_money(control: Control, app: App) -> None:
    trade = app.trade()
    created = app.ask(CREATE, trade)
    assert app.ask(QUERY, number(trade))["trade_status"] == "WAIT_BUYER_PAY"
    told = control.post("/alipay/buyer/pay", tradeNO=created["trade_no"])
    queried = app.ask(QUERY, {"trade_no": created["trade_no"]})
    assert queried == {"code": "10000", "msg": "Success", **told}
    assert (queried["trade_status"], queried["total_amount"]) == ("TRADE_SUCCESS", "19.90")
    assert queried["buyer_open_id"] == app.credentials["buyer_open_id"]
    book = control.get("/alipay/book")
    (line,) = book["lines"]
    assert (book["balance"], line["amount"], line["transaction_id"]) == (1990, 1990, created["trade_no"])


def test_what_the_buyer_used_is_told_when_asked_for(control: Control, app: App) -> None:
    wish = number(paid(control, app)) | {"query_options": ["fund_bill_list"]}
    assert app.ask(QUERY, wish)["fund_bill_list"] == [{"amount": "19.90", "fund_channel": "ALIPAYACCOUNT"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"out_trade_no": None}, "ACQ.INVALID_PARAMETER"),
        ({"out_trade_no": "a" * 65}, "ACQ.INVALID_PARAMETER"),
        ({"out_trade_no": "a b"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": None}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "abc"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "0.00"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "-1.00"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "1.001"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": True}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "100000000.01"}, "ACQ.TOTAL_FEE_EXCEED"),
        ({"subject": None}, "ACQ.INVALID_PARAMETER"),
        ({"subject": "a=b"}, "ACQ.INVALID_PARAMETER"),
        ({"subject": "a" * 257}, "ACQ.INVALID_PARAMETER"),
        ({"body": "a" * 129}, "ACQ.INVALID_PARAMETER"),
        ({"product_code": "QUICK_WAP_WAY"}, "ACQ.INVALID_PARAMETER"),
        ({"op_app_id": None}, "ACQ.INVALID_PARAMETER"),
        ({"op_app_id": "2021000000000000"}, "ACQ.UNBOUND_APPLICATION"),
        ({"buyer_open_id": None}, "ACQ.INVALID_PARAMETER"),
        ({"buyer_open_id": ""}, "ACQ.INVALID_PARAMETER"),
        ({"buyer_open_id": "somebody"}, "ACQ.BUYER_NOT_EXIST"),
        ({"seller_id": "2088000000000000"}, "ACQ.INVALID_RECEIVE_ACCOUNT"),
        ({"timeout_express": "90"}, "ACQ.INVALID_PARAMETER"),
        ({"timeout_express": "16d"}, "ACQ.INVALID_PARAMETER"),
        ({"time_expire": "tomorrow"}, "ACQ.INVALID_PARAMETER"),
        ({"time_expire": "2020-01-01 00:00:00"}, "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"),
        ({"extend_params": {"hb_fq_num": "5"}}, "ACQ.INVALID_PARAMETER"),
        ({"extend_params": "hb"}, "ACQ.INVALID_PARAMETER"),
        ({"enable_pay_channels": "balance,gold"}, "ACQ.INVALID_PARAMETER"),
        ({"enable_pay_channels": "balance", "disable_pay_channels": "pcredit"}, "ACQ.INVALID_PARAMETER"),
        ({"goods_detail": [{"goods_id": "1"}]}, "ACQ.INVALID_PARAMETER"),
        ({"discountable_amount": "1.00", "undiscountable_amount": "1.00"}, "ACQ.INVALID_PARAMETER"),
    ],
)
def test_a_wrong_field_is_refused(app: App, changes: dict[str, Any], code: str) -> None:
    trade = app.trade(**changes)
    answer = app.ask(CREATE, trade)
    assert (answer["code"], answer["sub_code"]) == ("40004", code)


@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount": 19.9},
        {"total_amount": 20},
        {"total_amount": "100000000"},
        {"timeout_express": "1c"},
        {"extend_params": {"hb_fq_num": "3", "hb_fq_seller_percent": "100"}},
        {"disable_pay_channels": "credit_group,pcredit"},
        {"product_code": None, "op_app_id": None},
        {"discountable_amount": "9.90", "undiscountable_amount": "10.00"},
        {"goods_detail": [{"goods_id": "1", "goods_name": "茶", "quantity": 1, "price": "19.90"}]},
        {"nobody_knows_this": {"a": 1}},
    ],
)
def test_a_right_field_is_taken(app: App, changes: dict[str, Any]) -> None:
    assert app.ask(CREATE, app.trade(**changes))["code"] == "10000"


def test_a_user_id_is_no_open_id(app: App) -> None:
    buyer_id = app.credentials["buyer_id"]
    assert app.ask(CREATE, app.trade(buyer_open_id=None, buyer_id=buyer_id))["code"] == "10000"
    assert app.ask(CREATE, app.trade(buyer_open_id=buyer_id))["sub_code"] == "ACQ.BUYER_NOT_EXIST"
    swapped = app.trade(buyer_open_id=None, buyer_id=app.credentials["seller_id"])
    assert app.ask(CREATE, swapped)["sub_code"] == "ACQ.BUYER_SELLER_EQUAL"


def test_an_older_app_sees_user_ids(control: Control) -> None:
    app = new_app(control, identity="user_id")
    queried = app.ask(QUERY, number(paid(control, app)))
    assert queried["buyer_user_id"] == app.credentials["buyer_id"]
    assert "buyer_open_id" not in queried


def test_the_same_number_with_the_same_content_is_the_same_trade(app: App) -> None:
    trade = app.trade()
    assert app.ask(CREATE, trade) == app.ask(CREATE, trade)
    changed = app.ask(CREATE, trade | {"total_amount": "0.01"})
    assert changed["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"


def test_a_number_that_was_paid_or_closed_is_used_up(control: Control, app: App) -> None:
    trade = paid(control, app)
    assert app.ask(CREATE, trade)["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    closed = app.trade()
    app.ask(CREATE, closed)
    assert app.ask(CLOSE, number(closed))["out_trade_no"] == closed["out_trade_no"]
    assert app.ask(CREATE, closed)["sub_code"] == "ACQ.TRADE_HAS_CLOSE"


def test_only_an_unpaid_trade_can_be_closed(control: Control, app: App) -> None:
    assert app.ask(CLOSE, number(paid(control, app)))["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    assert app.ask(CLOSE, {"out_trade_no": "nobody"})["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert app.ask(CLOSE, {})["sub_code"] == "ACQ.INVALID_PARAMETER"
    trade = app.trade()
    app.ask(CREATE, trade)
    app.ask(CLOSE, number(trade))
    assert app.ask(QUERY, number(trade))["trade_status"] == "TRADE_CLOSED"
    assert app.ask(CLOSE, number(trade))["sub_code"] == "ACQ.REASON_TRADE_STATUS_INVALID"
    late = control.ask("POST", "/alipay/buyer/pay", number(trade))
    assert (late.status, late.json["code"]) == (409, "ACQ.TRADE_HAS_CLOSE")


def test_cancelling_closes_what_is_unpaid_and_gives_back_what_is_paid(control: Control, app: App) -> None:
    trade = app.trade()
    app.ask(CREATE, trade)
    assert app.ask(CANCEL, number(trade))["action"] == "close"
    other = paid(control, app)
    for _ in range(2):
        answer = app.ask(CANCEL, number(other))
        assert (answer["action"], answer["retry_flag"]) == ("refund", "N")
    assert app.ask(QUERY, number(other))["trade_status"] == "TRADE_CLOSED"
    assert control.get("/alipay/book")["balance"] == 0
    nothing = {"code": "10000", "msg": "Success", "out_trade_no": "nobody", "retry_flag": "N"}
    assert app.ask(CANCEL, {"out_trade_no": "nobody"}) == nothing


def test_a_day_later_nothing_can_be_cancelled(control: Control, app: App) -> None:
    trade = paid(control, app)
    control.put("/clock", offset_seconds=86399)
    control.put("/clock", offset_seconds=86405)
    given = app.public(CANCEL, number(trade), timestamp=beijing(time.time() + 86405))
    assert app.opened(app.post(given), CANCEL)["sub_code"] == "ACQ.TRADE_CANCEL_TIME_OUT"


def test_an_unpaid_trade_times_out_and_that_is_told(control: Control, app: App, receiver: Receiver) -> None:
    trade = app.trade(timeout_express="5m")
    app.ask(CREATE, trade, notify_url=receiver.url)
    control.put("/clock", advance_seconds=299)
    assert app.ask(QUERY, number(trade))["trade_status"] == "WAIT_BUYER_PAY"
    control.put("/clock", advance_seconds=2)
    assert app.ask(QUERY, number(trade))["trade_status"] == "TRADE_CLOSED"
    told = letter(receiver.wait_for(1)[0])
    assert (told["trade_status"], "gmt_payment" in told) == ("TRADE_CLOSED", False)
    assert control.ask("POST", "/alipay/buyer/pay", number(trade)).json["code"] == "ACQ.TRADE_HAS_CLOSE"


def test_an_absolute_end_wins_over_a_span(control: Control, app: App) -> None:
    trade = app.trade(timeout_express="15d", time_expire=beijing(time.time() + 60))
    app.ask(CREATE, trade)
    control.put("/clock", advance_seconds=61)
    assert app.ask(QUERY, number(trade))["trade_status"] == "TRADE_CLOSED"


def test_a_trade_is_finished_when_its_refund_window_is_over(control: Control, app: App, receiver: Receiver) -> None:
    paid(control, app, notify_url=receiver.url)
    receiver.wait_for(1)
    control.put("/clock", advance_seconds=90 * 86400 + 1)
    assert letter(receiver.wait_for(2)[1])["trade_status"] == "TRADE_FINISHED"
    time.sleep(0.1)
    assert len(receiver.received) == 2


def test_a_code_leads_to_no_trade_until_somebody_scans_it(control: Control, app: App) -> None:
    trade = app.plain()
    code = app.ask(PRECREATE, trade)["qr_code"]
    assert code.startswith("https://qr.alipay.com/")
    assert app.ask(QUERY, number(trade))["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert app.ask(CLOSE, number(trade))["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert control.post("/alipay/buyer/scan", qr_code=code, pay=False)["trade_status"] == "WAIT_BUYER_PAY"
    assert app.ask(QUERY, number(trade))["trade_status"] == "WAIT_BUYER_PAY"
    assert control.post("/alipay/buyer/scan", qr_code=code)["trade_status"] == "TRADE_SUCCESS"
    assert control.ask("POST", "/alipay/buyer/scan", {"qr_code": code}).json["code"] == "ACQ.TRADE_HAS_SUCCESS"
    assert app.ask(PRECREATE, trade)["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"


def test_a_code_is_good_for_two_hours(control: Control, app: App) -> None:
    code = app.ask(PRECREATE, app.plain())["qr_code"]
    control.put("/clock", advance_seconds=7201)
    answer = control.ask("POST", "/alipay/buyer/scan", {"qr_code": code})
    assert (answer.status, answer.json["code"]) == (409, "QR_CODE_EXPIRED")


def test_nobody_else_pays_a_buyers_trade(control: Control, app: App) -> None:
    trade = app.trade()
    app.ask(CREATE, trade)
    control.post("/alipay/buyer/login", open_id="somebody else")
    answer = control.ask("POST", "/alipay/buyer/pay", number(trade) | {"buyer": "somebody else"})
    assert (answer.status, answer.json["code"]) == (409, "ACQ.TRADE_BUYER_NOT_MATCH")
    code = app.ask(PRECREATE, app.plain())["qr_code"]
    told = control.post("/alipay/buyer/scan", qr_code=code, buyer="somebody else")
    assert told["buyer_open_id"] == "somebody else"


def test_apps_do_not_see_each_others_trades(control: Control, app: App) -> None:
    trade, other = app.trade(), new_app(control)
    trade_no = app.ask(CREATE, trade)["trade_no"]
    for wish in (number(trade), {"trade_no": trade_no}):
        assert other.ask(QUERY, wish)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
        assert other.ask(REFUND_QUERY, wish | {"out_request_no": "1"})["sub_code"] == "ACQ.TRADE_NOT_EXIST"


@pytest.mark.parametrize("verb", ["abandon", "fail"])
def test_a_buyer_who_goes_away_changes_nothing(control: Control, app: App, verb: str) -> None:
    trade = app.trade()
    app.ask(CREATE, trade)
    assert control.post(f"/alipay/buyer/{verb}", **number(trade))["trade_status"] == "WAIT_BUYER_PAY"
    assert control.get("/alipay/book")["balance"] == 0


def test_paying_twice_moves_the_money_once(control: Control, app: App, receiver: Receiver) -> None:
    trade = app.trade()
    app.ask(CREATE, trade, notify_url=receiver.url)
    assert control.post("/alipay/buyer/pay-twice", **number(trade))["second"]["code"] == "ACQ.TRADE_HAS_SUCCESS"
    first, second = map(letter, receiver.wait_for(2))
    assert (first["trade_no"], first["trade_status"]) == (second["trade_no"], second["trade_status"])
    assert control.get("/alipay/book")["balance"] == 1990


@pytest.mark.parametrize("wish", [{}, {"tradeNO": "1"}, {"qr_code": "x"}, {"out_trade_no": "x"}, {"order_string": "x"}])
def test_a_tap_on_nothing_is_refused(control: Control, wish: dict[str, str]) -> None:
    assert control.ask("POST", "/alipay/buyer/pay", wish).status in (400, 404, 409)
