"""Payment codes: collecting from the buyer's phone at a counter, and undoing that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests.channels import wechatpay_vectors as vectors
from tests.channels.scripted_gateway import ScriptedGateway, failure, rejection
from tongbao.channels import Channel, PaymentFact, PaymentState
from tongbao.kit.errors import ChannelError, Rejected, Uncertain, Untrusted

CODE = "134567890123456789"
CHARGE = replace(vectors.CHARGE, method="code", payer=None)
ATTEMPT, APP = CHARGE.attempt_id, CHARGE.app_id
TRANSACTION = vectors.TRANSACTION | {"trade_type": "MICROPAY"}
PASSWORD_ASKED = {name: TRANSACTION[name] for name in ("appid", "mchid", "out_trade_no")} | {
    "trade_state": "USERPAYING",
    "amount": {"total": 100, "currency": "CNY"},
}
REVERSED = {"appid": APP, "mchid": vectors.MERCHANT_NUMBER, "out_trade_no": ATTEMPT}


def proven(gateway: ScriptedGateway, status: int, fields: dict[str, Any]) -> None:
    body = json.dumps(fields).encode()
    gateway.answers(status, body, vectors.signed(body))


def refuses_to_reverse(gateway: ScriptedGateway, code: str, transaction: dict[str, Any]) -> None:
    """From now on a reversal is refused, and a query tells how the payment stands."""

    async def script(request: web.Request) -> web.Response:
        is_query = request.method == "GET"
        body = json.dumps(transaction if is_query else {"code": code, "message": "不能撤销"}).encode()
        return web.Response(status=200 if is_query else 400, body=body, headers=vectors.signed(body))

    gateway.script = script


async def test_collecting_is_one_signed_request_without_end_or_address(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    proven(gateway, 200, TRANSACTION)
    fact = await channel.collect(CHARGE, CODE)
    assert (fact.state, fact.amount, fact.transaction_id) == (
        PaymentState.SUCCEEDED,
        100,
        TRANSACTION["transaction_id"],
    )
    ((request, body),) = gateway.asked
    assert (request.method, request.raw_path) == ("POST", "/v3/pay/transactions/codepay")
    vectors.assert_signed_by_the_merchant(request, body)
    assert json.loads(body) == {
        "appid": APP,
        "mchid": vectors.MERCHANT_NUMBER,
        "description": "拿铁 (large)",
        "out_trade_no": ATTEMPT,
        "payer": {"auth_code": CODE},
        "amount": {"total": 100, "currency": "CNY"},
        "scene_info": {"store_info": {"out_id": vectors.MERCHANT_NUMBER}},
    }


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, PASSWORD_ASKED),
        (202, PASSWORD_ASKED),
        (202, {"code": "USERPAYING", "message": "用户支付中，需要输入密码"}),
        (400, {"code": "USERPAYING", "message": "用户支付中，需要输入密码"}),
    ],
)
async def test_a_buyer_who_is_asked_for_a_password_is_pending_however_that_is_said(
    channel: Channel, gateway: ScriptedGateway, status: int, answer: dict[str, Any]
) -> None:
    proven(gateway, status, answer)
    fact = await channel.collect(CHARGE, CODE)
    assert replace(fact, amount=None, currency=None) == PaymentFact(
        ATTEMPT, PaymentState.PENDING, "USERPAYING", vectors.MERCHANT_NUMBER, APP
    )


@pytest.mark.parametrize(
    ("word", "state"), [("PAYERROR", "failed"), ("NOTPAY", "pending"), ("REVOKED", "closed"), ("DANCING", "pending")]
)
async def test_a_collected_payment_is_as_its_state_says(
    channel: Channel, gateway: ScriptedGateway, word: str, state: str
) -> None:
    proven(gateway, 200, PASSWORD_ASKED | {"trade_state": word})
    assert (await channel.collect(CHARGE, CODE)).state == state


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "AUTH_CODE_INVALID", Rejected),
        (403, "AUTH_CODE_EXPIRE", Rejected),
        (403, "NOT_ENOUGH", Rejected),
        (403, "RULE_LIMIT", Rejected),
        (403, "TRADE_ERROR", Rejected),
        (403, "OUT_TRADE_NO_USED", Rejected),
        (400, "ORDER_REVERSED", Rejected),
        (400, "ORDER_PAID", Rejected),
        (429, "FREQUENCY_LIMITED", Uncertain),
        (500, "SYSTEM_ERROR", Uncertain),
        (500, "BANK_ERROR", Uncertain),
        (502, "", Uncertain),
    ],
)
async def test_only_what_is_certain_is_a_no_to_collecting(
    channel: Channel, gateway: ScriptedGateway, status: int, code: str, kind: type[ChannelError]
) -> None:
    proven(gateway, status, {"code": code, "message": "为什么"})
    error = await failure(channel.collect(CHARGE, CODE))
    assert type(error) is kind
    assert CODE not in repr(error)
    if isinstance(error, Rejected):
        assert channel.is_already_paid(error) is (code == "ORDER_PAID")
        assert channel.advice(code)


async def test_an_answer_to_collecting_must_be_proven_and_about_the_same_payment(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    gateway.answers(200, json.dumps(TRANSACTION).encode())
    assert type(await failure(channel.collect(CHARGE, CODE))) is Untrusted
    gateway.answers(403, b'{"code":"NOT_ENOUGH"}')
    assert type(await failure(channel.collect(CHARGE, CODE))) is Untrusted
    proven(gateway, 200, TRANSACTION | {"out_trade_no": "another"})
    assert (await failure(channel.collect(CHARGE, CODE))).code == "answer_mismatch"


async def test_reversing_names_app_and_merchant_and_is_answered_with_the_same_payment(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    proven(gateway, 200, REVERSED)
    await channel.reverse(ATTEMPT, APP)
    ((request, body),) = gateway.asked
    assert (request.method, request.raw_path) == ("POST", f"/v3/pay/transactions/out-trade-no/{ATTEMPT}/reverse")
    vectors.assert_signed_by_the_merchant(request, body)
    assert json.loads(body) == {"appid": APP, "mchid": vectors.MERCHANT_NUMBER}
    proven(gateway, 200, REVERSED | {"out_trade_no": "another"})
    assert (await failure(channel.reverse(ATTEMPT, APP))).code == "answer_mismatch"
    gateway.answers(200, json.dumps(REVERSED).encode())
    assert type(await failure(channel.reverse(ATTEMPT, APP))) is Untrusted


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (202, "USERPAYING"),
        (400, "USERPAYING"),
        (429, "FREQUENCY_LIMITED"),
        (500, "SYSTEM_ERROR"),
        (502, ""),
    ],
)
async def test_a_reversal_that_is_not_final_is_to_be_asked_for_again(
    channel: Channel, gateway: ScriptedGateway, status: int, code: str
) -> None:
    proven(gateway, status, {"code": code, "message": "为什么"})
    assert type(await failure(channel.reverse(ATTEMPT, APP))) is Uncertain


@pytest.mark.parametrize("code", ["ORDER_REVERSED", "ORDER_CLOSED"])
async def test_reversing_what_can_never_succeed_any_more_is_harmless_once_that_is_proven(
    channel: Channel, gateway: ScriptedGateway, code: str
) -> None:
    proven(gateway, 400, {"code": code, "message": "已撤销"})
    await channel.reverse(ATTEMPT, APP)
    gateway.answers(400, json.dumps({"code": code}).encode())
    assert type(await failure(channel.reverse(ATTEMPT, APP))) is Untrusted


async def test_an_unknown_number_and_a_missing_permission_are_certain_noes_to_a_reversal(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    for status, code in ((404, "ORDER_NOT_EXIST"), (403, "NO_AUTH")):
        proven(gateway, status, {"code": code, "message": "为什么"})
        error = await rejection(channel.reverse(ATTEMPT, APP))
        assert channel.is_unknown_payment(error) is (code == "ORDER_NOT_EXIST")


@pytest.mark.parametrize("code", ["INVALID_REQUEST", "TRADE_ERROR", "ORDER_PAID", "A_NEW_CODE"])
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"trade_state": "SUCCESS"}, Uncertain),
        ({"trade_state": "SUCCESS", "success_time": "2024-05-25T19:00:00+08:00"}, Rejected),
        ({"trade_state": "USERPAYING", "success_time": None}, Uncertain),
        ({"trade_state": "DANCING", "success_time": None}, Uncertain),
        ({"trade_state": "REVOKED"}, None),
        ({"trade_state": "CLOSED", "success_time": None}, None),
    ],
)
async def test_a_reversal_refused_for_its_moment_is_to_be_repeated_unless_seven_days_have_gone_or_it_is_over(
    channel: Channel, gateway: ScriptedGateway, code: str, change: dict[str, Any], kind: type[ChannelError] | None
) -> None:
    refuses_to_reverse(gateway, code, TRANSACTION | change)
    if kind is None:
        await channel.reverse(ATTEMPT, APP)
    else:
        error = await failure(channel.reverse(ATTEMPT, APP))
        assert (type(error), error.code) == (kind, code)
    assert [request.method for request, _ in gateway.asked] == ["POST", "GET"]
