from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from aiohttp import web

from tests.channels.scripted_gateway import ScriptedGateway, failure
from tests.protocols.alipay_vectors import (
    APP_KEY,
    NOW,
    PAID_NOTICE,
    answer,
    no,
    notification,
    sent,
    settings,
    sign,
    vectors,
    yes,
)
from tests.protocols.certificate_authority import Authority
from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted
from tongbao.protocols.alipay import Client, certificates, read_keys, signing

QUERY, QUERIED = "alipay.trade.query", "alipay_trade_query_response"
LOGIN, LOGGED_IN = "alipay.system.oauth.token", "alipay_system_oauth_token_response"
DOWNLOADED = "alipay_open_app_alipaycert_download_response"
BIZ = {"out_trade_no": "1", "subject": "拿铁/1+1"}
AES_KEY = "aYA0GP8JEW+D7/UFaskCWA=="


@pytest.fixture
def client(transport: aiohttp.ClientSession, gateway: ScriptedGateway) -> Client:
    return opened(transport, gateway)


def opened(transport: aiohttp.ClientSession, gateway: ScriptedGateway, **changes: Any) -> Client:
    return Client(read_keys(settings(**changes)), gateway.base_url, transport, lambda: NOW, 0.4)


def serial_of(pem: str) -> str:
    return certificates.serial_of(certificates.read_chain(pem)[0])


async def test_a_request_is_signed_and_its_proven_answer_is_read(client: Client, gateway: ScriptedGateway) -> None:
    gateway.answers(200, answer(QUERIED, yes(subject='a}\\"{/b 拿铁', list=[{"a": "]"}])))
    assert await client.call(QUERY, BIZ, notify_url="https://pay.example/n") == yes(
        subject='a}\\"{/b 拿铁', list=[{"a": "]"}]
    )
    (request, body), fields = gateway.asked[0], sent(gateway.asked[0][1])
    assert (request.method, request.path_qs) == ("POST", "/gateway.do?charset=utf-8")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded;charset=utf-8"
    assert json.loads(fields.pop("biz_content")) == BIZ
    assert fields.pop("sign")
    assert fields == {
        "app_id": "9021000122682882",
        "method": QUERY,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": "2023-12-21 14:54:37",
        "version": "1.0",
        "notify_url": "https://pay.example/n",
    }
    assert b"%2F" in body


async def test_a_log_in_has_its_fields_beside_the_content_and_no_code_where_all_is_well(
    client: Client, gateway: ScriptedGateway
) -> None:
    gateway.answers(200, answer(LOGGED_IN, {"access_token": "t", "open_id": "o"}))
    assert (await client.call(LOGIN, fields={"code": "c"}))["open_id"] == "o"
    assert sent(gateway.asked[0][1]).items() >= {"code": "c", "method": LOGIN}.items()
    assert b"biz_content" not in gateway.asked[0][1]


# What each answer means


@pytest.mark.parametrize(
    ("value", "kind", "code"),
    [
        (no("40004", "ACQ.TRADE_NOT_EXIST"), Rejected, "ACQ.TRADE_NOT_EXIST"),
        (no("40004", "ACQ.A_NEW_CODE"), Rejected, "ACQ.A_NEW_CODE"),
        (no("40002", "isv.invalid-signature"), Rejected, "isv.invalid-signature"),
        (no("40006", "isv.insufficient-isv-permissions"), Rejected, "isv.insufficient-isv-permissions"),
        (no("20001", "aop.invalid-app-auth-token"), Rejected, "aop.invalid-app-auth-token"),
        (no("40005", "isv.app-call-limited"), Unavailable, "isv.app-call-limited"),
        (no("40004", "ACQ.SYSTEM_ERROR"), Uncertain, "ACQ.SYSTEM_ERROR"),
        (no("40004", "AQC.SYSTEM_ERROR"), Uncertain, "AQC.SYSTEM_ERROR"),
        (no("20000", "isp.unknow-error"), Uncertain, "isp.unknow-error"),
        (no("20000", "aop.ACQ.SYSTEM_ERROR"), Uncertain, "aop.ACQ.SYSTEM_ERROR"),
        (no("40004", "aop.unknow-error"), Uncertain, "aop.unknow-error"),
        (no("50000", "ACQ.TRADE_NOT_EXIST"), Uncertain, "ACQ.TRADE_NOT_EXIST"),
        ({"code": "40004", "msg": "Business Failed"}, Uncertain, "40004"),
        ({"code": "10003", "msg": " order success pay inprocess"}, Uncertain, "10003"),
        ({"code": 10000}, Uncertain, "malformed"),
        ({"out_trade_no": "1"}, Uncertain, "malformed"),
    ],
)
async def test_a_proven_answer_is_sorted_by_what_to_do_next(
    client: Client, gateway: ScriptedGateway, value: Mapping[str, Any], kind: type[ChannelError], code: str
) -> None:
    gateway.answers(200, answer(QUERIED, value))
    error = await failure(client.call(QUERY, BIZ))
    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (answer(QUERIED, yes(), None), Untrusted, "signature_missing"),
        (answer(QUERIED, yes(), APP_KEY), Untrusted, "signature_wrong"),
        (answer(QUERIED, no("40004", "ACQ.TRADE_NOT_EXIST"), None), Untrusted, "signature_missing"),
        (answer(QUERIED, no("40004", "ACQ.TRADE_NOT_EXIST"), APP_KEY), Untrusted, "signature_wrong"),
        (answer("error_response", no("40004", "ACQ.TRADE_NOT_EXIST"), None), Uncertain, "ACQ.TRADE_NOT_EXIST"),
        (answer("error_response", no("40004", "ACQ.TRADE_NOT_EXIST"), APP_KEY), Untrusted, "signature_wrong"),
        (answer("error_response", no("40002", "isv.invalid-app-id"), None), Uncertain, "isv.invalid-app-id"),
        (answer("error_response", no("40005", "isv.app-call-limited"), None), Uncertain, "isv.app-call-limited"),
        (answer("error_response", yes(), None), Uncertain, "10000"),
        (answer("error_response", yes()), Uncertain, "10000"),
        (answer(QUERIED, no("20000", "isp.unknow-error"), None), Uncertain, "isp.unknow-error"),
        (answer(LOGGED_IN, yes()), Uncertain, "malformed"),
    ],
)
async def test_an_unproven_answer_is_neither_a_yes_nor_a_certain_no_about_money(
    client: Client, gateway: ScriptedGateway, body: bytes, kind: type[ChannelError], code: str
) -> None:
    gateway.answers(200, body)
    error = await failure(client.call(QUERY, BIZ))
    assert (type(error), error.code) == (kind, code)


async def test_an_unsigned_no_is_believed_of_a_log_in_alone(client: Client, gateway: ScriptedGateway) -> None:
    gateway.answers(200, answer("error_response", no("40002", "isv.code-invalid"), None))
    error = await failure(client.call(LOGIN, fields={"code": "c"}))
    assert (type(error), error.code) == (Rejected, "isv.code-invalid")
    gateway.answers(200, answer(LOGGED_IN, {"access_token": "t", "open_id": "o"}, None))
    assert type(await failure(client.call(LOGIN, fields={"code": "c"}))) is Untrusted


async def test_a_refused_signature_does_not_repeat_what_was_signed(client: Client, gateway: ScriptedGateway) -> None:
    quoting = '验签出错，网关生成的验签字符串为：app_id=1&amp;biz_content={"auth_code":"288888888888888888"}'
    gateway.answers(200, answer(QUERIED, no("40002", "isv.invalid-signature", quoting)))
    error = await failure(client.call(QUERY, BIZ))
    assert "2888" not in repr(error)
    gateway.answers(200, answer(QUERIED, no("40004", "ACQ.TRADE_NOT_EXIST", "交易不存在")))
    assert (await failure(client.call(QUERY, BIZ))).message == "交易不存在"


@pytest.mark.parametrize(("status", "body"), [(502, b"<html>"), (302, b""), (200, b"<html>"), (200, b"")])
async def test_what_is_no_answer_leaves_it_open(
    client: Client, gateway: ScriptedGateway, status: int, body: bytes
) -> None:
    gateway.answers(status, body)
    error = await failure(client.call(QUERY, BIZ))
    assert (type(error), error.code) == (Uncertain, "malformed")


# What browsers and apps carry


def test_a_page_and_an_order_are_signed_here_and_nothing_is_sent(client: Client, gateway: ScriptedGateway) -> None:
    url = client.page_url(
        "alipay.trade.wap.pay", BIZ, notify_url="https://p.example/n", return_url="https://s.example/?a=1"
    )
    assert url.startswith(f"{gateway.base_url}/gateway.do?")
    fields = sent(urlsplit(url).query.encode())
    assert (fields["return_url"], json.loads(fields["biz_content"])) == ("https://s.example/?a=1", BIZ)
    order = sent(client.order_string("alipay.trade.app.pay", BIZ).encode())
    assert (order["method"], "return_url" in order) == ("alipay.trade.app.pay", False)
    assert gateway.asked == []


# Sealed contents


async def test_contents_are_sealed_before_they_are_signed_and_opened_once_they_are_proven(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway
) -> None:
    client, key = opened(transport, gateway, aes_key=AES_KEY), base64.b64decode(AES_KEY)
    sealed = signing.seal(key, json.dumps(yes(n="1")).encode())
    gateway.answers(200, answer(QUERIED, sealed))
    assert (await client.call(QUERY, BIZ))["n"] == "1"
    fields = sent(gateway.asked[0][1])
    assert fields["encrypt_type"] == "AES"
    assert json.loads(signing.unseal(key, fields["biz_content"])) == BIZ
    for body, code in [
        (answer(QUERIED, sealed, APP_KEY), "signature_wrong"),
        (answer(QUERIED, sealed, None), "signature_missing"),
        (answer(QUERIED, signing.seal(bytes(16), b"{}")), "decryption_failed"),
    ]:
        gateway.answers(200, body)
        error = await failure(client.call(QUERY, BIZ))
        assert (type(error), error.code) == (Untrusted, code)
    gateway.answers(200, answer(QUERIED, no("40003", "isv.decryption-error-unknown")))
    assert type(await failure(client.call(QUERY, BIZ))) is Rejected
    assert "encrypt_type" not in dict(parse_qsl(client.order_string("alipay.trade.app.pay", BIZ)))


def test_a_phone_number_is_proven_and_then_opened(transport: aiohttp.ClientSession, gateway: ScriptedGateway) -> None:
    (vector,) = [one for one in vectors("aes.json") if "front_end_response" in one]
    given = vector["front_end_response"]
    client = opened(transport, gateway, aes_key=vector["key_base64"])
    assert client.open_sealed(given["response"], given["sign"])["mobile"] == "18818181818"
    for response, signature, code in [
        (given["response"], None, "signature_missing"),
        (given["response"], given["sign"][:-4] + "AA==", "signature_wrong"),
        ("A" + given["response"][1:], given["sign"], "signature_wrong"),
        ("AAAA", sign(b'"AAAA"'), "decryption_failed"),
    ]:
        with pytest.raises(Untrusted) as doubt:
            client.open_sealed(response, signature)
        assert doubt.value.code == code
    with pytest.raises(Rejected) as refused:
        client.open_sealed('{"code":"40003","subCode":"isv.invalid-auth-relations"}', None)
    assert refused.value.code == "isv.invalid-auth-relations"
    with pytest.raises(Rejected) as refused:
        client.open_sealed('{"response":"sealed twice"}', None)
    assert refused.value.code == "malformed"


# Notifications


def test_a_notification_is_proven_over_its_fields_as_they_came(client: Client) -> None:
    assert client.verify_form(notification(PAID_NOTICE)).items() >= PAID_NOTICE.items()
    with pytest.raises(Untrusted) as caught:
        client.verify_form(notification(PAID_NOTICE, APP_KEY))
    assert caught.value.code == "signature_wrong"
    unsigned = notification(PAID_NOTICE).partition(b"&sign=")[0]
    with pytest.raises(Untrusted) as caught:
        client.verify_form(unsigned)
    assert caught.value.code == "signature_missing"


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "gbk", "GB2312"])
def test_a_notification_is_read_in_its_own_character_set(client: Client, charset: str) -> None:
    fields = {**PAID_NOTICE, "charset": charset}
    message = "&".join(f"{name}={value}" for name, value in sorted(fields.items())).encode(charset)
    form = [(name, value.encode(charset)) for name, value in fields.items()]
    pairs = [*form, ("sign_type", b"RSA2"), ("sign", sign(message).encode())]
    body = "&".join(f"{name}=" + "".join(f"%{byte:02X}" for byte in value) for name, value in pairs)
    assert client.verify_form(body.encode())["subject"] == fields["subject"]


def test_a_proven_notification_in_an_unknown_character_set_is_malformed(client: Client) -> None:
    with pytest.raises(Rejected) as caught:
        client.verify_form(notification({**PAID_NOTICE, "charset": "big5"}))
    assert caught.value.code == "malformed"


# Certificates


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


def gateway_that_renewed(gateway: ScriptedGateway, pem: str, serial: str | None = None) -> None:
    """Answers name the new certificate, which can be downloaded; the answer that holds it names none."""

    async def script(request: web.Request) -> web.Response:
        fields = sent(await request.read())
        if "alipaycert.download" in fields["method"]:
            held = yes(alipay_cert_content=base64.b64encode(pem.encode()).decode())
            return web.Response(body=answer(DOWNLOADED, held))
        return web.Response(body=answer(QUERIED, yes(n="1"), serial=serial or serial_of(pem)))

    gateway.script = script


async def test_in_certificate_mode_both_sides_name_their_certificates(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway, authority: Authority
) -> None:
    client = opened(transport, gateway, **authority.settings())
    gateway.answers(200, answer(QUERIED, yes(), serial=serial_of(authority.alipay_cert_pem)))
    await client.call(QUERY, BIZ)
    named = sent(gateway.asked[0][1])
    assert named["app_cert_sn"] == serial_of(authority.app_cert_pem)
    assert named["alipay_root_cert_sn"] == serial_of(authority.root_pem)
    gateway.answers(200, answer(QUERIED, yes()))
    error = await failure(client.call(QUERY, BIZ))
    assert (type(error), error.code) == (Untrusted, "serial_unknown")


async def test_a_renewed_certificate_is_downloaded_once_proven_and_believed(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway, authority: Authority
) -> None:
    client, new = opened(transport, gateway, **authority.settings()), authority.alipay(ends=5)
    gateway_that_renewed(gateway, new)
    answers = await asyncio.gather(*(client.call(QUERY, BIZ) for _ in range(5)))
    assert [one["n"] for one in answers] == ["1"] * 5
    assert len(gateway.asked) == 6
    (learned,) = client.learned()
    assert (learned.serial, learned.pem) == (serial_of(new), new)
    assert learned.usable_from < NOW < learned.usable_until
    assert client.verify_form(notification(PAID_NOTICE))


async def test_a_certificate_that_cannot_be_proven_is_not_believed_and_not_asked_for_again_at_once(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway, authority: Authority
) -> None:
    client = opened(transport, gateway, **authority.settings())
    for code, pem in (
        ("certificate_expired", authority.alipay(begins=-20, ends=-1)),
        ("certificate_not_yet_valid", authority.alipay(begins=1)),
        ("serial_unknown", authority.alipay(name="2088721003899159-9021000122682882")),
        ("certificate_other_chain", authority.issued_by_an_app()),
        ("certificate_other_chain", Authority(NOW).alipay()),
    ):
        gateway.asked.clear()
        gateway_that_renewed(gateway, pem)
        for _ in range(3):
            error = await failure(client.call(QUERY, BIZ))
            assert (type(error), error.code) == (Untrusted, code)
            assert "certificate" in error.message
        assert len(gateway.asked) == 4
    gateway_that_renewed(gateway, authority.alipay(), serial="0" * 32)
    assert type(await failure(client.call(QUERY, BIZ))) is Untrusted
    assert client.learned() == ()


@pytest.mark.parametrize(
    ("begins", "ends", "code", "day"),
    [(-20, -1, "certificate_expired", "2023-12-20"), (1, 20, "certificate_not_yet_valid", "2023-12-22")],
)
async def test_an_answer_by_a_known_certificate_out_of_its_time_says_so(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway, authority: Authority, begins: int, ends: int, code: str,
    day: str,
) -> None:  # fmt: skip
    pem = authority.alipay(begins=begins, ends=ends)
    client = opened(transport, gateway, **authority.settings(alipay_cert_pem=pem))
    gateway.answers(200, answer(QUERIED, yes(), serial=serial_of(pem)))
    error = await failure(client.call(QUERY, BIZ))
    assert (type(error), error.code) == (Untrusted, code)
    assert day in error.message
    gateway.answers(200, answer(QUERIED, no("40004", "ACQ.TRADE_NOT_EXIST"), serial=serial_of(pem)))
    assert (await failure(client.call(QUERY, BIZ))).code == code


async def test_what_is_learned_does_not_grow_without_end(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway, authority: Authority
) -> None:
    client, renewed = opened(transport, gateway, **authority.settings()), [authority.alipay() for _ in range(10)]
    for pem in renewed:
        gateway_that_renewed(gateway, pem)
        await client.call(QUERY, BIZ)
    assert [one.pem for one in client.learned()] == renewed[-8:]
    gateway.answers(200, answer(QUERIED, yes(), serial=serial_of(authority.alipay_cert_pem)))
    await client.call(QUERY, BIZ)
