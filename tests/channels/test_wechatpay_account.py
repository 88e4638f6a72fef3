from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.channels import wechatpay_vectors as vectors
from tongbao import channels
from tongbao.channels.wechatpay.account import read_account
from tongbao.kit.errors import Refusal


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


BAD = [
    ("mchid", "1234567"),
    ("mchid", 1230000109),
    ("mchid", "１２３４５６７８９０"),
    ("mchid", None),
    ("merchant_serial", "not hex"),
    ("merchant_private_key_pem", ""),
    ("merchant_private_key_pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
    ("merchant_private_key_pem", vectors.text("java_merchant_certificate.pem")),
    ("merchant_private_key_pem", pem(ec.generate_private_key(ec.SECP256R1()))),
    ("merchant_private_key_pem", pem(rsa.generate_private_key(65537, 1024))),
    ("apiv3_key", vectors.APIV3_KEY[:-1]),
    ("apiv3_key", "密" * 32),
    ("app_id", ""),
    ("app_id", 1230000109),
    ("app_id", "gh_2f14c1d0f1a3"),
    ("base_url", "pay.example.com"),
    ("base_url", "https://proxy.example.com/wechat"),
    ("platform_public_key_id", None),
    ("platform_public_key_id", "440024045C4A427599D09BB4E3DE0279F2E813FD"),
    ("platform_public_key_pem", None),
    ("platform_public_key_pem", vectors.text("java_wechat_pay_certificate.pem")),
    ("platform_certificates", "a certificate"),
    ("platform_certificates", [{"serial": "1", "certificate_pem": "nonsense"}]),
    ("platform_certificates", [{"certificate_pem": vectors.text("java_wechat_pay_certificate.pem")}]),
    ("timeout_seconds", 0),
    ("timeout_seconds", "8"),
    ("platform_publickey_pem", "a typing error"),
]


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda value: repr(value)[:24])
def test_a_bad_setting_is_refused_by_name_with_a_cure_and_never_quoted(field: str, value: Any) -> None:
    with pytest.raises(Refusal) as refusal:
        channels.validate_account("wechatpay", vectors.settings(**{field: value}))
    assert (refusal.value.code, refusal.value.status, refusal.value.values["field"]) == ("invalid_account", 400, field)
    assert len(str(refusal.value.values["reason"])) > 20
    if isinstance(value, str) and len(value) > 10:
        assert value not in str(refusal.value)


@pytest.mark.parametrize(
    "missing",
    [
        ("platform_certificates",),
        ("platform_public_key_id", "platform_public_key_pem"),
        ("platform_certificates", "platform_public_key_id", "platform_public_key_pem"),
    ],
)
def test_public_key_and_certificates_may_stand_together_alone_or_be_fetched_later(missing: tuple[str, ...]) -> None:
    settings = {name: value for name, value in vectors.settings().items() if name not in missing}
    channels.validate_account("wechatpay", settings)


def test_a_private_key_whose_numbers_do_not_belong_together_is_refused_when_it_is_entered() -> None:
    honest, other = (rsa.generate_private_key(65537, 2048).private_numbers() for _ in range(2))
    mixed = rsa.RSAPrivateNumbers(
        honest.p, honest.q, other.d, honest.dmp1, honest.dmq1, honest.iqmp, honest.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    with pytest.raises(Refusal) as refusal:
        channels.validate_account("wechatpay", vectors.settings(merchant_private_key_pem=pem(mixed)))
    assert refusal.value.values["field"] == "merchant_private_key_pem"


def test_the_account_may_name_an_app_for_buyers_who_are_in_none() -> None:
    assert read_account(vectors.settings(app_id="wxd678efh567hg6787"), check_private_key=False).app_id
    assert read_account(vectors.settings(app_id=None), check_private_key=False).app_id is None


def test_no_secret_shows_in_an_account_written_out() -> None:
    account = read_account(vectors.settings(), check_private_key=False)
    assert vectors.MERCHANT_NUMBER in repr(account)
    assert vectors.APIV3_KEY not in repr(account)
    assert "PRIVATE" not in repr(account)


def test_the_secret_fields_are_declared() -> None:
    assert channels.secret_fields("wechatpay") == {"merchant_private_key_pem", "apiv3_key"}


def test_an_unknown_channel_is_refused() -> None:
    assert "wechatpay" in channels.channel_names()
    for ask in (channels.secret_fields, lambda name: channels.validate_account(name, {})):
        with pytest.raises(Refusal) as refusal:
            ask("cowries")
        assert (refusal.value.code, refusal.value.values) == ("unknown_channel", {"channel": "cowries"})
