"""What is delivered to the merchant, when, and how often."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import pytest

from tests.sandbox.alipay.client import QUERY, REFUND, App, beijing, letter, new_app, paid
from tests.sandbox.client import Control, Receiver

LADDER = [240, 600, 600, 3600, 7200, 21600, 54000]


def logged(control: Control, count: int, **wanted: str) -> list[dict[str, Any]]:
    """The log's entries of this kind, once there are so many."""
    deadline = time.monotonic() + 8
    while len(entries := control.log(gateway="alipay", **wanted)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(entries) >= count, entries
    return entries


@pytest.mark.parametrize("certified", [False, True])
def test_a_payment_is_told_as_published(control: Control, app: App, receiver: Receiver, certified: bool) -> None:
    app = app.in_certificate_mode() if certified else app
    trade = paid(control, app, notify_url=receiver.url, subject="茶 + 100% 'Tea'", passback_params="a%3D1")
    (answer,) = receiver.wait_for(1)
    told = letter(answer)
    assert answer.headers["content-type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert app.believes(told)
    assert re.fullmatch(r"\d{34}", told["notify_id"])
    expected = {
        "app_id": app.app_id, "auth_app_id": app.app_id, "seller_id": app.credentials["seller_id"],
        "out_trade_no": trade["out_trade_no"], "total_amount": "19.90", "trade_status": "TRADE_SUCCESS",
        "notify_type": "trade_status_sync", "charset": "utf-8", "version": "1.0", "sign_type": "RSA2",
        "subject": trade["subject"], "passback_params": "a%3D1", "buyer_open_id": app.credentials["buyer_open_id"],
        "fund_bill_list": '[{"amount":"19.90","fundChannel":"ALIPAYACCOUNT"}]',
    }  # fmt: skip
    assert {name: told.get(name) for name in expected} == expected


def test_without_an_address_nobody_is_told(control: Control, app: App) -> None:
    paid(control, app)
    time.sleep(0.1)
    assert control.log(kind="notification") == []


def test_success_ends_the_retries(control: Control, app: App, receiver: Receiver) -> None:
    paid(control, app, notify_url=receiver.url)
    logged(control, 1, kind="notification")
    control.put("/clock", advance_seconds=86400)
    time.sleep(0.2)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("status", "says"), [(200, b"SUCCESS"), (200, b"success\n"), (200, b"fail"), (500, b"success")]
)
def test_anything_else_is_tried_again_under_the_same_id(
    control: Control, app: App, receiver: Receiver, status: int, says: bytes
) -> None:
    receiver.reply, receiver.says = lambda letter: status, says
    paid(control, app, notify_url=receiver.url)
    logged(control, 1, kind="notification")
    receiver.reply, receiver.says = lambda letter: 200, b"success"
    control.put("/clock", advance_seconds=240)
    first, second = map(letter, receiver.wait_for(2))
    assert app.believes(second)
    assert first["notify_id"] == second["notify_id"]
    assert first["notify_time"] < second["notify_time"]


def test_the_retry_ladder_is_the_published_one(control: Control, app: App, receiver: Receiver) -> None:
    receiver.says = b"fail"
    paid(control, app, notify_url=receiver.url)
    for tries, elapsed in enumerate(itertools.accumulate([0, *LADDER]), 1):
        if elapsed:
            control.put("/clock", offset_seconds=elapsed - 3)
            time.sleep(0.02)
            assert len(receiver.received) == tries - 1
        control.put("/clock", offset_seconds=elapsed + 1)
        logged(control, tries, kind="notification")
    control.put("/clock", advance_seconds=30 * 86400)
    assert logged(control, 9, kind="notification")[-1]["verdict"] == "the retry ladder has ended"


@pytest.mark.parametrize(
    "mutate",
    ["total_amount", "trade_status", "out_trade_no", "app_id", "seller_id", "notify_id", "added", "body", "signature",
     "unsigned", "key"],
)  # fmt: skip
def test_a_spoiled_letter_is_not_to_be_believed(control: Control, app: App, receiver: Receiver, mutate: str) -> None:
    trade = paid(control, app, notify_url=receiver.url)
    true = letter(receiver.wait_for(1)[0])
    said = control.post("/alipay/notify", out_trade_no=trade["out_trade_no"], mutate=mutate)
    assert said == {"status": 200, "body": "success"}
    spoiled = letter(receiver.wait_for(2)[1])
    assert app.believes(true)
    assert not app.believes(spoiled)


def test_a_crafted_letter_is_truly_signed(control: Control, app: App, receiver: Receiver) -> None:
    trade = app.trade()
    app.ask("alipay.trade.create", trade, notify_url=receiver.url)
    wish: dict[str, Any] = {"out_trade_no": trade["out_trade_no"]}
    control.post("/alipay/notify", changes={"total_amount": "0.01", "buyer_logon_id": None}, **wish)
    control.post("/alipay/notify", mutate="timestamp", **wish)
    lie, stale = map(letter, receiver.wait_for(2))
    assert app.believes(lie)
    assert (lie["trade_status"], lie["total_amount"], "buyer_logon_id" in lie) == ("TRADE_SUCCESS", "0.01", False)
    assert app.believes(stale)
    assert stale["notify_time"] < beijing(time.time() - 590)
    assert app.ask(QUERY, wish)["trade_status"] == "WAIT_BUYER_PAY"
    assert control.get("/alipay/book")["balance"] == 0


def test_a_refunds_letter_can_be_crafted(control: Control, app: App, receiver: Receiver) -> None:
    trade = paid(control, app, notify_url=receiver.url)
    number = {"out_trade_no": trade["out_trade_no"]}
    app.ask(REFUND, number | {"refund_amount": "1.00", "out_request_no": "a"})
    receiver.wait_for(2)
    control.post("/alipay/notify", out_request_no="a", mutate="refund_fee", **number)
    assert not app.believes(letter(receiver.wait_for(3)[2]))
    assert control.ask("POST", "/alipay/notify", number | {"out_request_no": "z"}).status == 404


@pytest.mark.parametrize("wish", [{"mutate": "everything"}, {"changes": 1}, {"url": "ftp://x"}, {}])
def test_a_letter_that_cannot_be_written_is_refused(control: Control, app: App, wish: dict[str, Any]) -> None:
    trade = paid(control, app)
    assert control.ask("POST", "/alipay/notify", {"out_trade_no": trade["out_trade_no"], **wish}).status == 400


@pytest.mark.parametrize("fault", ["forge", "tamper", "stale"])
def test_a_bad_letter_can_run_ahead(control: Control, app: App, receiver: Receiver, fault: str) -> None:
    control.put("/faults", alipay={"notify": {fault: 1}})
    for _ in range(3):
        paid(control, app, notify_url=receiver.url)
    letters = [letter(each) for each in receiver.wait_for(6)]
    believed = [each for each in letters if app.believes(each)]
    assert len(believed) == (6 if fault == "stale" else 3)
    counted = tally(control, 3)
    assert sum(count for kind, count in counted.items() if kind.startswith(f"{fault}: ")) == 3


def tally(control: Control, true: int) -> dict[str, int]:
    """How often each kind of letter was posted, once so many true ones were."""
    deadline, counted = time.monotonic() + 5, dict[str, int]()
    while counted.get("true", 0) < true:
        assert time.monotonic() < deadline, counted
        listed = control.get("/alipay/notifications")["notifications"]
        counted = {str(each["letter"]): int(each["count"]) for each in listed}
    return counted


def test_a_repeated_letter_has_the_same_id(control: Control, app: App, receiver: Receiver) -> None:
    control.put("/faults", alipay={"notify": {"repeat": 1}})
    paid(control, app, notify_url=receiver.url)
    first, second = map(letter, receiver.wait_for(2))
    assert first["notify_id"] == second["notify_id"]


def test_a_lost_letter_never_comes(control: Control, app: App, receiver: Receiver) -> None:
    control.put("/faults", alipay={"notify": {"lose": 1}})
    paid(control, app, notify_url=receiver.url)
    control.put("/clock", advance_seconds=86400)
    time.sleep(0.1)
    assert receiver.received == []


def test_an_early_letter_comes_before_the_answer(control: Control, app: App, receiver: Receiver) -> None:
    control.put("/faults", alipay={"notify": {"early": 1}})
    trade = app.trade()
    app.ask("alipay.trade.create", trade, notify_url=receiver.url)
    assert len(receiver.received) == 1
    app.ask(REFUND, {"out_trade_no": trade["out_trade_no"], "refund_amount": "19.90"})
    assert len(receiver.received) == 2


def test_a_letter_in_certificate_mode_is_signed_with_the_newest_key(control: Control, receiver: Receiver) -> None:
    app = new_app(control)
    renewed = App.of(control.put("/alipay/merchants", app_id=app.app_id, renew_certificate="good"))
    paid(control, renewed.in_certificate_mode(), notify_url=receiver.url)
    receiver.wait_for(1)
    paid(control, renewed, notify_url=receiver.url)
    by_certificate, by_key = map(letter, receiver.wait_for(2))
    assert renewed.in_certificate_mode().believes(by_certificate)
    assert renewed.believes(by_key)
    assert not renewed.believes(by_certificate)
