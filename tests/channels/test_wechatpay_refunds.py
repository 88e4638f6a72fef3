from __future__ import annotations

import json
import re
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.channels import wechatpay_vectors as vectors
from tests.channels.scripted_gateway import ScriptedGateway, failure
from tests.channels.test_wechatpay_signing import decrypt
from tests.channels.wechatpay_vectors import REFUND_ORDER, TO_THE_BUYERS_CARD
from tongbao.channels import Channel, Destination, RefundFact, RefundState
from tongbao.channels.wechatpay import wire
from tongbao.kit.errors import Rejected, Uncertain, Untrusted

REFUND_ID = REFUND_ORDER.refund_id
FACT = RefundFact(
    refund_id=REFUND_ID,
    state=RefundState.SUCCEEDED,
    raw_state="SUCCESS",
    attempt_id=REFUND_ORDER.attempt_id,
    amount=30,
    currency="CNY",
    gateway_refund_id="50000000382019052709732678859",
    refunded_at=datetime(2024, 6, 1, 12, 0, 16, tzinfo=UTC),
)


def answer(gateway: ScriptedGateway, **changes: Any) -> None:
    body = json.dumps(vectors.REFUND | changes).encode()
    gateway.answers(200, body, vectors.signed(body))


def asked_in_every_way(channel: Channel) -> list[Awaitable[RefundFact]]:
    return [
        channel.refund(REFUND_ORDER),
        channel.query_refund(REFUND_ID, REFUND_ORDER.attempt_id),
        channel.redirect_refund(TO_THE_BUYERS_CARD),
    ]


async def test_a_refund_is_one_signed_request_with_exactly_these_fields(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    answer(gateway, status="PROCESSING", success_time=None)
    fact = await channel.refund(REFUND_ORDER)
    ((request, body),) = gateway.asked
    assert (request.method, request.raw_path) == ("POST", "/v3/refund/domestic/refunds")
    vectors.assert_signed_by_the_merchant(request, body)
    assert json.loads(body) == {
        "out_trade_no": REFUND_ORDER.attempt_id,
        "out_refund_no": REFUND_ID,
        "reason": "少了一杯",
        "notify_url": "https://pay.example.com/notify/wechatpay/acc1",
        "amount": {"refund": 30, "total": 100, "currency": "CNY"},
    }
    assert fact == replace(FACT, state=RefundState.PENDING, raw_state="PROCESSING", refunded_at=None)


async def test_a_query_asks_by_our_number_which_stays_inside_its_path_segment(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    answer(gateway)
    assert await channel.query_refund(REFUND_ID, REFUND_ORDER.attempt_id) == FACT
    answer(gateway, out_refund_no="a/b?c|d")
    await channel.query_refund("a/b?c|d", REFUND_ORDER.attempt_id)
    paths = [request.raw_path.removeprefix("/v3/refund/domestic/refunds/") for request, _ in gateway.asked]
    assert paths == [REFUND_ID, "a%2Fb%3Fc%7Cd"]


@given(reason=st.text(st.characters(), max_size=200), amount=st.integers(1, 10**12))
def test_a_refund_sent_again_is_the_same_bytes_and_its_reason_is_in_their_alphabet(reason: str, amount: int) -> None:
    order = replace(REFUND_ORDER, reason=reason, amount=amount)
    body = wire.refund_body(order)
    assert body == wire.refund_body(replace(order))
    fields = json.loads(body)
    assert fields["amount"]["refund"] == amount
    assert len(fields.get("reason", "")) == min(len(reason), 80)
    assert all(character <= "\uffff" for character in fields.get("reason", ""))


def test_a_long_reason_is_cut_at_eighty_characters() -> None:
    assert json.loads(wire.refund_body(replace(REFUND_ORDER, reason="长" * 81)))["reason"] == "长" * 80


def test_what_is_empty_is_left_out() -> None:
    fields = json.loads(wire.refund_body(replace(REFUND_ORDER, reason="", notify_url="")))
    assert set(fields) == {"out_trade_no", "out_refund_no", "amount"}


async def test_a_refund_in_another_currency_is_rejected_without_a_request(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    error = await failure(channel.refund(replace(REFUND_ORDER, currency="USD")))
    assert (type(error), error.code, gateway.asked) == (Rejected, "unsupported_currency", [])


@pytest.mark.parametrize(
    ("word", "state"),
    [("SUCCESS", "succeeded"), ("PROCESSING", "pending"), ("ABNORMAL", "abnormal"), ("CLOSED", "closed")],
)
def test_each_of_their_refund_states_has_one_meaning_in_answers_and_in_notices(word: str, state: str) -> None:
    with capture_logs() as logs:
        assert wire.refund_answer(json.dumps(vectors.REFUND | {"status": word}).encode()).state == state
        assert wire.refund_notice(json.dumps(vectors.REFUND_NOTICE | {"refund_status": word}).encode()).state == state
    assert logs == []


@given(st.text(min_size=1, max_size=40).filter(lambda word: word not in wire.REFUND_STATES))
def test_an_unknown_refund_state_is_pending_and_a_warning(word: str) -> None:
    with capture_logs() as logs:
        assert wire.refund_state(word) is RefundState.PENDING
    assert [(log["event"], log["log_level"]) for log in logs] == [("unknown_refund_state", "warning")]


@pytest.mark.parametrize("missing", ["out_refund_no", "status"])
async def test_a_yes_without_the_refunds_number_or_state_is_uncertain(
    channel: Channel, gateway: ScriptedGateway, missing: str
) -> None:
    answer(gateway, **{missing: None})
    for asked in asked_in_every_way(channel):
        error = await failure(asked)
        assert (type(error), error.code) == (Uncertain, "malformed")


async def test_an_answer_about_another_refund_is_untrusted(channel: Channel, gateway: ScriptedGateway) -> None:
    answer(gateway, out_refund_no="another")
    for asked in asked_in_every_way(channel):
        error = await failure(asked)
        assert (type(error), error.code) == (Untrusted, "answer_mismatch")


async def test_a_yes_to_a_refund_must_be_proven(channel: Channel, gateway: ScriptedGateway) -> None:
    body = json.dumps(vectors.REFUND).encode()
    gateway.answers(200, body, vectors.signed(b"something else"))
    for asked in asked_in_every_way(channel):
        assert type(await failure(asked)) is Untrusted


async def test_being_turned_away_for_asking_too_often_leaves_open_what_became_of_the_money(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    gateway.answers(429, b'{"code":"FREQUENCY_LIMITED","message":"slow"}')
    kinds = [type(await failure(asked)).__name__ for asked in asked_in_every_way(channel)]
    assert kinds == ["Uncertain", "Unavailable", "Uncertain"]


async def test_refusals_say_whether_the_refund_is_unknown_and_whether_it_may_be_taken_on_later(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    for status, code, is_unknown, is_for_now in [
        (404, "RESOURCE_NOT_EXISTS", True, False),
        (403, "NOT_ENOUGH", False, True),
        (403, "USER_ACCOUNT_ABNORMAL", False, False),
    ]:
        body = json.dumps({"code": code, "message": "不"}).encode()
        gateway.answers(status, body, vectors.signed(body))
        error = await failure(channel.refund(REFUND_ORDER))
        assert isinstance(error, Rejected)
        assert (channel.is_unknown_refund(error), channel.is_no_for_now(error)) == (is_unknown, is_for_now)
        gateway.answers(status, body)
        assert type(await failure(channel.refund(REFUND_ORDER))) is Untrusted


# Redirecting


async def test_an_abnormal_refund_goes_to_the_merchants_own_card_by_two_fields(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    answer(gateway, status="PROCESSING", success_time=None)
    fact = await channel.redirect_refund(replace(TO_THE_BUYERS_CARD, to=Destination.MERCHANT_CARD))
    ((request, body),) = gateway.asked
    path = "/v3/refund/domestic/refunds/50000000382019052709732678859/apply-abnormal-refund"
    assert (request.method, request.raw_path) == ("POST", path)
    vectors.assert_signed_by_the_merchant(request, body)
    assert json.loads(body) == {"out_refund_no": REFUND_ID, "type": "MERCHANT_BANK_CARD"}
    assert fact.state is RefundState.PENDING


@pytest.mark.parametrize(
    ("settings", "serial", "platform"),
    [
        ({}, vectors.PUBLIC_KEY_ID, "go_test_private_key.pem"),
        (
            {"platform_public_key_id": None, "platform_public_key_pem": None},
            vectors.PLATFORM_SERIAL,
            "java_wechat_pay_private_key.pem",
        ),
    ],
    ids=["public-key", "certificate"],
)
async def test_a_buyers_card_is_sent_so_that_only_the_platform_can_read_it_and_the_key_is_named(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway, settings: dict[str, Any], serial: str, platform: str
) -> None:
    answer(gateway)
    channel = vectors.opened(transport, base_url=gateway.base_url, **settings)
    await channel.redirect_refund(TO_THE_BUYERS_CARD)
    ((request, body),) = gateway.asked
    fields = json.loads(body)
    assert request.headers["Wechatpay-Serial"] == serial
    assert (fields["type"], fields["bank_type"]) == ("USER_BANK_CARD", "ICBC_DEBIT")
    assert decrypt(platform, fields["bank_account"]) == "6222020200112233445"
    assert decrypt(platform, fields["real_name"]) == "张三"


@pytest.mark.parametrize("missing", ["bank", "card_number", "card_holder"])
async def test_half_a_card_is_rejected_without_a_request(
    channel: Channel, gateway: ScriptedGateway, missing: str
) -> None:
    for nothing in (None, ""):
        change: dict[str, Any] = {missing: nothing}
        error = await failure(channel.redirect_refund(replace(TO_THE_BUYERS_CARD, **change)))
        assert (type(error), error.code, gateway.asked) == (Rejected, "unsupported", [])


async def test_no_card_stands_in_an_error_a_log_or_a_picture_of_it(channel: Channel, gateway: ScriptedGateway) -> None:
    gateway.answers(400, b'{"code":"PARAM_ERROR","message":"no"}')
    with capture_logs() as logs:
        errors = [
            await failure(channel.redirect_refund(TO_THE_BUYERS_CARD)),
            await failure(channel.redirect_refund(replace(TO_THE_BUYERS_CARD, card_holder="张三" * 99))),
        ]
    seen = repr(errors) + "".join(map(str, errors)) + repr(logs) + repr(TO_THE_BUYERS_CARD)
    assert not re.search("6222020200112233445|张三", seen)


# Notices


async def test_a_notice_says_what_a_query_says_but_for_the_currency_and_whom_it_is_for(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    body = vectors.refund_notification()
    notice = channel.parse_notify(vectors.signed(body), body)
    answer(gateway)
    asked = await channel.query_refund(REFUND_ID, REFUND_ORDER.attempt_id)
    assert notice.kind == "REFUND.SUCCESS"
    assert notice.fact == replace(asked, merchant_number=vectors.MERCHANT_NUMBER, currency=None)


@pytest.mark.parametrize("kind", ["SUCCESS", "ABNORMAL", "CLOSED"])
def test_every_kind_of_refund_notice_brings_a_fact(channel: Channel, kind: str) -> None:
    content = vectors.REFUND_NOTICE | {"refund_status": kind, "success_time": None}
    body = vectors.notification(content, f"REFUND.{kind}", "refund")
    fact = channel.parse_notify(vectors.signed(body), body).fact
    assert isinstance(fact, RefundFact)
    assert (fact.raw_state, fact.refunded_at) == (kind, None)


@pytest.mark.parametrize("missing", ["mchid", "out_refund_no", "refund_status"])
def test_a_refund_notice_without_merchant_number_or_state_is_malformed(channel: Channel, missing: str) -> None:
    body = vectors.refund_notification(**{missing: None})
    with pytest.raises(Rejected, match="malformed"):
        channel.parse_notify(vectors.signed(body), body)


def test_the_word_for_a_state_in_answers_is_none_in_notices(channel: Channel) -> None:
    body = vectors.refund_notification(refund_status=None, status="SUCCESS")
    with pytest.raises(Rejected, match="malformed"):
        channel.parse_notify(vectors.signed(body), body)


def test_they_take_fifty_refunds_of_one_payment(channel: Channel) -> None:
    assert channel.most_refunds == 50
