"""Our messages and signatures against the published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tongbao_sandbox.wechat import signing

VECTORS = Path(__file__).parent / "vectors"
DERIVED = json.loads((VECTORS / "v3_derived.json").read_text())
SIGNATURES = {vector["name"]: vector for vector in json.loads((VECTORS / "v3_signatures.json").read_text())["vectors"]}
FIELDS = {
    vector["name"]: vector for vector in json.loads((VECTORS / "v3_sensitive_fields.json").read_text())["vectors"]
}
SEALED = json.loads((VECTORS / "v3_aes_gcm.json").read_text())["vectors"]


def key(name: str) -> RSAPrivateKey:
    loaded = load_pem_private_key((VECTORS / f"{name}.pem").read_bytes(), None)
    assert isinstance(loaded, RSAPrivateKey)
    return loaded


@pytest.mark.parametrize("name", ["community-request-h5", "java-credential-message"])
def test_a_request_message_is_laid_out_as_published(name: str) -> None:
    vector = SIGNATURES[name]
    path = vector.get("url_path") or vector["url"].removeprefix("https://api.mch.weixin.qq.com")
    stamp, nonce = vector["timestamp"], vector["nonce_str"]
    message = signing.request_message(vector["method"], path, stamp, nonce, vector["body"].encode())
    assert message.decode() == vector["message"]


def test_an_answer_message_is_laid_out_as_published() -> None:
    vector = SIGNATURES["community-response-h5"]
    headers = vector["headers"]
    stamp, nonce = headers["Wechatpay-Timestamp"], headers["Wechatpay-Nonce"]
    assert signing.answer_message(stamp, nonce, vector["body"].encode()).decode() == vector["message"]


@pytest.mark.parametrize(
    ("part", "signer"),
    [
        (DERIVED["request"], "java_merchant_private_key"),
        (DERIVED["response_200"], "java_wechat_pay_private_key"),
        (DERIVED["response_204"], "java_wechat_pay_private_key"),
        (SIGNATURES["java-verifier"], "java_merchant_private_key"),
    ],
)
def test_a_signature_is_the_published_one_byte_for_byte(part: dict[str, Any], signer: str) -> None:
    message = part["message"].encode()
    assert signing.sign(key(signer), message) == part["signature"]
    assert signing.verify(key(signer).public_key(), message, part["signature"])


def test_another_key_message_or_encoding_does_not_verify() -> None:
    vector = SIGNATURES["java-verifier"]
    message, public = vector["message"].encode(), key("java_merchant_private_key").public_key()
    assert not signing.verify(key("java_wechat_pay_private_key").public_key(), message, vector["signature"])
    assert not signing.verify(public, message + b"x", vector["signature"])
    assert not signing.verify(public, message, f" {vector['signature']}")
    assert not signing.verify(public, message, "")


@pytest.mark.parametrize("vector", SEALED, ids=[vector["name"] for vector in SEALED])
def test_a_resource_is_sealed_as_published(vector: dict[str, str]) -> None:
    cipher = AESGCM(vector["key"].encode())
    sealed = signing.seal(cipher, vector["nonce"], vector["plaintext"].encode(), vector["associated_data"])
    assert sealed == vector["ciphertext"]


def test_a_sensitive_field_opens_as_published_and_nothing_else_does() -> None:
    ours = key("java_merchant_private_key")
    assert signing.decrypted_field(ours, FIELDS["java-oaep"]["ciphertext"]) == "plaintext"
    for other in (
        FIELDS["java-oaep"]["must_fail_ciphertext"],
        FIELDS["go-oaep"]["ciphertext"],
        FIELDS["java-pkcs1v15"]["ciphertext"],
        "plaintext",
        "",
    ):
        assert signing.decrypted_field(ours, other) is None
