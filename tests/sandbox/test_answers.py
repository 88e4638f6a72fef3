"""How answers are signed, and the certificates they can be verified with."""

from __future__ import annotations

import json
import re

import pytest
from cryptography.x509 import load_pem_x509_certificate

from tests.sandbox.client import Control, Merchant

CERTIFICATES = "/v3/certificates"


def test_an_answer_carries_all_the_real_headers(merchant: Merchant) -> None:
    answer = merchant.create(merchant.order())
    assert re.fullmatch(r"[0-9A-F]{40}-0", answer.headers["request-id"])
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["wechatpay-signature-type"] == "WECHATPAY2-SHA256-RSA2048"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache, must-revalidate"
    assert merchant.proves(answer.headers, answer.body)
    assert not merchant.proves(answer.headers, answer.body + b" ")


def test_every_answer_has_a_nonce_of_its_own(merchant: Merchant) -> None:
    nonces = {merchant.query("never123").headers["wechatpay-nonce"] for _ in range(5)}
    assert len(nonces) == 5


@pytest.mark.parametrize(
    ("named", "signer"),
    [
        (None, "platform_serial"),
        ("platform_serial", "platform_serial"),
        ("platform_public_key_id", "platform_public_key_id"),
    ],
)
def test_the_request_chooses_who_signs_the_answer(merchant: Merchant, named: str | None, signer: str) -> None:
    headers = {"Wechatpay-Serial": merchant.credentials[named]} if named else {}
    answer = merchant.call("GET", CERTIFICATES, headers=headers)
    assert answer.headers["wechatpay-serial"] == merchant.credentials[signer]
    assert merchant.proves(answer.headers, answer.body)


def test_the_certificate_listing_opens_to_the_certificate_that_signed_it(merchant: Merchant) -> None:
    answer = merchant.call("GET", CERTIFICATES)
    (listed,) = answer.json["data"]
    assert listed["encrypt_certificate"]["associated_data"] == "certificate"
    pem = merchant.opened(listed["encrypt_certificate"])
    assert pem.decode() == merchant.credentials["platform_certificate_pem"]
    certificate = load_pem_x509_certificate(pem)
    assert f"{certificate.serial_number:X}" == listed["serial_no"] == answer.headers["wechatpay-serial"]
    assert re.fullmatch(r"[0-9A-F]{40}", listed["serial_no"])
    assert listed["effective_time"] < listed["expire_time"]


@pytest.mark.parametrize(("algorithm", "status"), [("RSA", 200), ("ALL", 200), ("SM2", 404), ("DSA", 400)])
def test_certificates_are_listed_by_algorithm(merchant: Merchant, algorithm: str, status: int) -> None:
    assert merchant.call("GET", f"{CERTIFICATES}?algorithm_type={algorithm}").status == status


def test_a_public_key_only_merchant_has_no_certificates(control: Control) -> None:
    merchant = Merchant.of(control.post("/wechat/merchants", has_certificate=False))
    answer = merchant.call("GET", CERTIFICATES)
    assert (answer.status, answer.json["code"]) == (404, "RESOURCE_NOT_EXISTS")
    assert answer.json["message"].startswith("无可用的平台证书")
    assert answer.headers["wechatpay-serial"] == merchant.credentials["platform_public_key_id"]
    assert merchant.proves(answer.headers, answer.body)


def test_no_two_merchants_share_a_key(control: Control, merchant: Merchant) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    for name in (
        "merchant_serial",
        "platform_serial",
        "platform_public_key_id",
        "platform_public_key_pem",
        "apiv3_key",
    ):
        assert merchant.credentials[name] != other.credentials[name]


def test_refusals_are_json_objects_with_code_and_message(merchant: Merchant) -> None:
    for answer in (merchant.query("never123"), merchant.call("GET", "/v3/nothing"), merchant.create({"a": 1})):
        body = json.loads(answer.body)
        assert set(body) <= {"code", "message", "detail"}
        assert len(body["code"]) <= 32
        assert answer.number > 0
