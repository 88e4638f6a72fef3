from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.protocols.alipay_vectors import ALIPAY_KEY, private_key, public_key, text, vectors
from tongbao.kit.errors import Untrusted
from tongbao.protocols.alipay import (
    certificates,
    form_messages,
    is_signature,
    is_signed,
    read_form,
    signed_digest,
    signing,
    wire,
)

REQUESTS = vectors("request_signing.json")
ANSWERS = vectors("sync_responses.json")
FORMS = [*vectors("notifies.json"), *({**one, "form": one["params"]} for one in vectors("return_urls.json"))]
CERTIFICATES = vectors("cert_sn.json")
SEALED = vectors("aes.json")


def named(vector: dict[str, Any]) -> str:
    return str(vector.get("id") or vector["file"])


@pytest.mark.parametrize("vector", REQUESTS, ids=named)
def test_a_published_request_is_signed_over_the_published_string(vector: dict[str, Any]) -> None:
    assert signing.request_message(vector["params"]).decode() == vector["signing_string"]


@pytest.mark.parametrize("vector", [one for one in REQUESTS if one["sign_type"] == "RSA2"], ids=named)
def test_a_published_request_gets_the_published_signature_byte_for_byte(vector: dict[str, Any]) -> None:
    message = signing.request_message(vector["params"])
    assert signing.sign(private_key(vector["private_key"]), message) == vector["sign"]


def test_the_older_signature_with_sha_1_proves_nothing() -> None:
    (vector,) = [one for one in REQUESTS if one["sign_type"] == "RSA"]
    assert not is_signed(public_key(vector["public_key"]), vector["signing_string"].encode(), vector["sign"])


@pytest.mark.parametrize("vector", ANSWERS, ids=named)
def test_a_recorded_answer_is_proven_over_its_raw_substring_or_not(vector: dict[str, Any]) -> None:
    answer = wire.read_answer(vector["raw_body"].encode(), vector["root"].removesuffix("_response").replace("_", "."))
    assert (answer.value.decode(), answer.signature) == (vector["signed_substring"], vector["sign"])
    assert answer.is_own
    is_proven = is_signed(public_key(vector["alipay_public_key"]), answer.value, answer.signature or "")
    assert is_proven == (vector["expect"] == "valid")


@pytest.mark.parametrize("vector", vectors("response_extraction.json"), ids=named)
def test_the_signed_part_is_cut_out_exactly(vector: dict[str, Any]) -> None:
    method = "any.method" if vector["root"] == "error_response" else vector["root"].removesuffix("_response")
    answer = wire.read_answer(vector["raw_body"].encode(), method.replace("_", "."))
    assert answer.value.decode() == vector["expect"]
    assert answer.certificate_serial == vector.get("alipay_cert_sn")
    assert (answer.signature is None) == ("unsigned" in vector["id"])


@pytest.mark.parametrize("vector", FORMS, ids=named)
def test_a_published_form_is_proven_over_its_fields_or_not(vector: dict[str, Any]) -> None:
    form = tuple((name.encode(), value.encode()) for name, value in vector["form"].items())
    messages = form_messages(form)
    assert vector["signing_string"].encode() in messages
    key = public_key(vector["alipay_public_key"])
    is_proven = any(is_signed(key, message, vector["form"]["sign"]) for message in messages)
    assert is_proven == (vector["expect"] == "valid")


def test_a_recorded_body_is_decoded_once_so_that_a_plus_in_a_value_survives() -> None:
    (vector,) = [one for one in FORMS if "raw_post_body" in one]
    form = read_form(vector["raw_post_body"].encode())
    assert form.texts() == vector["form"]
    assert any("+" in value for name, value in vector["form"].items() if name != "sign")
    (back,) = vectors("return_urls.json")
    assert dict(parse_qsl(urlsplit(back["url"]).query)) == read_form(urlsplit(back["url"]).query.encode()).texts()


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # one of them has the number 0
@pytest.mark.parametrize("vector", CERTIFICATES, ids=named)
def test_a_certificate_has_the_published_number(vector: dict[str, Any]) -> None:
    chain = certificates.read_chain(text(vector["file"]))
    is_root = vector["kind"] == "root_bundle"
    assert (certificates.root_serial_of(chain) if is_root else certificates.serial_of(chain[0])) == vector[
        "expected_sn"
    ]


@pytest.mark.parametrize("vector", SEALED, ids=named)
def test_published_contents_are_sealed_and_opened(vector: dict[str, Any]) -> None:
    key = base64.b64decode(vector["key_base64"])
    assert signing.seal(key, vector["plaintext"].encode()) == vector["ciphertext_base64"]
    assert signing.unseal(key, vector["ciphertext_base64"]).decode() == vector["plaintext"]


@pytest.mark.parametrize("sealed", ["", "AAAA", "not base64", "ILpoMowjIQjfYMR847rnFQ==", "ILpoMowjIQjfYMR847rnFA=="])
def test_what_was_sealed_with_another_key_or_changed_is_not_opened(sealed: str) -> None:
    with pytest.raises(Untrusted) as caught:
        signing.unseal(bytes(16), sealed)
    assert caught.value.code == "decryption_failed"


def test_a_signature_has_one_spelling_only() -> None:
    key, good = ALIPAY_KEY.public_key(), signing.sign(ALIPAY_KEY, b"x")
    spelt = [good, good[:-3] + chr(ord(good[-3]) ^ 1) + "==", good + "\n", good.rstrip("="), f" {good}"]
    assert [is_signed(key, b"x", one) for one in spelt] == [True, False, False, False, False]
    assert [is_signature(one.encode()) for one in (good, good + "\n", "", "YWJj")] == [True, False, False, False]
    assert signed_digest(key, good) is not None
    assert signed_digest(public_key("keys/yansongda_sandbox_app_public.pem"), good) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"a_response":{}',
        b'{"a_response":{}}{"sign":"x"}',
        b'{"a_response":{},"a_response":{}}',
        b'{"a_response":{},"\\u0061_response":{}}',
        b'{"a_response":{}-"sign":"x"}',
        b'["a_response"]',
        b'{"b_response":{},"sign":"x"}',
        b'{"a_response":{},"sign":7}',
    ],
)
def test_an_answer_that_two_readers_could_read_in_two_ways_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        wire.read_answer(body, "a")


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a=1&%61=2"])
def test_a_form_with_a_field_twice_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match="twice"):
        read_form(body)
