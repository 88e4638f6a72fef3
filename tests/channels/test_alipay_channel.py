from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from tests.channels.alipay_account import ATTEMPT_ID, CODE, REFUND_ID, REFUND_ORDER, charge, opened
from tests.channels.scripted_gateway import ScriptedGateway, failure, rejection
from tests.protocols.alipay_vectors import APP_ID, NOW, SELLER_ID, answer, no, sent, yes
from tongbao.channels import (
    Channel,
    Charge,
    Destination,
    Instalments,
    Means,
    PayerKind,
    PaymentState,
    Prepared,
    Redirection,
    RefundState,
)
from tongbao.kit.errors import Rejected, Uncertain, Untrusted

TRADE: dict[str, Any] = {
    "out_trade_no": ATTEMPT_ID,
    "trade_no": "2023122122001499160501586202",
    "trade_status": "TRADE_SUCCESS",
    "total_amount": "1.01",
    "buyer_pay_amount": "0.00",
    "buyer_open_id": "o1",
    "send_pay_date": "2023-12-21 14:50:00",
}


@pytest.fixture
def channel(transport: aiohttp.ClientSession, gateway: ScriptedGateway) -> Channel:
    return opened(transport, base_url=gateway.base_url, timeout_seconds=0.4)


def answering(gateway: ScriptedGateway, **values: Mapping[str, Any]) -> None:
    """Answer each interface, named by the end of its name, with a value of its own."""

    async def script(request: web.Request) -> web.Response:
        method = sent(await request.read())["method"]
        value = values[method.removeprefix("alipay.trade.").replace(".", "_")]
        return web.Response(body=answer(f"{method.replace('.', '_')}_response", value))

    gateway.script = script


def contents(gateway: ScriptedGateway) -> list[tuple[str, dict[str, Any]]]:
    """What was asked so far: interface and business parameters."""
    requests = [sent(body) for _, body in gateway.asked]
    return [(fields["method"], json.loads(fields["biz_content"])) for fields in requests]


# Preparing


async def test_a_mini_programs_payment_names_its_buyer_and_its_app(channel: Channel, gateway: ScriptedGateway) -> None:
    answering(gateway, create=yes(out_trade_no=ATTEMPT_ID, trade_no="2023"))
    asked = charge("create", expires_at=NOW + timedelta(hours=9, seconds=0.9))
    prepared = await channel.prepare(asked)
    assert channel.client_params(asked, prepared) == {"tradeNO": "2023"}
    assert prepared.usable_until == asked.expires_at
    assert sent(gateway.asked[0][1])["notify_url"] == asked.notify_url
    assert contents(gateway) == [
        (
            "alipay.trade.create",
            {
                "out_trade_no": ATTEMPT_ID,
                "total_amount": "1.01",
                "subject": "拿铁 (large)",
                "product_code": "JSAPI_PAY",
                "time_expire": "2023-12-21 23:54:37",
                "op_app_id": "2021000122671080",
                "buyer_open_id": asked.payer,
            },
        )
    ]
    await channel.prepare(charge("create", payer="2088000000000001", payer_kind=PayerKind.USER_ID))
    biz = contents(gateway)[1][1]
    assert (biz["buyer_id"], "buyer_open_id" in biz) == ("2088000000000001", False)


async def test_a_code_to_be_scanned_is_usable_for_its_two_hours_at_most(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    answering(gateway, precreate=yes(out_trade_no=ATTEMPT_ID, qr_code="https://qr.alipay.com/bax1"))
    asked = charge("precreate", expires_at=NOW + timedelta(hours=9))
    prepared = await channel.prepare(asked)
    assert prepared == Prepared("https://qr.alipay.com/bax1", NOW + timedelta(hours=1, minutes=55))
    assert channel.client_params(asked, prepared) == {"qr_code": "https://qr.alipay.com/bax1"}


@pytest.mark.parametrize(
    ("method", "interface", "product"),
    [
        ("wap", "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
        ("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        ("app", "alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    ],
)
async def test_what_browsers_and_apps_carry_is_signed_and_nothing_is_sent(
    channel: Channel, gateway: ScriptedGateway, method: str, interface: str, product: str
) -> None:
    asked = charge(method)
    params = channel.client_params(asked, await channel.prepare(asked))
    carried = params["orderStr"] if method == "app" else urlsplit(params["url"]).query
    fields = sent(carried.encode())
    assert (fields["method"], fields["notify_url"]) == (interface, asked.notify_url)
    assert json.loads(fields["biz_content"])["product_code"] == product
    assert gateway.asked == []


async def test_a_phones_browser_comes_back_from_a_payment_given_up_too(channel: Channel) -> None:
    asked = charge("wap", return_url="https://shop.example/?a=1&b=2")
    fields = sent(urlsplit(channel.client_params(asked, await channel.prepare(asked))["url"]).query.encode())
    assert (fields["return_url"], json.loads(fields["biz_content"])["quit_url"]) == (asked.return_url,) * 2


async def test_wishes_are_said_in_their_words(channel: Channel, gateway: ScriptedGateway) -> None:
    answering(gateway, create=yes(out_trade_no=ATTEMPT_ID, trade_no="2023"))
    await channel.prepare(charge("create", instalments=Instalments(12), only=frozenset(Means)))
    await channel.prepare(charge("create", without=frozenset({Means.FUND, Means.BALANCE})))
    first, second = (biz for _, biz in contents(gateway))
    assert first["extend_params"] == {"hb_fq_num": "12", "hb_fq_seller_percent": "0"}
    assert len(first["enable_pay_channels"]) <= 128
    assert second["disable_pay_channels"] == "balance,moneyFund"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (charge("create", payer=None), "payer_missing"),
        (charge("create", payer=""), "payer_missing"),
        (charge("create", currency="USD"), "unsupported_currency"),
        (charge("jsapi"), "unsupported_method"),
        (charge("code"), "unsupported_method"),
        (charge("create", return_url="https://a.example"), "unsupported_option"),
        (charge("wap", instalments=Instalments(5)), "unsupported_option"),
        (charge("page", only=frozenset({Means.FUND}), without=frozenset({Means.CREDIT})), "unsupported_option"),
    ],
)
async def test_what_they_can_never_collect_is_refused_unsent(
    channel: Channel, gateway: ScriptedGateway, asked: Charge, code: str
) -> None:
    assert (await rejection(channel.prepare(asked))).code == code
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("subject", "written"),
    [("a/b=c&d", "a／b＝c＆d"), ("one\r\n\ttwo\x00", "one two "), ("长" * 300, "长" * 256), ("🍵", "🍵")],
)
async def test_a_subject_has_none_of_what_they_forbid(
    channel: Channel, gateway: ScriptedGateway, subject: str, written: str
) -> None:
    answering(gateway, create=yes(out_trade_no=ATTEMPT_ID, trade_no="2023"))
    await channel.prepare(charge("create", subject=subject))
    assert contents(gateway)[0][1]["subject"] == written


# Scanned codes


async def test_a_scanned_code_is_paid_or_waits_for_the_password(channel: Channel, gateway: ScriptedGateway) -> None:
    answering(gateway, pay=yes(**TRADE, gmt_payment="2023-12-21 14:50:00"))
    paid = await channel.collect(charge("code"), CODE)
    assert (paid.state, paid.amount, paid.paid_at) == (
        PaymentState.SUCCEEDED, 101, datetime(2023, 12, 21, 6, 50, tzinfo=UTC)
    )  # fmt: skip
    answering(gateway, pay={"code": "10003", "msg": " order success pay inprocess", "out_trade_no": ATTEMPT_ID})
    waiting = await channel.collect(charge("code"), "fp" + "a" * 33)
    assert (waiting.attempt_id, waiting.state, waiting.amount) == (ATTEMPT_ID, PaymentState.PENDING, None)
    assert [(biz["scene"], biz["auth_code"]) for _, biz in contents(gateway)] == [
        ("bar_code", CODE),
        ("security_code", "fp" + "a" * 33),
    ]


async def test_an_unknown_result_of_a_scanned_code_is_no_no(channel: Channel, gateway: ScriptedGateway) -> None:
    answering(gateway, pay=no("40004", "ACQ.SYSTEM_ERROR"))
    assert type(await failure(channel.collect(charge("code"), CODE))) is Uncertain


@pytest.mark.parametrize(
    ("value", "kind", "code"),
    [
        (yes(retry_flag="N", action="close"), None, ""),
        (yes(retry_flag="N", action="refund", out_trade_no=ATTEMPT_ID), None, ""),
        (yes(retry_flag="Y", action="close"), Uncertain, "retry"),
        (yes(retry_flag="Y"), Uncertain, "retry"),
        (yes(action="close"), Uncertain, "malformed"),
        (yes(retry_flag="N"), Rejected, "ACQ.TRADE_NOT_EXIST"),
        (no("40004", "ACQ.TRADE_CANCEL_TIME_OUT"), Rejected, "ACQ.TRADE_CANCEL_TIME_OUT"),
        (no("40004", "AQC.SYSTEM_ERROR"), Uncertain, "AQC.SYSTEM_ERROR"),
        (yes(retry_flag="N", action="close", out_trade_no="other"), Untrusted, "answer_mismatch"),
    ],
)
async def test_a_cancellation_is_done_when_they_say_that_it_is(
    channel: Channel, gateway: ScriptedGateway, value: Mapping[str, Any], kind: type | None, code: str
) -> None:
    answering(gateway, cancel=value)
    if kind is None:
        await channel.reverse(ATTEMPT_ID, APP_ID)
        return
    error = await failure(channel.reverse(ATTEMPT_ID, APP_ID))
    assert (type(error), error.code) == (kind, code)


# Asking and closing


async def test_a_query_tells_the_story_and_whom_we_asked_as(channel: Channel, gateway: ScriptedGateway) -> None:
    answering(gateway, query=yes(**TRADE))
    fact = await channel.query(ATTEMPT_ID)
    assert (fact.state, fact.raw_state, fact.amount, fact.currency) == (
        PaymentState.SUCCEEDED, "TRADE_SUCCESS", 101, "CNY"
    )  # fmt: skip
    assert (fact.merchant_number, fact.app_id, fact.payer) == (SELLER_ID, APP_ID, "o1")
    assert (fact.payer_amount, fact.transaction_id) == (None, TRADE["trade_no"])
    assert contents(gateway) == [("alipay.trade.query", {"out_trade_no": ATTEMPT_ID})]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("WAIT_BUYER_PAY", PaymentState.PENDING),
        ("TRADE_FINISHED", PaymentState.SUCCEEDED),
        ("TRADE_CLOSED", PaymentState.CLOSED),
        ("TRADE_DANCING", PaymentState.PENDING),
    ],
)
async def test_each_word_for_a_state_means_one_of_ours(
    channel: Channel, gateway: ScriptedGateway, word: str, state: PaymentState
) -> None:
    answering(gateway, query=yes(**TRADE | {"trade_status": word}))
    assert (await channel.query(ATTEMPT_ID)).state is state


@pytest.mark.parametrize(
    ("text", "fen"),
    [("1", 100), ("1.1", 110), ("0.07", 7), ("100000000.00", 10_000_000_000), ("1.001", None), ("-1", None),
     ("1e3", None), ("", None), ("１.00", None), (1.01, None)],
)  # fmt: skip
async def test_a_sum_is_read_exactly_or_not_at_all(
    channel: Channel, gateway: ScriptedGateway, text: object, fen: int | None
) -> None:
    answering(gateway, query=yes(**TRADE | {"total_amount": text}))
    assert (await channel.query(ATTEMPT_ID)).amount == fen


@pytest.mark.parametrize(
    "code", ["ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID", "ACQ.REASON_ILLEGAL_STATUS"]
)
async def test_a_refused_close_is_asked_about(channel: Channel, gateway: ScriptedGateway, code: str) -> None:
    def then(word: str) -> None:
        answering(gateway, close=no("40004", code), query=yes(**TRADE | {"trade_status": word}))

    then("TRADE_CLOSED")
    await channel.close(ATTEMPT_ID)
    then("TRADE_SUCCESS")
    assert channel.is_already_paid(await rejection(channel.close(ATTEMPT_ID)))
    then("WAIT_BUYER_PAY")
    assert type(await failure(channel.close(ATTEMPT_ID))) is Uncertain
    answering(gateway, close=no("40004", code), query=no("20000", "isp.unknow-error"))
    assert type(await failure(channel.close(ATTEMPT_ID))) is Uncertain


async def test_closing_what_they_never_heard_of_says_so_without_another_question(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    answering(gateway, close=no("40004", "ACQ.TRADE_NOT_EXIST"))
    assert channel.is_unknown_payment(await rejection(channel.close(ATTEMPT_ID)))
    assert len(gateway.asked) == 1


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        (lambda channel: channel.query(ATTEMPT_ID), {"query": yes(**TRADE | {"out_trade_no": "other"})}),
        (lambda channel: channel.close(ATTEMPT_ID), {"close": yes(out_trade_no="other")}),
        (lambda channel: channel.prepare(charge("create")), {"create": yes(out_trade_no="other", trade_no="1")}),
        (lambda channel: channel.collect(charge("code"), CODE), {"pay": yes(**TRADE | {"out_trade_no": "other"})}),
        (lambda channel: channel.refund(REFUND_ORDER), {"refund": yes(out_trade_no="other", fund_change="Y")}),
        (
            lambda channel: channel.query_refund(REFUND_ID, ATTEMPT_ID),
            {"fastpay_refund_query": yes(out_trade_no=ATTEMPT_ID, out_request_no="other")},
        ),
    ],
)
async def test_an_answer_about_something_else_is_untrusted(
    channel: Channel, gateway: ScriptedGateway, ask: Callable[[Channel], Any], value: Mapping[str, Any]
) -> None:
    answering(gateway, **value)
    error = await failure(ask(channel))
    assert (type(error), error.code) == (Untrusted, "answer_mismatch")


# Refunds


REFUNDED = yes(
    out_trade_no=ATTEMPT_ID, trade_no="2023", fund_change="Y", refund_fee="0.90", gmt_refund_pay="2023-12-21 14:55:00"
)
QUERIED = yes(out_trade_no=ATTEMPT_ID, out_request_no=REFUND_ID, refund_amount="0.30", refund_status="REFUND_SUCCESS")


async def test_money_that_moved_is_refunded_and_the_sum_of_all_refunds_is_not_taken_for_this_one(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    answering(gateway, refund=REFUNDED)
    fact = await channel.refund(REFUND_ORDER)
    assert (fact.refund_id, fact.state, fact.amount, fact.attempt_id) == (
        REFUND_ID, RefundState.SUCCEEDED, 30, ATTEMPT_ID
    )  # fmt: skip
    assert fact.refunded_at == datetime(2023, 12, 21, 6, 55, tzinfo=UTC)
    assert contents(gateway)[0][1] == {
        "out_trade_no": ATTEMPT_ID,
        "out_request_no": REFUND_ID,
        "refund_amount": "0.30",
        "refund_reason": "少了一杯",
    }
    await channel.refund(replace(REFUND_ORDER, reason=""))
    assert "refund_reason" not in contents(gateway)[1][1]


async def test_where_no_money_moved_a_query_decides(channel: Channel, gateway: ScriptedGateway) -> None:
    still = REFUNDED | {"fund_change": "N"}
    answering(gateway, refund=still, fastpay_refund_query=QUERIED)
    assert (await channel.refund(REFUND_ORDER)).state is RefundState.SUCCEEDED
    answering(gateway, refund=still, fastpay_refund_query=yes())
    assert (await channel.refund(REFUND_ORDER)).state is RefundState.PENDING
    for trouble in (no("20000", "isp.unknow-error"), no("40004", "ACQ.TRADE_NOT_EXIST")):
        answering(gateway, refund=still, fastpay_refund_query=trouble)
        assert type(await failure(channel.refund(REFUND_ORDER))) is Uncertain


async def test_a_refund_of_which_they_say_nothing_is_unknown(channel: Channel, gateway: ScriptedGateway) -> None:
    answering(gateway, fastpay_refund_query=QUERIED)
    assert (await channel.query_refund(REFUND_ID, ATTEMPT_ID)).amount == 30
    answering(gateway, fastpay_refund_query=QUERIED | {"refund_status": "REFUND_DANCING"})
    assert (await channel.query_refund(REFUND_ID, ATTEMPT_ID)).state is RefundState.PENDING
    for value in (yes(), yes(out_trade_no=ATTEMPT_ID, out_request_no=REFUND_ID), no("40004", "ACQ.TRADE_NOT_EXIST")):
        answering(gateway, fastpay_refund_query=value)
        assert channel.is_unknown_refund(await rejection(channel.query_refund(REFUND_ID, ATTEMPT_ID)))


@pytest.mark.parametrize(
    ("code", "is_for_now"),
    [
        ("ACQ.SELLER_BALANCE_NOT_ENOUGH", True),
        ("isv.insufficient-isv-permissions", True),
        ("isv.invalid-signature", True),
        ("ACQ.TRADE_HAS_FINISHED", False),
        ("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", False),
        ("ACQ.A_NEW_CODE", False),
    ],
)
async def test_a_refusal_of_a_refund_is_for_now_or_for_good(
    channel: Channel, gateway: ScriptedGateway, code: str, is_for_now: bool
) -> None:
    answering(gateway, refund=no("40004", code))
    assert channel.is_no_for_now(await rejection(channel.refund(REFUND_ORDER))) is is_for_now


async def test_they_cannot_send_a_refund_elsewhere(channel: Channel, gateway: ScriptedGateway) -> None:
    error = await rejection(channel.redirect_refund(Redirection(REFUND_ID, "1", Destination.MERCHANT_CARD)))
    assert (error.code, gateway.asked) == ("unsupported", [])


async def test_every_payment_is_collected_for_the_accounts_own_app(channel: Channel) -> None:
    assert {channel.app_for(payer_app_id) for payer_app_id in (None, "2021000122671080")} == {APP_ID}
    assert await channel.fetch_platform_keys() == ()
