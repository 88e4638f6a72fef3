"""What the control API and the dial have to say about refunds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Control, Merchant
from tests.sandbox.test_refunds import ended, paid, state, unhurried


@pytest.mark.parametrize(
    "wish", [{"refund_refusal": "BAD_DAY"}, {"refund_spacing_seconds": -1}, {"refund_refusal": []}]
)
def test_an_unreadable_refund_setting_is_refused(control: Control, wish: dict[str, Any]) -> None:
    before = control.get("/wechat/merchants")
    assert control.ask("PUT", "/wechat/merchants", wish | {"signing": "certificate"}).json["code"] == "wish_unreadable"
    assert control.get("/wechat/merchants") == before


def test_reset_forgets_refunds_and_refusals(control: Control, merchant: Merchant) -> None:
    refund = merchant.refund_of(paid(control, merchant), 5)
    unhurried(control)
    merchant.refund(refund)
    control.put("/wechat/merchants", refund_refusal="NOT_ENOUGH", refund_spacing_seconds=60)
    control.post("/reset")
    control.put("/clock", advance_seconds=7200)
    assert merchant.query_refund(refund["out_refund_no"]).status in (401, 404)
    assert control.get("/wechat/refunds") == {"refunds": []}
    assert control.get("/wechat/book")["lines"] == []
    listed = control.get("/wechat/merchants")["merchants"][0]
    assert (listed["refund_refusal"], listed["refund_spacing_seconds"]) == (None, 0)


@pytest.mark.parametrize(("dial", "end"), [({"abnormal": 1}, "ABNORMAL"), ({"closed": 1}, "CLOSED"), ({}, "SUCCESS")])
def test_the_dial_says_how_refunds_end_and_when(
    control: Control, merchant: Merchant, dial: dict[str, Any], end: str
) -> None:
    order = paid(control, merchant)
    control.faults(refund={"seconds": 100} | dial)
    refund = merchant.refund_of(order, 5)
    merchant.refund(refund)
    control.put("/clock", offset_seconds=98)
    assert state(merchant, refund) == "PROCESSING"
    control.put("/clock", offset_seconds=102)
    assert state(merchant, refund) == end


def test_a_refund_can_be_made_to_end_now_and_only_once(control: Control, merchant: Merchant) -> None:
    unhurried(control)
    refund = merchant.refund_of(paid(control, merchant), 5)
    assert ended(control, merchant, refund, "SUCCESS")["status"] == "SUCCESS"
    assert control.post("/wechat/refunds/finish", out_refund_no=refund["out_refund_no"], status="SUCCESS")[
        "success_time"
    ]
    late = control.ask("POST", "/wechat/refunds/finish", {"out_refund_no": refund["out_refund_no"], "status": "CLOSED"})
    assert (late.status, late.json["code"]) == (409, "REFUND_ENDED")
    control.put("/clock", offset_seconds=7200)
    assert control.get("/wechat/book")["balance"] == 1985
    assert len(control.log(kind="refund")) == 1


@pytest.mark.parametrize("wish", [{"out_refund_no": "never", "status": "SUCCESS"}, {"status": "SUCCESS"}, {}])
def test_an_unknown_refund_cannot_be_made_to_end(control: Control, wish: dict[str, Any]) -> None:
    assert control.ask("POST", "/wechat/refunds/finish", wish).status == 404


def test_a_refund_ends_as_success_abnormal_or_closed_and_nothing_else(control: Control, merchant: Merchant) -> None:
    refund = merchant.refund_of(paid(control, merchant), 5)
    merchant.refund(refund)
    wish = {"out_refund_no": refund["out_refund_no"], "status": "PROCESSING"}
    assert control.ask("POST", "/wechat/refunds/finish", wish).json["code"] == "wish_unreadable"


def test_refunds_are_listed_by_merchant_and_order(control: Control, merchant: Merchant) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    order, second, theirs = paid(control, merchant), paid(control, merchant), paid(control, other)
    unhurried(control)
    refund = merchant.refund_of(order, 5)
    for who, wish in (
        (merchant, refund),
        (merchant, merchant.refund_of(second, 5)),
        (other, other.refund_of(theirs, 5)),
    ):
        who.refund(wish)
    (mine,) = control.get("/wechat/refunds", out_trade_no=order["out_trade_no"])["refunds"]
    assert mine == {"mchid": merchant.mchid} | merchant.query_refund(refund["out_refund_no"]).json
    assert len(control.get("/wechat/refunds", mchid=merchant.mchid)["refunds"]) == 2
    assert len(control.get("/wechat/refunds")["refunds"]) == 3
