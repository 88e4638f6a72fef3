from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from tests.channels.alipay_account import ATTEMPT_ID, REFUND_ID, opened
from tests.protocols.alipay_vectors import APP_ID, APP_KEY, NOW, PAID_NOTICE, SELLER_ID, notification
from tests.protocols.certificate_authority import Authority
from tongbao import channels
from tongbao.channels import Answer, Channel, PaymentFact, PaymentState, RefundFact, RefundState
from tongbao.kit.errors import Rejected, Untrusted

REFUNDED = PAID_NOTICE | {
    "out_biz_no": REFUND_ID,
    "refund_fee": "0.90",
    "gmt_refund": "2023-12-21 14:49:59.321",
}
OTHER_APP = {"app_id": "2021000122671080"}


@pytest.fixture
def channel(transport: aiohttp.ClientSession) -> Channel:
    return opened(transport)


def beijing(moment: datetime) -> str:
    return (moment + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


def doubt(channel: Channel, body: bytes) -> str:
    with pytest.raises(Untrusted) as caught:
        channel.parse_notify({}, body)
    return caught.value.code


def test_a_notice_of_a_payment_says_who_paid_whom_how_much_and_when(channel: Channel) -> None:
    notice = channel.parse_notify({}, notification(PAID_NOTICE))
    assert (notice.notice_id, notice.kind) == (PAID_NOTICE["notify_id"], "trade_status_sync")
    assert notice.fact == PaymentFact(
        attempt_id=ATTEMPT_ID,
        state=PaymentState.SUCCEEDED,
        raw_state="TRADE_SUCCESS",
        merchant_number=SELLER_ID,
        app_id=APP_ID,
        amount=100,
        payer_amount=90,
        currency="CNY",
        transaction_id=PAID_NOTICE["trade_no"],
        paid_at=datetime(2023, 12, 21, 6, 49, 58, tzinfo=UTC),
        payer=PAID_NOTICE["buyer_open_id"],
    )


@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_CLOSED"])
def test_a_notice_of_a_refund_is_no_second_payment_and_its_sum_is_that_of_all(channel: Channel, status: str) -> None:
    fact = channel.parse_notify({}, notification(REFUNDED | {"trade_status": status})).fact
    assert fact == RefundFact(
        REFUND_ID,
        RefundState.SUCCEEDED,
        status,
        merchant_number=SELLER_ID,
        attempt_id=ATTEMPT_ID,
        refunded_at=datetime(2023, 12, 21, 6, 49, 59, tzinfo=UTC),
    )


@pytest.mark.parametrize("missing", ["out_biz_no", "gmt_refund", "refund_fee"])
def test_what_lacks_a_mark_of_a_refund_speaks_of_the_payment(channel: Channel, missing: str) -> None:
    fact = channel.parse_notify({}, notification(REFUNDED | {missing: ""})).fact
    assert isinstance(fact, PaymentFact)


def test_a_notice_of_another_kind_says_nothing_of_a_payment(channel: Channel) -> None:
    notice = channel.parse_notify({}, notification(PAID_NOTICE | {"notify_type": "dut_user_sign"}))
    assert (notice.kind, notice.fact) == ("dut_user_sign", None)


def test_a_proven_notice_must_be_for_our_app_and_not_too_old(channel: Channel) -> None:
    assert channel.notice_window == timedelta(hours=48)
    assert doubt(channel, notification(PAID_NOTICE | OTHER_APP)) == "wrong_account"
    too_old = beijing(NOW - timedelta(hours=48, seconds=1))
    assert doubt(channel, notification(PAID_NOTICE | {"notify_time": too_old})) == "timestamp_stale"
    assert doubt(channel, notification(PAID_NOTICE | {"notify_time": "yesterday"})) == "timestamp_stale"
    last_try = beijing(NOW - timedelta(hours=25))
    assert channel.parse_notify({}, notification(PAID_NOTICE | {"notify_time": last_try})).fact


@pytest.mark.parametrize("missing", ["notify_id", "out_trade_no", "seller_id", "trade_status"])
def test_a_proven_notice_that_cannot_be_read_is_malformed(channel: Channel, missing: str) -> None:
    with pytest.raises(Rejected) as caught:
        channel.parse_notify({}, notification(PAID_NOTICE | {missing: ""}))
    assert caught.value.code == "malformed"


def test_the_answer_is_seven_bytes_or_something_else(channel: Channel) -> None:
    assert channel.acknowledge(True) == Answer(200, b"success", "text/plain")
    refused = channel.acknowledge(False, "not now")
    assert (refused.status, refused.body) != (200, b"success")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("25" + "0" * 14, "alipay"),
        ("30" + "9" * 22, "alipay"),
        ("fp" + "0aZ" * 11, "alipay"),
        ("24" + "0" * 14, None),
        ("31" + "0" * 14, None),
        ("28" + "0" * 13, None),
        ("28" + "0" * 23, None),
        ("fp" + "0" * 32, None),
        ("28" + "０" * 14, None),
        ("28" + "0" * 14 + "\n", None),
    ],
)
def test_a_payment_code_is_known_by_how_it_begins_and_how_long_it_is(code: str, name: str | None) -> None:
    assert channels.channel_of_code(code) == name


# What is wrong with one


def found(channel: Channel, body: bytes, at: datetime = NOW) -> str:
    diagnosis = channel.diagnose({}, body, at)
    assert all((*diagnosis.finding, *diagnosis.cure))
    return diagnosis.wrong


def test_what_is_wrong_with_a_notice_is_named(channel: Channel) -> None:
    good = notification(PAID_NOTICE)
    assert found(channel, good) == "nothing"
    assert found(channel, good, NOW + timedelta(hours=50)) == "time"
    assert found(channel, notification(PAID_NOTICE | {"notify_time": "x"})) == "time"
    assert found(channel, notification(PAID_NOTICE | OTHER_APP)) == "account"
    assert found(channel, notification(PAID_NOTICE | OTHER_APP, APP_KEY)) == "account"
    assert found(channel, notification(PAID_NOTICE, APP_KEY)) == "key"
    assert found(channel, good.replace(b"total_amount=1.00", b"total_amount=2.00")) == "body"
    assert found(channel, good.replace(b"sign_type=RSA2", b"sign_type=RSA")) == "body"
    for broken in (b"", b"\xff", b"a=1&a=2", good + b"\n", good[:-4], good.partition(b"&sign=")[0]):
        assert found(channel, broken) == "body"


def test_a_notice_by_a_certificate_that_is_not_known_or_has_ended_is_about_the_serial(
    transport: aiohttp.ClientSession,
) -> None:
    authority = Authority(NOW)
    believing: dict[str, Any] = authority.settings()
    assert found(opened(transport, **believing), notification(PAID_NOTICE)) == "nothing"
    assert found(opened(transport, **believing), notification(PAID_NOTICE, APP_KEY)) == "serial"
    ended = authority.settings(alipay_cert_pem=authority.alipay(begins=-20, ends=-1))
    assert found(opened(transport, **ended), notification(PAID_NOTICE)) == "serial"
