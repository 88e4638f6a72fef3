"""What is delivered to the merchant, when, and how often."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import uuid
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from tests.sandbox.client import Answer, Control, Merchant, Receiver

LADDER = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600]


def paid(control: Control, merchant: Merchant, receiver: Receiver, **changes: Any) -> dict[str, Any]:
    """A paid order's transaction; its notification is on the way."""
    order = merchant.order(notify_url=receiver.url, **changes)
    merchant.create(order)
    transaction = control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    assert isinstance(transaction, dict)
    return transaction


def genuine(merchant: Merchant, letter: Answer, now: float) -> bool:
    """Whether a careful receiver would believe this letter."""
    headers = letter.headers
    fresh = abs(int(headers["wechatpay-timestamp"]) - now) <= 300
    known = headers["wechatpay-serial"] in (
        merchant.credentials["platform_public_key_id"],
        merchant.credentials["platform_serial"],
    )
    return fresh and known and merchant.proves(headers, letter.body)


def logged(control: Control, count: int, **wanted: str) -> list[dict[str, Any]]:
    """The log's entries of this kind, once there are so many."""
    deadline = time.monotonic() + 8
    while len(entries := control.log(**wanted)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(entries) >= count, entries
    return entries


def test_a_payment_is_notified_in_the_published_envelope(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    transaction = paid(control, merchant, receiver, attach="table 7")
    (letter,) = receiver.wait_for(1)
    assert genuine(merchant, letter, time.time())
    assert letter.headers["content-type"] == "application/json"
    assert letter.headers["wechatpay-signature-type"] == "WECHATPAY2-SHA256-RSA2048"
    assert re.fullmatch(r"[0-9A-F]+-0", letter.headers["request-id"])
    notice = letter.json
    assert uuid.UUID(notice.pop("id"))
    assert notice.pop("create_time").endswith("+08:00")
    resource = notice.pop("resource")
    assert notice == {
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
    }
    assert (resource["original_type"], resource["algorithm"]) == ("transaction", "AEAD_AES_256_GCM")
    assert len(resource["nonce"]) == 12
    assert json.loads(merchant.opened(resource)) == transaction


@pytest.mark.parametrize(
    ("signing", "signer"), [("certificate", "platform_serial"), ("public_key", "platform_public_key_id")]
)
def test_a_merchant_chooses_what_notifications_are_signed_with(
    control: Control, receiver: Receiver, signing: str, signer: str
) -> None:
    merchant = Merchant.of(control.post("/wechat/merchants"))
    assert control.put("/wechat/merchants", mchid=merchant.mchid, signing=signing)["signing"] == signing
    paid(control, merchant, receiver)
    (letter,) = receiver.wait_for(1)
    assert letter.headers["wechatpay-serial"] == merchant.credentials[signer]
    assert genuine(merchant, letter, time.time())


@pytest.mark.parametrize("status", [200, 204])
def test_200_and_204_end_the_retries(control: Control, merchant: Merchant, receiver: Receiver, status: int) -> None:
    receiver.reply = lambda letter: status
    paid(control, merchant, receiver)
    logged(control, 1, kind="notification")
    control.put("/clock", advance_seconds=86400)
    time.sleep(0.2)
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [201, 302, 400, 500])
def test_anything_else_is_tried_again_under_a_fresh_signature(
    control: Control, merchant: Merchant, receiver: Receiver, status: int
) -> None:
    receiver.reply = lambda letter: status
    paid(control, merchant, receiver)
    receiver.wait_for(1)
    logged(control, 1, kind="notification")
    receiver.reply = lambda letter: 204
    control.put("/clock", advance_seconds=15)
    first, second = receiver.wait_for(2)
    assert first.body == second.body
    assert genuine(merchant, second, time.time() + 15)
    assert first.headers["wechatpay-nonce"] != second.headers["wechatpay-nonce"]
    assert int(second.headers["wechatpay-timestamp"]) - int(first.headers["wechatpay-timestamp"]) in (15, 16)


def test_the_retry_ladder_is_the_published_one(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    receiver.reply = lambda letter: 500
    paid(control, merchant, receiver)
    receiver.wait_for(1)
    started = int(receiver.received[0].headers["wechatpay-timestamp"])
    for tries, elapsed in enumerate((sum(LADDER[:n]) for n in range(1, len(LADDER) + 1)), 1):
        logged(control, tries, kind="notification")
        control.put("/clock", offset_seconds=elapsed - 2)
        time.sleep(0.03)
        assert len(receiver.received) == tries
        control.put("/clock", offset_seconds=elapsed + 1)
        letters = receiver.wait_for(tries + 1)
        assert abs(int(letters[-1].headers["wechatpay-timestamp"]) - started - elapsed) <= 3
    assert sum(LADDER) == 24 * 3600 + 4 * 60
    assert logged(control, 17, kind="notification")[-1]["summary"].endswith("given up")
    control.put("/clock", advance_seconds=10 * 86400)
    time.sleep(0.1)
    assert len(receiver.received) == 16


def test_no_answer_within_five_seconds_is_no_answer(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    released = threading.Event()
    receiver.reply = lambda letter: 204 if released.wait(20) else 500
    paid(control, merchant, receiver)
    (entry,) = logged(control, 1, kind="notification")
    released.set()
    assert entry["verdict"] == "no answer: nothing within 5 s"
    control.put("/clock", advance_seconds=15)
    receiver.wait_for(2)


def test_one_slow_receiver_holds_up_nobody(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    released, arrived = threading.Event(), threading.Barrier(21)

    def reply(letter: Answer) -> int:
        arrived.wait(4)
        released.wait(4)
        return 204

    receiver.reply = reply
    for _ in range(20):
        paid(control, merchant, receiver)
    arrived.wait(4)
    assert len(receiver.received) == 20
    released.set()


def test_an_unreachable_receiver_is_logged_and_tried_again(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.order()
    merchant.create(order)
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    (first,) = logged(control, 1, kind="notification", out_trade_no=order["out_trade_no"])
    assert first["verdict"].startswith("no answer: ClientConnectorError")
    control.put("/clock", advance_seconds=15)
    assert len(logged(control, 2, kind="notification")) == 2


def test_the_receivers_words_are_in_the_log(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    receiver.reply = lambda letter: 500
    transaction = paid(control, merchant, receiver)
    (entry,) = logged(control, 1, kind="notification", out_trade_no=transaction["out_trade_no"])
    assert entry["verdict"] == 'refused 500 {"code":"FAIL","message":"not today"}'


def test_a_lost_notification_never_comes(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    control.faults(notify={"lose": 1})
    paid(control, merchant, receiver)
    control.put("/clock", advance_seconds=2 * 86400)
    time.sleep(0.2)
    assert receiver.received == []
    (entry,) = logged(control, 1, kind="notification")
    assert entry["verdict"].startswith("fault: lost")


def test_a_delayed_notification_comes_late_by_the_sandbox_clock(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"delay": 1, "delay_seconds": 600})
    paid(control, merchant, receiver)
    control.put("/clock", advance_seconds=590)
    time.sleep(0.1)
    assert receiver.received == []
    control.put("/clock", advance_seconds=11)
    (letter,) = receiver.wait_for(1)
    assert genuine(merchant, letter, time.time() + 601)


def test_a_repeated_notification_comes_twice_at_once(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    control.faults(notify={"repeat": 1})
    both_here = threading.Barrier(2)
    receiver.reply = lambda letter: both_here.wait(4) * 0 + 204
    paid(control, merchant, receiver)
    first, second = receiver.wait_for(2)
    assert first.json["id"] == second.json["id"]
    assert len(logged(control, 2, kind="notification")) == 2
    assert all(entry["verdict"] == "accepted 204" for entry in control.log(kind="notification"))


def test_reordered_notifications_overtake_one_another(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    control.faults(notify={"reorder": 1})
    first = paid(control, merchant, receiver)
    logged(control, 1, kind="notification")
    control.faults()
    second = paid(control, merchant, receiver)
    order = [json.loads(merchant.opened(letter.json["resource"]))["out_trade_no"] for letter in receiver.wait_for(2)]
    assert order == [second["out_trade_no"], first["out_trade_no"]]


def test_a_reordered_notification_with_no_other_behind_it_still_comes(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"reorder": 1})
    paid(control, merchant, receiver)
    receiver.wait_for(1, seconds=12)


@pytest.mark.parametrize("seed", range(8))
def test_a_forgery_precedes_the_true_notification_and_is_not_believable(
    control: Control, merchant: Merchant, receiver: Receiver, seed: int
) -> None:
    control.faults(notify={"forge": 1}, seed=seed)
    receiver.reply = lambda letter: 204 if genuine(merchant, letter, time.time()) else 401
    paid(control, merchant, receiver)
    forged, true = receiver.wait_for(2)
    assert not genuine(merchant, forged, time.time())
    assert genuine(merchant, true, time.time())
    spoiled, accepted = logged(control, 2, kind="notification")
    assert "spoiled" in spoiled["summary"]
    assert spoiled["verdict"].startswith("refused 401")
    assert accepted["verdict"] == "accepted 204"


def test_a_probe_precedes_the_true_notification(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    control.faults(notify={"probe": 1})
    paid(control, merchant, receiver)
    probe, true = receiver.wait_for(2)
    assert probe.headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/")
    assert not genuine(merchant, probe, time.time())
    assert genuine(merchant, true, time.time())


def test_a_crafted_notification_carries_the_changes_and_brings_back_the_answer(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.order(notify_url=receiver.url)
    merchant.create(order)
    receiver.reply = lambda letter: 500
    changes = {"amount": {"total": 1}, "appid": "wx0000000000000000"}
    answer = control.post("/wechat/notify", out_trade_no=order["out_trade_no"], changes=changes)
    assert answer == {"status": 500, "body": '{"code":"FAIL","message":"not today"}'}
    (letter,) = receiver.received
    assert genuine(merchant, letter, time.time())
    transaction = json.loads(merchant.opened(letter.json["resource"]))
    assert transaction["amount"] == {"total": 1, "payer_total": 1990, "currency": "CNY", "payer_currency": "CNY"}
    assert transaction["appid"] == "wx0000000000000000"
    assert transaction["trade_state"] == "SUCCESS"
    assert merchant.query(order["out_trade_no"]).json["trade_state"] == "NOTPAY"
    assert control.get("/wechat/book")["balance"] == 0


@pytest.mark.parametrize("mutate", ["signature", "timestamp", "serial", "body", "key", "amount", "probe"])
def test_a_mutated_notification_is_not_believable(
    control: Control, merchant: Merchant, receiver: Receiver, mutate: str
) -> None:
    order = merchant.order()
    merchant.create(order)
    control.post("/wechat/notify", out_trade_no=order["out_trade_no"], mutate=mutate, url=receiver.url)
    (letter,) = receiver.received
    assert base64.b64decode(letter.headers["wechatpay-signature"]) is not None
    assert not genuine(merchant, letter, time.time())


def test_mutated_associated_data_is_signed_but_does_not_open(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.order()
    merchant.create(order)
    control.post("/wechat/notify", out_trade_no=order["out_trade_no"], mutate="aad", url=receiver.url)
    (letter,) = receiver.received
    assert genuine(merchant, letter, time.time())
    with pytest.raises(InvalidTag):
        merchant.opened(letter.json["resource"])


@pytest.mark.parametrize(
    "wish", [{"mutate": "everything"}, {"mutate": []}, {"changes": []}, {"url": "ftp://127.0.0.1/"}]
)
def test_an_unreadable_crafting_wish_is_refused(control: Control, merchant: Merchant, wish: dict[str, Any]) -> None:
    order = merchant.order()
    merchant.create(order)
    answer = control.ask("POST", "/wechat/notify", {"out_trade_no": order["out_trade_no"], **wish})
    assert (answer.status, answer.json["code"]) == (400, "wish_unreadable")


def test_reset_recalls_what_was_on_its_way(control: Control, merchant: Merchant, receiver: Receiver) -> None:
    receiver.reply = lambda letter: 500
    paid(control, merchant, receiver)
    logged(control, 1, kind="notification")
    control.post("/reset")
    control.put("/clock", advance_seconds=86400)
    time.sleep(0.2)
    assert len(receiver.received) == 1
