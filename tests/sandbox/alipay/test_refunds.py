"""Refunds: done in the call, known again by their number, never more than is left; slow ones, and refused ones."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.sandbox.alipay.client import CREATE, QUERY, REFUND, REFUND_QUERY, App, beijing, letter, new_app, paid
from tests.sandbox.client import Control, Receiver


def back(trade: dict[str, Any], amount: str, **more: Any) -> dict[str, Any]:
    return {"out_trade_no": trade["out_trade_no"], "refund_amount": amount, **more}


def asked_about(app: App, trade: dict[str, Any], out_request_no: str) -> dict[str, Any]:
    return app.ask(REFUND_QUERY, {"out_trade_no": trade["out_trade_no"], "out_request_no": out_request_no})


def test_a_part_goes_back_and_then_the_rest(control: Control, app: App, receiver: Receiver) -> None:
    trade = paid(control, app, notify_url=receiver.url)
    first = app.ask(REFUND, back(trade, "5.00", out_request_no="a", refund_reason="cold"))
    assert (first["fund_change"], first["refund_fee"]) == ("Y", "5.00")
    assert app.ask(QUERY, {"out_trade_no": trade["out_trade_no"]})["trade_status"] == "TRADE_SUCCESS"
    second = app.ask(REFUND, back(trade, "14.90", out_request_no="b"))
    assert (second["fund_change"], second["refund_fee"]) == ("Y", "19.90")
    assert app.ask(QUERY, {"out_trade_no": trade["out_trade_no"]})["trade_status"] == "TRADE_CLOSED"
    facts = asked_about(app, trade, "a")
    assert (facts["refund_status"], facts["refund_amount"], facts["refund_reason"]) == (
        "REFUND_SUCCESS",
        "5.00",
        "cold",
    )
    letters = [letter(each) for each in receiver.wait_for(3)]
    told = {each.get("out_biz_no"): (each["trade_status"], each.get("refund_fee")) for each in letters}
    assert told == {None: ("TRADE_SUCCESS", None), "a": ("TRADE_SUCCESS", "5.00"), "b": ("TRADE_CLOSED", "19.90")}
    assert len({each["notify_id"] for each in letters}) == 3
    assert [line["amount"] for line in control.get("/alipay/book")["lines"]] == [1990, -500, -1490]


def test_the_same_number_is_the_same_refund(control: Control, app: App) -> None:
    trade = paid(control, app)
    app.ask(REFUND, back(trade, "5.00", out_request_no="a"))
    again = app.ask(REFUND, back(trade, "5.00", out_request_no="a"))
    assert (again["fund_change"], again["refund_fee"]) == ("N", "5.00")
    other = app.ask(REFUND, back(trade, "6.00", out_request_no="a"))
    assert other["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert control.get("/alipay/book")["balance"] == 1490


def test_never_more_than_is_left(control: Control, app: App) -> None:
    trade = paid(control, app)
    assert app.ask(REFUND, back(trade, "20.00", out_request_no="a"))["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    app.ask(REFUND, back(trade, "19.00", out_request_no="b"))
    assert app.ask(REFUND, back(trade, "1.00", out_request_no="c"))["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    app.ask(REFUND, back(trade, "0.90", out_request_no="d"))
    assert app.ask(REFUND, back(trade, "0.01", out_request_no="e"))["sub_code"] == "ACQ.TRADE_HAS_CLOSE"


def test_a_whole_refund_needs_no_number_and_a_part_does(control: Control, app: App) -> None:
    trade = paid(control, app)
    assert app.ask(REFUND, back(trade, "1.00"))["sub_code"] == "ACQ.INVALID_PARAMETER"
    assert app.ask(REFUND, back(trade, "19.90"))["fund_change"] == "Y"
    assert asked_about(app, trade, trade["out_trade_no"])["refund_status"] == "REFUND_SUCCESS"


def test_what_is_not_paid_or_not_known_cannot_go_back(app: App) -> None:
    trade = app.trade()
    app.ask(CREATE, trade)
    assert app.ask(REFUND, back(trade, "19.90"))["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    assert app.ask(REFUND, back({"out_trade_no": "nobody"}, "1.00"))["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert app.ask(REFUND, back(trade, "one"))["sub_code"] == "ACQ.INVALID_PARAMETER"


def test_after_the_window_nothing_goes_back(control: Control, app: App) -> None:
    trade, offset = paid(control, app), 90 * 86400 + 1
    control.put("/clock", offset_seconds=offset)
    given = app.public(REFUND, back(trade, "19.90"), timestamp=beijing(time.time() + offset))
    assert app.opened(app.post(given), REFUND)["sub_code"] == "ACQ.TRADE_HAS_FINISHED"


def test_of_an_unknown_refund_nothing_is_said(control: Control, app: App) -> None:
    assert asked_about(app, paid(control, app), "nobody") == {"code": "10000", "msg": "Success"}


def test_a_slow_refund_is_silent_until_it_is_done(control: Control, app: App, receiver: Receiver) -> None:
    trade = paid(control, app, notify_url=receiver.url)
    control.put("/faults", alipay={"refund": {"slow": 1, "seconds": 60}})
    assert app.ask(REFUND, back(trade, "5.00", out_request_no="a"))["fund_change"] == "N"
    assert "refund_status" not in asked_about(app, trade, "a")
    assert app.ask(REFUND, back(trade, "15.00", out_request_no="b"))["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    control.put("/clock", advance_seconds=61)
    assert letter(receiver.wait_for(2)[1])["out_biz_no"] == "a"
    assert asked_about(app, trade, "a")["refund_status"] == "REFUND_SUCCESS"
    assert control.get("/alipay/book")["balance"] == 1490


def test_a_slow_refund_can_be_ended_by_hand(control: Control, app: App) -> None:
    trade = paid(control, app)
    control.put("/faults", alipay={"refund": {"slow": 1, "seconds": 3600}})
    for name in ("a", "b"):
        app.ask(REFUND, back(trade, "5.00", out_request_no=name))
    assert control.post("/alipay/refunds/finish", out_request_no="a", status="FAIL")["status"] == "FAIL"
    assert control.post("/alipay/refunds/finish", out_request_no="b", status="SUCCESS")["status"] == "SUCCESS"
    assert control.ask("POST", "/alipay/refunds/finish", {"out_request_no": "b", "status": "FAIL"}).status == 409
    assert control.ask("POST", "/alipay/refunds/finish", {"out_request_no": "z", "status": "FAIL"}).status == 404
    listed = control.get("/alipay/refunds", out_trade_no=trade["out_trade_no"])["refunds"]
    assert [(each["out_request_no"], each["status"]) for each in listed] == [("a", "FAIL"), ("b", "SUCCESS")]
    control.put("/faults")
    assert app.ask(REFUND, back(trade, "14.90", out_request_no="a"))["fund_change"] == "Y"
    assert control.get("/alipay/book")["balance"] == 0


@pytest.mark.parametrize("code", ["ACQ.SELLER_BALANCE_NOT_ENOUGH", "ACQ.SYSTEM_ERROR"])
def test_an_apps_refunds_can_be_refused_for_now(control: Control, code: str) -> None:
    app = new_app(control, refund_refusal=code)
    trade = paid(control, app)
    assert app.ask(REFUND, back(trade, "19.90"))["sub_code"] == code
    control.put("/alipay/merchants", app_id=app.app_id, refund_refusal=None)
    assert app.ask(REFUND, back(trade, "19.90"))["fund_change"] == "Y"
