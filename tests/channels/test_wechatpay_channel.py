from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tests.channels import wechatpay_vectors as vectors
from tests.channels.scripted_gateway import ScriptedGateway, failure
from tests.channels.wechatpay_vectors import CHARGE
from tongbao.channels import Channel, PaymentFact, PaymentState, Prepared
from tongbao.kit.errors import Rejected, Uncertain, Untrusted

PREPAID = b'{"prepay_id":"wx201410272009395522657a690389285100"}'
ATTEMPT = CHARGE.attempt_id


async def test_preparing_sends_one_signed_order_and_brings_its_token(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    gateway.answers(200, PREPAID, vectors.signed(PREPAID))
    prepared = await channel.prepare(CHARGE)
    ((request, body),) = gateway.asked
    assert (request.method, request.raw_path) == ("POST", "/v3/pay/transactions/jsapi")
    assert json.loads(body)["out_trade_no"] == ATTEMPT
    vectors.assert_signed_by_the_merchant(request, body)
    assert prepared.token == "wx201410272009395522657a690389285100"
    assert timedelta(hours=1, minutes=50) < prepared.usable_until - vectors.NOW < timedelta(hours=2)


async def test_a_merchant_without_public_key_asks_for_no_key_by_name(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway
) -> None:
    gateway.answers(204, b"", vectors.signed(b""))
    channel = vectors.opened(
        transport, base_url=gateway.base_url, platform_public_key_id=None, platform_public_key_pem=None
    )
    await channel.close(ATTEMPT)
    assert "Wechatpay-Serial" not in gateway.asked[0][0].headers


async def test_the_clients_parameters_are_exactly_those_of_request_payment(channel: Channel) -> None:
    prepared = Prepared("wx2710", vectors.NOW)
    params = channel.client_params(CHARGE, prepared)
    assert set(params) == {"timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert all(isinstance(value, str) for value in params.values())
    assert (params["timeStamp"], params["package"]) == (str(int(vectors.NOW.timestamp())), "prepay_id=wx2710")
    assert params["signType"] == "RSA"
    message = f"{CHARGE.app_id}\n{params['timeStamp']}\n{params['nonceStr']}\nprepay_id=wx2710\n"
    vectors.MERCHANT_KEY.public_key().verify(
        base64.b64decode(params["paySign"]), message.encode(), PKCS1v15(), SHA256()
    )
    assert channel.client_params(CHARGE, prepared)["nonceStr"] != params["nonceStr"]


async def test_a_query_names_the_merchant_and_brings_a_fact(channel: Channel, gateway: ScriptedGateway) -> None:
    body = json.dumps(vectors.TRANSACTION).encode()
    gateway.answers(200, body, vectors.signed(body))
    fact = await channel.query(ATTEMPT)
    assert gateway.asked[0][0].raw_path == f"/v3/pay/transactions/out-trade-no/{ATTEMPT}?mchid=1230000109"
    assert (fact.attempt_id, fact.state, fact.amount) == (ATTEMPT, PaymentState.SUCCEEDED, 100)


async def test_an_answer_about_another_payment_is_untrusted(channel: Channel, gateway: ScriptedGateway) -> None:
    body = json.dumps(vectors.TRANSACTION | {"out_trade_no": "another"}).encode()
    gateway.answers(200, body, vectors.signed(body))
    error = await failure(channel.query(ATTEMPT))
    assert (type(error), error.code) == (Untrusted, "answer_mismatch")


async def test_odd_characters_in_a_number_stay_inside_its_path_segment(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    gateway.answers(500)
    await failure(channel.query("a/../b?c|d"))
    request, body = gateway.asked[0]
    assert request.raw_path == "/v3/pay/transactions/out-trade-no/a%2F..%2Fb%3Fc%7Cd?mchid=1230000109"
    vectors.assert_signed_by_the_merchant(request, body)


async def test_closing_is_one_signed_request_with_an_empty_answer(channel: Channel, gateway: ScriptedGateway) -> None:
    gateway.answers(204, b"", vectors.signed(b""))
    await channel.close(ATTEMPT)
    ((request, body),) = gateway.asked
    assert request.raw_path == f"/v3/pay/transactions/out-trade-no/{ATTEMPT}/close"
    assert json.loads(body) == {"mchid": vectors.MERCHANT_NUMBER}


async def test_an_answer_signed_with_the_public_key_is_believed_beside_certificates(
    channel: Channel, gateway: ScriptedGateway
) -> None:
    gateway.answers(200, PREPAID, vectors.signed(PREPAID, serial=vectors.PUBLIC_KEY_ID, key=vectors.PUBLIC_KEY_SIDE))
    await channel.prepare(CHARGE)
    gateway.answers(200, PREPAID, vectors.signed(PREPAID, serial=vectors.PLATFORM_SERIAL, key=vectors.PUBLIC_KEY_SIDE))
    assert (await failure(channel.prepare(CHARGE))).code == "signature_wrong"


UNPROVEN: list[tuple[str, dict[str, str]]] = [
    ("signature_missing", {}),
    ("signature_wrong", vectors.signed(b"something else")),
    ("serial_unknown", vectors.signed(PREPAID, serial="0" * 40)),
    ("timestamp_stale", vectors.signed(PREPAID, vectors.NOW - timedelta(seconds=301))),
    ("timestamp_stale", vectors.signed(PREPAID, vectors.NOW + timedelta(seconds=301))),
    ("signature_probe", vectors.signed(PREPAID) | {"wechatpay-signature": "WECHATPAY/SIGNTEST/x"}),
]


@pytest.mark.parametrize(("code", "headers"), UNPROVEN)
async def test_a_yes_that_is_not_proven_is_untrusted(
    channel: Channel, gateway: ScriptedGateway, code: str, headers: dict[str, str]
) -> None:
    gateway.answers(200, PREPAID, headers)
    error = await failure(channel.prepare(CHARGE))
    assert (type(error), error.code) == (Untrusted, code)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"prepay_id":7}'])
async def test_a_proven_yes_that_cannot_be_read_is_uncertain(
    channel: Channel, gateway: ScriptedGateway, body: bytes
) -> None:
    gateway.answers(200, body, vectors.signed(body))
    for asked in (channel.prepare(CHARGE), channel.query(ATTEMPT)):
        error = await failure(asked)
        assert (type(error), error.code) == (Uncertain, "malformed")


async def test_a_certain_no_counts_only_when_proven(channel: Channel, gateway: ScriptedGateway) -> None:
    body = '{"code":"ORDERNOTEXIST","message":"订单不存在"}'.encode()
    gateway.answers(404, body, vectors.signed(body))
    error = await failure(channel.query(ATTEMPT))
    assert isinstance(error, Rejected)
    assert (error.code, error.message, error.http_status) == ("ORDER_NOT_EXIST", "订单不存在", 404)
    assert channel.is_unknown_payment(error)
    assert not channel.is_already_paid(error)
    gateway.answers(404, body)
    assert type(await failure(channel.query(ATTEMPT))) is Untrusted


async def test_a_paid_payment_says_so_when_it_is_closed(channel: Channel, gateway: ScriptedGateway) -> None:
    body = '{"code":"ORDER_PAID","message":"该订单已支付"}'.encode()
    gateway.answers(400, body, vectors.signed(body))
    error = await failure(channel.close(ATTEMPT))
    assert isinstance(error, Rejected)
    assert channel.is_already_paid(error)
    assert not channel.is_unknown_payment(error)


async def test_no_error_quotes_a_secret(channel: Channel, gateway: ScriptedGateway) -> None:
    gateway.answers(401, b'{"code":"SIGN_ERROR","message":"no"}')
    error = await failure(channel.prepare(CHARGE))
    assert isinstance(error, Rejected)
    assert all(secret not in repr(error) + str(error) for secret in ("PRIVATE", vectors.APIV3_KEY, "signature="))


def test_a_notice_computed_independently_becomes_a_fact(transport: aiohttp.ClientSession) -> None:
    vector = vectors.document("v3_derived.json")["notify_transaction_success"]
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    then = datetime.fromtimestamp(int(headers["wechatpay-timestamp"]) + 60, UTC)
    notice = vectors.opened(transport, then).parse_notify(headers, vector["body"].encode())
    assert (notice.notice_id, notice.kind) == ("EV-2018022511223320873", "TRANSACTION.SUCCESS")
    assert isinstance(notice.fact, PaymentFact)
    assert (notice.fact.attempt_id, notice.fact.amount) == ("1217752501201407033233368018", 100)
    assert notice.fact.paid_at == datetime(2018, 6, 8, 2, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(("code", "headers"), UNPROVEN)
def test_a_notice_that_is_not_proven_is_untrusted(channel: Channel, code: str, headers: dict[str, str]) -> None:
    with pytest.raises(Untrusted, match=code):
        channel.parse_notify(headers, PREPAID)


def test_a_proven_notice_sealed_with_another_key_is_untrusted(channel: Channel) -> None:
    envelope = json.loads(vectors.notification())
    envelope["resource"] |= vectors.sealed(b"{}", key="x" * 32)
    body = json.dumps(envelope).encode()
    with pytest.raises(Untrusted, match="decryption_failed"):
        channel.parse_notify(vectors.signed(body), body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id":"1"}', vectors.notification({"trade_state": "SUCCESS"})])
def test_a_proven_notice_that_cannot_be_read_is_malformed(channel: Channel, body: bytes) -> None:
    with pytest.raises(Rejected, match="malformed"):
        channel.parse_notify(vectors.signed(body), body)


def test_answers_to_notices_are_theirs_byte_for_byte(channel: Channel) -> None:
    yes, no = channel.acknowledge(True), channel.acknowledge(False, "signature_wrong")
    assert (yes.status, yes.content_type) == (200, "application/json")
    assert yes.body == '{"code":"SUCCESS","message":"成功"}'.encode()
    assert (no.status, json.loads(no.body)) == (400, {"code": "FAIL", "message": "signature_wrong"})
    assert len(json.loads(channel.acknowledge(False, "x" * 999).body)["message"]) <= 64
