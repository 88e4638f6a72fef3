from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from tests.channels import wechatpay_vectors as vectors
from tests.channels.scripted_gateway import ScriptedGateway, failure
from tongbao.channels import Channel
from tongbao.kit.errors import Untrusted


def certificates(key: str = vectors.APIV3_KEY, pem: str = vectors.text("java_wechat_pay_certificate.pem")) -> bytes:
    offer = {
        "serial_no": vectors.PLATFORM_SERIAL,
        "effective_time": "2022-05-10T10:04:30+08:00",
        "expire_time": "2025-05-09T10:04:30+08:00",
        "encrypt_certificate": vectors.sealed(pem.encode(), "certificate", key),
    }
    return json.dumps({"data": [offer]}).encode()


@pytest.fixture
def new_channel(transport: aiohttp.ClientSession, gateway: ScriptedGateway) -> Channel:
    """A channel that knows no key of the platform yet."""
    return vectors.opened(
        transport,
        base_url=gateway.base_url,
        platform_public_key_id=None,
        platform_public_key_pem=None,
        platform_certificates=None,
    )


async def test_the_first_certificates_prove_their_own_answer(new_channel: Channel, gateway: ScriptedGateway) -> None:
    body = certificates()
    gateway.answers(200, body, vectors.signed(body))
    (key,) = await new_channel.fetch_platform_keys()
    assert (key.serial, key.certificate_pem) == (
        vectors.PLATFORM_SERIAL,
        vectors.text("java_wechat_pay_certificate.pem"),
    )
    assert key.usable_from == datetime(2022, 5, 10, 2, 4, 30, tzinfo=UTC)
    assert key.usable_until == datetime(2025, 5, 9, 2, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (certificates(), {}, "signature_missing"),
        (certificates(), vectors.signed(certificates(), key=vectors.PUBLIC_KEY_SIDE), "signature_wrong"),
        (certificates(), vectors.signed(certificates(), vectors.NOW - timedelta(hours=1)), "timestamp_stale"),
        (certificates(key="x" * 32), vectors.signed(certificates(key="x" * 32)), "decryption_failed"),
        (certificates(pem="no certificate"), vectors.signed(certificates(pem="no certificate")), "malformed"),
        (b'{"data":[5]}', vectors.signed(b'{"data":[5]}'), "malformed"),
    ],
    ids=["unsigned", "forged", "stale", "sealed by another", "not a certificate", "not a list of them"],
)
async def test_first_certificates_that_do_not_prove_themselves_are_untrusted(
    new_channel: Channel, gateway: ScriptedGateway, body: bytes, headers: dict[str, str], code: str
) -> None:
    gateway.answers(200, body, headers)
    error = await failure(new_channel.fetch_platform_keys())
    assert (type(error), error.code) == (Untrusted, code)


async def test_a_published_list_of_certificates_opens(channel: Channel, gateway: ScriptedGateway) -> None:
    vector = vectors.document("v3_certificates_response.json")
    body = json.dumps(vector["response"]).encode()
    gateway.answers(200, body, vectors.signed(body, serial=vectors.PUBLIC_KEY_ID, key=vectors.PUBLIC_KEY_SIDE))
    (key,) = await channel.fetch_platform_keys()
    assert (key.serial, key.certificate_pem) == (
        vector["expect"]["serial_hex_upper"],
        vector["expect"]["certificate_pem"],
    )


async def test_a_public_key_merchant_has_no_certificates(channel: Channel, gateway: ScriptedGateway) -> None:
    body = '{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}'.encode()
    gateway.answers(404, body, vectors.signed(body, serial=vectors.PUBLIC_KEY_ID, key=vectors.PUBLIC_KEY_SIDE))
    assert await channel.fetch_platform_keys() == ()
    gateway.answers(404, body)
    assert type(await failure(channel.fetch_platform_keys())) is Untrusted
