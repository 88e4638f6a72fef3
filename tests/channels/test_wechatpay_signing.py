from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from tests.channels import wechatpay_vectors as vectors
from tongbao.channels.wechatpay import signing
from tongbao.channels.wechatpay.account import certificate_key
from tongbao.channels.wechatpay.signing import Sealed, TrustedKey
from tongbao.kit.errors import Rejected, Untrusted

SIGNATURES = {vector["name"]: vector for vector in vectors.document("v3_signatures.json")["vectors"]}
DERIVED = vectors.document("v3_derived.json")
CERTIFICATE = certificate_key(vectors.text("java_wechat_pay_certificate.pem"))
KEYS = {vectors.PLATFORM_SERIAL: TrustedKey(CERTIFICATE.key)}


def public_key(name: str) -> TrustedKey:
    key = load_pem_public_key(vectors.text(name).encode())
    assert isinstance(key, RSAPublicKey)
    return TrustedKey(key)


def doubt_code(
    headers: Mapping[str, str], body: bytes, keys: Mapping[str, TrustedKey] = KEYS, now: datetime = vectors.NOW
) -> str | None:
    doubt = signing.find_doubt(headers, body, keys, now)
    return doubt.code if doubt else None


@pytest.mark.parametrize("name", ["go-signer", "java-verifier"])
def test_we_sign_as_the_official_sdks_do(name: str) -> None:
    vector = SIGNATURES[name]
    assert signing.sign(vectors.private_key(vector["private_key"]), vector["message"].encode()) == vector["signature"]


def test_a_request_message_has_five_lines_over_the_bytes_that_are_sent() -> None:
    vector = SIGNATURES["community-request-h5"]
    message = signing.request_message(
        vector["method"], vector["url_path"], vector["timestamp"], vector["nonce_str"], vector["body"].encode()
    )
    assert message == vector["message"].encode()


def test_a_request_without_a_body_ends_with_two_line_feeds_and_covers_its_query() -> None:
    vector = SIGNATURES["java-credential-message"]
    target = vector["url"].removeprefix("https://api.mch.weixin.qq.com")
    message = signing.request_message("GET", target, vector["timestamp"], vector["nonce_str"], b"")
    assert message == vector["message"].encode()
    key = vectors.private_key("java_merchant_private_key.pem")
    assert signing.sign(key, message) == vector["signature_with_java_merchant_key_DERIVED"]


def test_a_whole_request_is_signed_as_computed_independently() -> None:
    vector = DERIVED["request"]
    target, timestamp, nonce = "/v3/pay/transactions/jsapi", "1554208460", "593BEC0C930BF1AFEB40B4A08C8FB242"
    message = signing.request_message("POST", target, timestamp, nonce, vector["body"].encode())
    assert message == vector["message"].encode()
    assert signing.sign(vectors.private_key("java_merchant_private_key.pem"), message) == vector["signature"]


def test_the_clients_pay_call_is_signed_as_computed_independently() -> None:
    vector = DERIVED["jsapi_paySign"]
    app_id, timestamp, nonce, package = vector["message"].split("\n")[:4]
    message = signing.pay_message(app_id, timestamp, nonce, package)
    assert message == vector["message"].encode()
    assert signing.sign(vectors.private_key("java_merchant_private_key.pem"), message) == vector["paySign"]


@pytest.mark.parametrize("name", ["response_200", "response_204"])
def test_answers_with_and_without_a_body_are_proven(name: str) -> None:
    vector = DERIVED[name]
    timestamp, nonce = vector["message"].split("\n")[:2]
    headers = {
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-serial": vectors.PLATFORM_SERIAL,
        "wechatpay-signature": vector["signature"],
    }
    assert doubt_code(headers, vector["body"].encode(), now=datetime.fromtimestamp(int(timestamp), UTC)) is None


def published(headers: Mapping[str, str]) -> tuple[dict[str, str], datetime]:
    lower = {name.lower(): value for name, value in headers.items()}
    return lower, datetime.fromtimestamp(int(lower["wechatpay-timestamp"]), UTC)


def test_a_published_answer_is_proven() -> None:
    vector = SIGNATURES["community-response-h5"]
    headers, at = published(vector["headers"])
    keys = {headers["wechatpay-serial"]: public_key("community_public_key.pem")}
    assert doubt_code(headers, vector["body"].encode(), keys, at) is None


def test_a_published_notice_is_proven_and_opened() -> None:
    vector = vectors.document("v3_notify_payscore.json")
    headers, at = published(vector["headers"])
    keys = {headers["wechatpay-serial"]: certificate_key(vectors.text(vector["certificate"]))}
    assert doubt_code(headers, vector["body"].encode(), keys, at) is None
    part = json.loads(vector["body"])["resource"]
    sealed = Sealed(part["nonce"], part["associated_data"], part["ciphertext"])
    assert signing.unseal(AESGCM(vector["apiv3_key"].encode()), sealed).decode() == vector["plaintext"]


@pytest.mark.parametrize("vector", vectors.document("v3_aes_gcm.json")["vectors"], ids=lambda vector: vector["name"])
def test_published_ciphertexts_open_and_changed_ones_do_not(vector: dict[str, Any]) -> None:
    cipher = AESGCM(vector["key"].encode())
    sealed = Sealed(vector["nonce"], vector["associated_data"], vector["ciphertext"])
    assert signing.unseal(cipher, sealed).decode() == vector["plaintext"]
    for change in [
        *vector.get("must_fail", []),
        {"ciphertext": "AAAA" + vector["ciphertext"][4:]},
        {"ciphertext": "?"},
    ]:
        fields = {name: vector[name] for name in ("nonce", "associated_data", "ciphertext")} | change
        with pytest.raises(Untrusted, match="decryption_failed"):
            signing.unseal(cipher, Sealed(**cast("dict[str, str]", fields)))


def decrypt(key: str, secret: str) -> str:
    """As the platform does, by its documents: OAEP with SHA-1 in both places, an empty label."""
    padding = OAEP(MGF1(SHA1()), SHA1(), None)
    return vectors.private_key(key).decrypt(base64.b64decode(secret), padding).decode()


@pytest.mark.parametrize("name", ["java-oaep", "go-oaep"])
def test_what_we_encrypt_opens_as_published_secrets_do(name: str) -> None:
    published = {vector["name"]: vector for vector in vectors.document("v3_sensitive_fields.json")["vectors"]}
    vector = published[name]
    key = vector["private_key"]
    assert decrypt(key, vector["ciphertext"]) == vector["plaintext"]
    for secret in (vector["plaintext"], "张三", "x" * 214):
        ours = signing.encrypt(vectors.private_key(key).public_key(), secret)
        assert decrypt(key, ours) == secret
        assert ours != signing.encrypt(vectors.private_key(key).public_key(), secret)


def test_a_secret_that_does_not_fit_their_key_is_rejected_and_not_quoted() -> None:
    with pytest.raises(Rejected, match="unsupported") as caught:
        signing.encrypt(CERTIFICATE.key, "长" * 72)
    assert "长" not in str(caught.value)


def test_secrets_are_sent_under_the_public_key_or_else_the_certificate_that_ends_last() -> None:
    def ends(days: int) -> TrustedKey:
        return TrustedKey(CERTIFICATE.key, vectors.NOW + timedelta(days=days))

    certificates = {"old": ends(1), "new": ends(400), "ended": ends(-1)}
    assert signing.newest_key(certificates, vectors.NOW)[0] == "new"
    assert signing.newest_key({**certificates, vectors.PUBLIC_KEY_ID: TrustedKey(CERTIFICATE.key)}, vectors.NOW)[0] == (
        vectors.PUBLIC_KEY_ID
    )
    for none in ({}, {"ended": ends(0)}):
        with pytest.raises(Rejected, match="unsupported"):
            signing.newest_key(none, vectors.NOW)


BODY = vectors.notification()
HEADERS = vectors.signed(BODY)


def test_a_proven_body_leaves_no_doubt() -> None:
    assert doubt_code(HEADERS, BODY) is None


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_a_missing_or_empty_header_is_a_missing_signature(name: str) -> None:
    assert doubt_code({key: value for key, value in HEADERS.items() if key != name}, BODY) == "signature_missing"
    assert doubt_code(HEADERS | {name: ""}, BODY) == "signature_missing"


def test_a_signature_probe_is_known_by_its_prefix_before_anything_else_is_looked_at() -> None:
    probe = {"wechatpay-signature": "WECHATPAY/SIGNTEST/" + HEADERS["wechatpay-signature"], "wechatpay-timestamp": "1"}
    assert doubt_code(HEADERS | probe, BODY) == "signature_probe"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-301, "timestamp_stale"), (-300, None), (300, None), (301, "timestamp_stale")]
)
def test_three_hundred_seconds_are_allowed_either_way_and_not_one_more(seconds: int, expected: str | None) -> None:
    assert doubt_code(HEADERS, BODY, now=vectors.NOW + timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    "timestamp", ["now", "-5", "1_717", "１７１７２４３２００", "1" * 5000, "1717243200.0", " 1717243200"]
)
def test_a_timestamp_that_is_no_number_of_seconds_is_stale(timestamp: str) -> None:
    assert doubt_code(HEADERS | {"wechatpay-timestamp": timestamp}, BODY) == "timestamp_stale"


def test_the_serial_decides_which_key_must_have_signed() -> None:
    both = {**KEYS, vectors.PUBLIC_KEY_ID: public_key("community_public_key.pem")}
    assert doubt_code(HEADERS, BODY, both) is None
    assert doubt_code(HEADERS | {"wechatpay-serial": vectors.PUBLIC_KEY_ID}, BODY, both) == "signature_wrong"
    assert doubt_code(HEADERS | {"wechatpay-serial": "F" * 40}, BODY, both) == "serial_unknown"


def test_a_certificate_proves_nothing_after_its_end() -> None:
    end = CERTIFICATE.usable_until
    assert end is not None
    keys = {vectors.PLATFORM_SERIAL: CERTIFICATE}
    assert doubt_code(vectors.signed(BODY, end - timedelta(seconds=1)), BODY, keys, end - timedelta(seconds=1)) is None
    assert doubt_code(vectors.signed(BODY, end), BODY, keys, end) == "serial_unknown"


@given(position=st.integers(0, len(BODY) - 1), flip=st.integers(1, 255))
def test_a_body_with_any_byte_changed_is_refused(position: int, flip: int) -> None:
    changed = bytearray(BODY)
    changed[position] ^= flip
    assert doubt_code(HEADERS, bytes(changed)) == "signature_wrong"


@given(name=st.sampled_from(sorted(HEADERS)), data=st.data())
def test_a_header_with_any_character_changed_is_refused(name: str, data: st.DataObject) -> None:
    value = HEADERS[name]
    position = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"], exclude_characters=value[position]))
    assert doubt_code(HEADERS | {name: value[:position] + other + value[position + 1 :]}, BODY) is not None


@given(st.text(max_size=400), st.binary(max_size=200))
def test_no_signature_however_odd_is_more_than_wrong(signature: str, body: bytes) -> None:
    assert doubt_code(HEADERS | {"wechatpay-signature": "A" + signature}, body) == "signature_wrong"


def test_base64_is_taken_in_one_spelling_only() -> None:
    signature = HEADERS["wechatpay-signature"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert signature.endswith("==")
    # The last character before the padding has four spare bits: the next in the alphabet decodes to the same bytes.
    last = alphabet[alphabet.index(signature[-3]) ^ 1]
    assert doubt_code(HEADERS | {"wechatpay-signature": signature[:-3] + last + "=="}, BODY) == "signature_wrong"
