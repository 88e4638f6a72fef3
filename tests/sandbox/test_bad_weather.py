"""What the dial does to notifications and refunds besides losing them: early, tampered, stale, out of order."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from tests.sandbox.client import Answer, Control, Merchant, Receiver, authorization
from tests.sandbox.test_notifications import genuine, logged, paid

TAMPERED = {
    "amount", "appid", "mchid", "out_trade_no", "transaction_id", "currency", "time", "nonce", "serial", "signature",
    "body", "aad",
}  # fmt: skip
TAMPERED_REFUND = TAMPERED - {"appid", "currency"} | {"out_refund_no", "refund_id", "refund_status"}


def believed(merchant: Merchant, letter: Answer) -> bool:
    """Whether a careful receiver would act on this letter: true to its headers, and it opens."""
    if not genuine(merchant, letter, time.time()):
        return False
    try:
        merchant.opened(letter.json["resource"])
    except InvalidTag:
        return False
    return True


def told(merchant: Merchant, letter: Answer) -> dict[str, Any]:
    plaintext = json.loads(merchant.opened(letter.json["resource"]))
    assert isinstance(plaintext, dict)
    return plaintext


def refunded(control: Control, merchant: Merchant, receiver: Receiver, status: str, **changes: Any) -> dict[str, Any]:
    """A refund made to end like this, as a query answers it. Its order tells nobody of anything."""
    order = merchant.order()
    merchant.create(order)
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    refund = merchant.refund_of(order, 500, notify_url=receiver.url, **changes)
    merchant.refund(refund)
    answer = control.post("/wechat/refunds/finish", out_refund_no=refund["out_refund_no"], status=status)
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize(
    ("status", "summary"), [("SUCCESS", "退款成功"), ("ABNORMAL", "退款异常"), ("CLOSED", "退款关闭")]
)
def test_the_end_of_a_refund_is_notified_in_the_published_envelope(
    control: Control, merchant: Merchant, receiver: Receiver, status: str, summary: str
) -> None:
    refund = refunded(control, merchant, receiver, status)
    (letter,) = receiver.wait_for(1)
    assert genuine(merchant, letter, time.time())
    notice = letter.json
    assert (notice["event_type"], notice["summary"]) == (f"REFUND.{status}", summary)
    assert (notice["resource"]["original_type"], notice["resource"]["associated_data"]) == ("refund", "refund")
    shared = ("out_trade_no", "transaction_id", "out_refund_no", "refund_id", "user_received_account", "success_time")
    assert told(merchant, letter) == {name: refund[name] for name in shared if name in refund} | {
        "mchid": merchant.mchid,
        "refund_status": status,
        "amount": {"total": 1990, "refund": 500, "payer_total": 1990, "payer_refund": 500},
    }
    assert ("success_time" in refund) == (status == "SUCCESS")


def test_a_refund_without_an_address_of_its_own_is_told_where_its_order_was(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    transaction = paid(control, merchant, receiver)
    refund = merchant.refund_of({**transaction, "amount": {"total": 1990}}, 5)
    merchant.refund(refund)
    control.post("/wechat/refunds/finish", out_refund_no=refund["out_refund_no"], status="SUCCESS")
    assert [letter.json["event_type"] for letter in receiver.wait_for(2)] == ["TRANSACTION.SUCCESS", "REFUND.SUCCESS"]


def test_refund_notifications_climb_the_same_ladder(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    receiver.reply = lambda letter: 500
    refund = refunded(control, merchant, receiver, "SUCCESS")
    logged(control, 1, kind="notification", out_refund_no=refund["out_refund_no"])
    receiver.reply = lambda letter: 204
    control.put("/clock", advance_seconds=15)
    first, second = receiver.wait_for(2)
    assert first.body == second.body
    tries = logged(control, 2, kind="notification", out_refund_no=refund["out_refund_no"])
    assert [entry["summary"] for entry in tries] == ["REFUND.SUCCESS try 1", "REFUND.SUCCESS try 2"]


def test_refund_notifications_are_lost_and_repeated_too(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"repeat": 1})
    refunded(control, merchant, receiver, "SUCCESS")
    assert len({letter.json["id"] for letter in receiver.wait_for(2)}) == 1
    control.faults(notify={"lose": 1})
    lost = refunded(control, merchant, receiver, "SUCCESS")
    assert logged(control, 1, kind="notification", out_refund_no=lost["out_refund_no"])[0]["verdict"].startswith(
        "fault"
    )
    assert len(receiver.received) == 2


@pytest.mark.parametrize(("kind", "ways"), [("payment", TAMPERED), ("refund", TAMPERED_REFUND)])
def test_a_tampered_copy_runs_ahead_of_the_true_one_one_field_after_another(
    control: Control, merchant: Merchant, receiver: Receiver, kind: str, ways: set[str]
) -> None:
    receiver.reply = lambda letter: 204 if believed(merchant, letter) else 401
    control.faults(notify={"tamper": 1})
    for _ in ways:
        if kind == "payment":
            paid(control, merchant, receiver)
        else:
            refunded(control, merchant, receiver, "SUCCESS")
    tampered = logged(control, len(ways), kind="notification", fault="tamper", url=receiver.url)
    true = logged(control, len(ways), kind="notification", verdict="accepted 204")
    assert {entry["summary"].rpartition(" ")[2] for entry in tampered} == ways
    assert all(entry["verdict"].startswith("refused 401") for entry in tampered)
    assert all(entry["summary"].endswith(" try 1") for entry in true)


def test_a_stale_copy_is_rightly_signed_for_its_old_time(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"stale": 1})
    paid(control, merchant, receiver)
    stale, true = receiver.wait_for(2)
    assert stale.body == true.body
    assert merchant.proves(stale.headers, stale.body)
    assert int(true.headers["wechatpay-timestamp"]) - int(stale.headers["wechatpay-timestamp"]) > 300
    assert (believed(merchant, stale), believed(merchant, true)) == (False, True)


def test_a_notification_can_arrive_before_the_prepay_is_answered(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"early": 1})
    order = merchant.order(notify_url=receiver.url)
    assert merchant.create(order).status == 200
    (letter,) = receiver.received
    assert told(merchant, letter) == merchant.query(order["out_trade_no"]).json
    assert (
        control.ask("POST", "/wechat/buyer/pay", {"out_trade_no": order["out_trade_no"]}).json["code"] == "ORDER_PAID"
    )


def test_a_notification_can_arrive_before_the_refund_is_answered(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    transaction = paid(control, merchant, receiver)
    receiver.wait_for(1)
    control.faults(notify={"early": 1}, refund={"abnormal": 1, "seconds": 3600})
    refund = merchant.refund_of({**transaction, "amount": {"total": 1990}}, 5)
    assert merchant.refund(refund).json["status"] == "PROCESSING"
    assert receiver.received[1].json["event_type"] == "REFUND.ABNORMAL"
    assert merchant.refund(refund).json["status"] == "ABNORMAL"
    assert len(receiver.received) == 2


def test_an_early_notification_that_is_lost_or_refused_holds_no_answer_up(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    receiver.reply = lambda letter: 500
    for notify in ({"early": 1, "lose": 1}, {"early": 1, "delay": 1}, {"early": 1}):
        control.faults(notify=notify)
        before = time.monotonic()
        assert merchant.create(merchant.order(notify_url=receiver.url)).status == 200
        assert time.monotonic() - before < 3


def test_an_order_whose_time_is_over_is_not_paid_early(control: Control, merchant: Merchant) -> None:
    order = merchant.order(time_expire="2020-01-01T00:00:00+08:00")
    merchant.create(order)
    control.put("/clock", offset_seconds=120)
    control.faults(notify={"early": 1})
    body = json.dumps(order).encode()
    path, stamp = "/v3/pay/transactions/jsapi", str(int(time.time()) + 120)
    answer = merchant.send("POST", path, body, authorization(merchant.claim("POST", path, body, timestamp=stamp)))
    assert answer.status == 200
    control.put("/clock", offset_seconds=0)
    assert merchant.query(order["out_trade_no"]).json["trade_state"] == "NOTPAY"


def test_notifications_that_are_all_held_back_overtake_one_another(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"reorder": 1}, seed=3)
    sent = [paid(control, merchant, receiver)["out_trade_no"] for _ in range(40)]
    control.faults()
    sent.append(paid(control, merchant, receiver)["out_trade_no"])  # overtakes those that still wait
    arrived = [told(merchant, letter)["out_trade_no"] for letter in receiver.wait_for(41)]
    assert sorted(arrived) == sorted(sent)
    places = [sent.index(number) for number in arrived]
    overtaken = sum(later < earlier for earlier, later in itertools.pairwise(places))
    assert overtaken >= 5, places


def test_a_few_that_are_held_back_do_not_keep_their_order_either(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"reorder": 1})
    sent = [paid(control, merchant, receiver)["out_trade_no"] for _ in range(2)]
    arrived = [told(merchant, letter)["out_trade_no"] for letter in receiver.wait_for(2, seconds=10)]
    assert arrived == sent[::-1]


def test_a_notification_can_come_days_late(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    control.faults(notify={"delay": 1, "delay_seconds": 3 * 86400})
    paid(control, merchant, receiver)
    control.put("/clock", offset_seconds=3 * 86400 - 10)
    time.sleep(0.1)
    assert receiver.received == []
    control.put("/clock", offset_seconds=3 * 86400 + 1)
    (letter,) = receiver.wait_for(1)
    assert genuine(merchant, letter, time.time() + 3 * 86400)


def test_hundreds_that_are_due_at_once_all_arrive_at_the_first_try(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"delay": 1, "delay_seconds": 100, "repeat": 1})
    for _ in range(100):
        prepay_id = merchant.create(merchant.order(notify_url=receiver.url)).json["prepay_id"]
        control.post("/wechat/buyer/pay-twice", prepay_id=prepay_id)
    control.put("/clock", offset_seconds=101)
    receiver.wait_for(400, seconds=15)
    logged(control, 600, kind="notification")
    assert tallied(control) == {("TRANSACTION.SUCCESS", "true", "accepted"): 400}


def tallied(control: Control) -> Mapping[tuple[str, str, str], int]:
    rows = control.get("/wechat/notifications")["notifications"]
    return {(row["event_type"], row["letter"], row["outcome"]): row["count"] for row in rows}


def test_every_letter_is_counted_by_what_became_of_it(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    receiver.reply = lambda letter: 204 if believed(merchant, letter) else 401
    control.faults(notify={"tamper": 1, "stale": 1, "probe": 1})
    paid(control, merchant, receiver)
    receiver.wait_for(4)
    logged(control, 4, kind="notification")
    tally = tallied(control)
    (tampered,) = [key[1] for key in tally if key[1].startswith("tamper: ")]
    event = "TRANSACTION.SUCCESS"
    assert tally == {
        (event, "true", "accepted"): 1,
        (event, tampered, "refused"): 1,
        (event, "stale: timestamp", "refused"): 1,
        (event, "probe: probe", "refused"): 1,
    }
    control.post("/reset")
    assert tallied(control) == {}


@pytest.mark.parametrize("fault", ["rate_limit", "server_error"])
def test_a_refund_refused_by_the_weather_may_have_been_taken_on(
    control: Control, merchant: Merchant, receiver: Receiver, fault: str
) -> None:
    transaction = paid(control, merchant, receiver)
    control.faults(api={fault: 1}, refund={"seconds": 3600}, seed=3)
    refunds = [merchant.refund_of({**transaction, "amount": {"total": 1990}}, 5) for _ in range(30)]
    statuses = {merchant.refund(refund).status for refund in refunds}
    assert statuses == ({429} if fault == "rate_limit" else {500, 502})
    control.faults(refund={"seconds": 3600})
    found = [merchant.query_refund(refund["out_refund_no"]).status for refund in refunds]
    assert set(found) == {200, 404}
    assert {merchant.refund(refund).status for refund in refunds} == {200}


def test_payments_refused_with_429_were_never_looked_at(control: Control, merchant: Merchant) -> None:
    control.faults(api={"rate_limit": 1}, seed=3)
    orders = [merchant.order() for _ in range(20)]
    assert {merchant.create(order).status for order in orders} == {429}
    control.faults()
    assert {merchant.query(order["out_trade_no"]).status for order in orders} == {404}


def test_a_refund_can_be_taken_on_after_it_was_answered_500(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    transaction = paid(control, merchant, receiver)
    control.faults(api={"apply_late": 1, "delay_seconds": 120})
    refund = merchant.refund_of({**transaction, "amount": {"total": 1990}}, 5)
    assert merchant.refund(refund).status == 500
    control.faults(refund={"seconds": 3600})
    assert merchant.query_refund(refund["out_refund_no"]).status == 404
    control.put("/clock", advance_seconds=121)
    control.put("/clock", offset_seconds=0)
    assert merchant.query_refund(refund["out_refund_no"]).json["status"] == "PROCESSING"


@pytest.mark.parametrize("ended", [True, False])
def test_a_crafted_refund_notification_carries_the_changes(
    control: Control, merchant: Merchant, receiver: Receiver, ended: bool
) -> None:
    transaction = paid(control, merchant, receiver)
    receiver.wait_for(1)
    control.faults(refund={"seconds": 3600})
    refund = merchant.refund_of({**transaction, "amount": {"total": 1990}}, 5)
    taken_on = merchant.refund(refund).json
    wish = {"out_refund_no": refund["out_refund_no"]}
    if ended:
        control.post("/wechat/refunds/finish", **wish, status="CLOSED")
        receiver.wait_for(2)
    receiver.reply = lambda letter: 500
    answer = control.post("/wechat/notify", **wish, changes={"amount": {"refund": 1}})
    assert answer == {"status": 500, "body": '{"code":"FAIL","message":"not today"}'}
    letter = receiver.received[-1]
    status = "CLOSED" if ended else "SUCCESS"
    assert letter.json["event_type"] == f"REFUND.{status}"
    plaintext = told(merchant, letter)
    assert (plaintext["refund_id"], plaintext["refund_status"]) == (taken_on["refund_id"], status)
    assert plaintext["amount"]["refund"] == 1
    assert len(control.get("/wechat/book")["lines"]) == 1
    assert merchant.query_refund(refund["out_refund_no"]).json["status"] == ("CLOSED" if ended else "PROCESSING")


def test_a_crafted_refund_notification_may_lie_about_its_end(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    refund = refunded(control, merchant, receiver, "SUCCESS")
    receiver.wait_for(1)
    for word, event in (("ABNORMAL", "REFUND.ABNORMAL"), ("PERHAPS", "REFUND.SUCCESS")):
        control.post("/wechat/notify", out_refund_no=refund["out_refund_no"], changes={"refund_status": word})
        letter = receiver.received[-1]
        assert (letter.json["event_type"], told(merchant, letter)["refund_status"]) == (event, word)


@pytest.mark.parametrize("mutate", sorted(TAMPERED_REFUND | {"key", "timestamp", "probe"}))
def test_a_mutated_refund_notification_is_not_believable(
    control: Control, merchant: Merchant, receiver: Receiver, mutate: str
) -> None:
    refund = refunded(control, merchant, receiver, "SUCCESS")
    receiver.wait_for(1)
    control.post("/wechat/notify", out_refund_no=refund["out_refund_no"], mutate=mutate)
    assert believed(merchant, receiver.received[0])
    assert not believed(merchant, receiver.received[1])


def test_a_notice_crafted_for_a_refunded_order_still_tells_of_its_payment(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    refund = refunded(control, merchant, receiver, "SUCCESS")
    receiver.wait_for(1)
    control.post("/wechat/notify", out_trade_no=refund["out_trade_no"], url=receiver.url)
    letter = receiver.received[-1]
    assert (letter.json["event_type"], told(merchant, letter)["trade_state"]) == ("TRANSACTION.SUCCESS", "SUCCESS")
