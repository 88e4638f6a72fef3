from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.channels import wechatpay_vectors as vectors
from tests.channels.wechatpay_vectors import CHARGE
from tongbao.channels import Charge, PaymentFact, PaymentState
from tongbao.channels.wechatpay import wire


def sent(charge: Charge) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(wire.order_body(charge, vectors.MERCHANT_NUMBER))
    return fields


def transaction(**changes: Any) -> bytes:
    return json.dumps({**vectors.TRANSACTION, **changes}).encode()


def test_a_charge_becomes_exactly_the_fields_of_an_order() -> None:
    assert sent(CHARGE) == {
        "appid": "wxd678efh567hg6787",
        "mchid": vectors.MERCHANT_NUMBER,
        "description": "拿铁 (large)",
        "out_trade_no": "att0000000000000000000000001",
        "time_expire": "2024-06-01T20:30:00+08:00",
        "notify_url": "https://pay.example.com/notify/wechatpay/acc1",
        "amount": {"total": 100, "currency": "CNY"},
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    }
    assert sent(replace(CHARGE, payer_ip="203.0.113.9"))["scene_info"] == {"payer_client_ip": "203.0.113.9"}


@given(
    subject=st.text(st.characters(), max_size=300),
    amount=st.integers(1, 10**12),
    expires_at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
)
def test_whatever_is_charged_arrives_in_their_limits_and_the_same_each_time(
    subject: str, amount: int, expires_at: datetime
) -> None:
    charge = replace(CHARGE, subject=subject, amount=amount, expires_at=expires_at)
    body, fields = wire.order_body(charge, vectors.MERCHANT_NUMBER), sent(charge)
    assert body == wire.order_body(replace(charge), vectors.MERCHANT_NUMBER)
    assert fields["amount"]["total"] == amount
    assert len(fields["description"]) == min(len(subject), 127)
    assert all(character <= "\uffff" for character in fields["description"])
    assert fields["time_expire"].endswith("+08:00")
    late_by = expires_at - datetime.fromisoformat(fields["time_expire"])
    assert timedelta(0) <= late_by < timedelta(seconds=1)


def test_a_paid_transaction_becomes_a_fact_with_everything_that_is_compared() -> None:
    assert wire.payment_fact(transaction()) == PaymentFact(
        attempt_id="att0000000000000000000000001",
        state=PaymentState.SUCCEEDED,
        raw_state="SUCCESS",
        merchant_number=vectors.MERCHANT_NUMBER,
        app_id="wxd678efh567hg6787",
        amount=100,
        payer_amount=90,
        currency="CNY",
        transaction_id="4200000000000000000000000001",
        paid_at=datetime(2024, 6, 1, 11, 59, 58, tzinfo=UTC),
        payer="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    )


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("SUCCESS", "succeeded"),
        ("REFUND", "succeeded"),
        ("NOTPAY", "pending"),
        ("USERPAYING", "pending"),
        ("ACCEPT", "pending"),
        ("CLOSED", "closed"),
        ("REVOKED", "closed"),
        ("PAYERROR", "failed"),
    ],
)
def test_each_of_their_states_has_one_meaning(word: str, state: str) -> None:
    with capture_logs() as logs:
        assert wire.payment_fact(transaction(trade_state=word)).state == state
    assert logs == []


@given(st.text(min_size=1, max_size=40).filter(lambda word: word not in wire.STATES))
def test_an_unknown_state_is_pending_and_a_warning(word: str) -> None:
    with capture_logs() as logs:
        assert wire.payment_state(word) is PaymentState.PENDING
    assert [(log["event"], log["log_level"]) for log in logs] == [("unknown_payment_state", "warning")]


@pytest.mark.parametrize("missing", ["out_trade_no", "mchid", "trade_state"])
def test_a_transaction_without_its_number_merchant_or_state_cannot_be_read(missing: str) -> None:
    values: list[object] = [None, "", 5, {}]
    for value in values:
        with pytest.raises(ValueError, match=missing):
            wire.payment_fact(transaction(**{missing: value}))


@pytest.mark.parametrize("total", ["100", 100.0, True, None, 1e30, [100]])
def test_an_amount_that_is_no_integer_is_no_amount(total: object) -> None:
    assert wire.payment_fact(transaction(amount={"total": total, "currency": "CNY"})).amount is None


@pytest.mark.parametrize("moment", ["2024-06-01T19:59:58", "yesterday", 1717243200, "0001-01-01T00:00:00+08:00", None])
def test_a_time_without_a_zone_or_sense_is_no_time(moment: object) -> None:
    assert wire.payment_fact(transaction(success_time=moment)).paid_at is None


@given(amount=st.integers(0, 2**53), payer_amount=st.integers(0, 2**53), paid_at=st.integers(0, 4_000_000_000))
def test_amounts_and_times_come_through_unchanged(amount: int, payer_amount: int, paid_at: int) -> None:
    moment = datetime.fromtimestamp(paid_at, UTC)
    beijing = (moment + timedelta(hours=8)).replace(tzinfo=None).isoformat() + "+08:00"
    money = {"total": amount, "payer_total": payer_amount, "currency": "CNY"}
    fact = wire.payment_fact(transaction(amount=money, success_time=beijing))
    assert (fact.amount, fact.payer_amount, fact.paid_at) == (amount, payer_amount, moment)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(sorted(vectors.TRANSACTION)), JSON))
def test_a_transaction_of_any_shape_is_read_or_refused_and_breaks_nothing(changes: dict[str, Any]) -> None:
    try:
        fact = wire.payment_fact(transaction(**changes))
    except ValueError:
        return
    assert isinstance(fact.attempt_id, str)
    assert fact.amount is None or type(fact.amount) is int
    assert fact.paid_at is None or fact.paid_at.tzinfo is UTC


READERS: list[Callable[[bytes], object]] = [
    wire.payment_fact,
    wire.reversed_attempt,
    *(partial(wire.token, method) for method in ("jsapi", "native", "h5", "app")),
    wire.refund_answer,
    wire.refund_notice,
    wire.envelope,
    wire.certificate_offers,
]


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_may_arrive_and_is_read_or_refused(body: bytes) -> None:
    for reader in READERS:
        with pytest.raises(ValueError):
            reader(body)


def test_a_notice_speaks_of_a_payment_only_where_a_transaction_succeeded() -> None:
    plaintext = transaction()
    paid = wire.envelope(vectors.notification())
    assert (notice := wire.notice(paid, plaintext)).fact == wire.payment_fact(plaintext)
    assert (notice.notice_id, notice.kind) == ("3119dfba-e649-5eec-ab1e-3412bc4d2e17", "TRANSACTION.SUCCESS")
    shared = wire.envelope(vectors.notification(original_type="profitsharing"))
    assert wire.notice(shared, b"{}").fact is None


def test_associated_data_may_be_missing_or_empty() -> None:
    body = json.loads(vectors.notification())
    for change in ({"associated_data": ""}, {}):
        other = copy.deepcopy(body)
        del other["resource"]["associated_data"]
        other["resource"] |= change
        assert wire.envelope(json.dumps(other).encode()).sealed.associated_data == ""
