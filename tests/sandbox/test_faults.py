"""The fault dial over the payment API, and the dial itself."""

from __future__ import annotations

import http.client
import time
from typing import Any

import pytest

from tests.sandbox.client import Answer, Control, Merchant
from tongbao_sandbox.faults import Dial


def state(merchant: Merchant, out_trade_no: str) -> str:
    answer = merchant.query(out_trade_no)
    return str(answer.json.get("trade_state") or answer.json["code"])


def test_a_rate_limited_request_is_429_and_not_applied(control: Control, merchant: Merchant) -> None:
    control.faults(api={"rate_limit": 1})
    order = merchant.order()
    answer = merchant.create(order)
    assert (answer.status, answer.json["code"], answer.number) == (429, "FREQUENCY_LIMITED", 268447840)
    assert merchant.proves(answer.headers, answer.body)
    control.faults()
    assert state(merchant, order["out_trade_no"]) == "ORDER_NOT_EXIST"


def test_a_server_error_says_nothing_of_whether_it_was_applied(control: Control, merchant: Merchant) -> None:
    control.faults(api={"server_error": 1}, seed=3)
    orders = [merchant.order() for _ in range(30)]
    answers = [merchant.create(order) for order in orders]
    control.faults()
    ends = {
        (shape(answer), state(merchant, order["out_trade_no"])) for answer, order in zip(answers, orders, strict=True)
    }
    assert ends == {
        ("500 signed", "NOTPAY"),
        ("500 signed", "ORDER_NOT_EXIST"),
        ("502 unsigned", "ORDER_NOT_EXIST"),
    }


def shape(answer: Answer) -> str:
    return f"{answer.status} {'signed' if 'wechatpay-signature' in answer.headers else 'unsigned'}"


def test_accept_then_time_out_applies_waits_and_drops(control: Control, merchant: Merchant) -> None:
    control.faults(api={"accept_then_time_out": 1, "delay_seconds": 0.4})
    order, before = merchant.order(), time.monotonic()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        merchant.create(order)
    assert 0.4 <= time.monotonic() - before < 3
    control.faults()
    assert state(merchant, order["out_trade_no"]) == "NOTPAY"


def test_a_request_can_be_applied_after_it_was_answered_500(control: Control, merchant: Merchant) -> None:
    control.faults(api={"apply_late": 1, "delay_seconds": 120})
    order = merchant.order()
    assert merchant.create(order).status == 500
    control.faults()
    assert state(merchant, order["out_trade_no"]) == "ORDER_NOT_EXIST"
    control.put("/clock", advance_seconds=121)
    control.put("/clock", offset_seconds=0)
    assert state(merchant, order["out_trade_no"]) == "NOTPAY"


def test_a_close_applied_late_does_not_undo_a_payment(control: Control, merchant: Merchant) -> None:
    order = merchant.order()
    merchant.create(order)
    control.faults(api={"apply_late": 1, "delay_seconds": 120})
    assert merchant.close(order["out_trade_no"]).status == 500
    control.faults()
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    control.put("/clock", advance_seconds=121)
    control.put("/clock", offset_seconds=0)
    assert state(merchant, order["out_trade_no"]) == "SUCCESS"
    assert any("refused late: ORDER_PAID" in entry["verdict"] for entry in control.log(kind="request"))


def test_a_wrong_signature_is_refused_before_any_fault(control: Control, merchant: Merchant) -> None:
    control.faults(api={"rate_limit": 1})
    assert merchant.send("GET", "/v3/certificates", b"", "nonsense").status == 401


def test_the_dial_reads_back_and_is_replaced_whole(control: Control) -> None:
    control.faults(notify={"lose": 0.25, "delay_seconds": 5}, api={"server_error": 1}, seed=7)
    reading = control.get("/faults")["wechat"]
    assert (reading["notify"]["lose"], reading["notify"]["delay_seconds"], reading["seed"]) == (0.25, 5, 7)
    assert reading["notify"]["forge"] == 0
    control.put("/faults", wechat={"notify": {"forge": 1}})
    reading = control.get("/faults")["wechat"]
    assert (reading["notify"]["lose"], reading["api"]["server_error"], reading["seed"]) == (0, 0, 0)


@pytest.mark.parametrize(
    "wish",
    [
        {"cash": {}},
        {"wechat": {"notify": {"loose": 1}}},
        {"wechat": {"notify": {"lose": 1.1}}},
        {"wechat": {"notify": {"lose": -0.1}}},
        {"wechat": {"notify": {"lose": "1"}}},
        {"wechat": {"notify": {"lose": True}}},
        {"wechat": {"notify": []}},
        {"wechat": {"seed": "x"}},
        {"wechat": {"weather": 1}},
        {"wechat": 1},
    ],
)
def test_an_unreadable_dial_is_refused_and_changes_nothing(control: Control, wish: dict[str, Any]) -> None:
    control.faults(notify={"lose": 0.5})
    answer = control.ask("PUT", "/faults", wish)
    assert (answer.status, answer.json["code"]) == (400, "faults_unreadable")
    assert control.get("/faults")["wechat"]["notify"]["lose"] == 0.5


def test_the_same_seed_draws_the_same_faults() -> None:
    def drawn(seed: int) -> list[str | None]:
        dial = Dial()
        dial.turn({"api": {"rate_limit": 0.3, "server_error": 0.3}, "seed": seed})
        return [dial.draw_api_fault() for _ in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1)) == {None, "rate_limit", "server_error"}
