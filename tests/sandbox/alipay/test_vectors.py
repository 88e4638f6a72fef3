"""Our texts, signatures, numbers and bytes against what was published and recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from tongbao_sandbox.alipay import envelope, letters, signing
from tongbao_sandbox.alipay.asking import Reply
from tongbao_sandbox.alipay.errors import Refusal

VECTORS = Path(__file__).parent / "vectors"


def vectors(name: str) -> list[Any]:
    loaded = json.loads((VECTORS / f"{name}.json").read_text())["vectors"]
    assert isinstance(loaded, list)
    return loaded


def named(vector: dict[str, Any]) -> str:
    return str(vector.get("id") or vector.get("file"))


def private_key(name: str) -> RSAPrivateKey:
    key = load_pem_private_key((VECTORS / name).read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def public_key(name: str) -> RSAPublicKey:
    key = load_pem_public_key((VECTORS / name.split(" ")[0]).read_bytes())
    assert isinstance(key, RSAPublicKey)
    return key


@pytest.mark.parametrize("vector", vectors("request_signing"), ids=named)
def test_a_request_is_signed_byte_for_byte_as_published(vector: dict[str, Any]) -> None:
    text = signing.parameters_text({**vector["params"], "sign": "?"})
    assert text == vector["signing_string"]
    assert signing.sign(private_key(vector["private_key"]), text.encode(), vector["sign_type"]) == vector["sign"]
    assert signing.verify(public_key(vector["public_key"]), text.encode(), vector["sign"], vector["sign_type"])


@pytest.mark.parametrize("vector", vectors("notifies"), ids=named)
def test_a_notification_is_believed_or_not_as_recorded(vector: dict[str, Any]) -> None:
    text = signing.parameters_text(vector["form"], vector["remove_before_signing"])
    assert text == vector["signing_string"]
    believed = signing.verify(public_key(vector["alipay_public_key"]), text.encode(), vector["form"]["sign"])
    assert believed == (vector["expect"] == "valid")


def test_a_notification_of_ours_has_the_fields_of_a_recorded_one(app_notification: dict[str, str]) -> None:
    recorded = next(each for each in vectors("notifies") if each["id"] == "nodejs-trade-status-sync")["form"]
    missing = set(recorded) - set(app_notification)
    assert missing == {"seller_email", "buyer_id"}
    assert set(app_notification) - set(recorded) == {"buyer_open_id"}
    assert {name: len(app_notification[name]) for name in ("notify_id", "trade_no", "sign")} == {
        name: len(recorded[name]) for name in ("notify_id", "trade_no", "sign")
    }


@pytest.mark.parametrize("vector", vectors("return_urls"), ids=named)
def test_a_return_url_is_signed_as_recorded(vector: dict[str, Any]) -> None:
    text = signing.parameters_text(vector["params"], letters.UNSIGNED)
    assert text == vector["signing_string"]
    assert signing.verify(public_key(vector["alipay_public_key"]), text.encode(), vector["params"]["sign"])


@pytest.mark.parametrize("vector", vectors("sync_responses"), ids=named)
def test_an_answer_is_signed_over_the_bytes_that_were_recorded(vector: dict[str, Any]) -> None:
    message = vector["signed_substring"].encode()
    believed = signing.verify(public_key(vector["alipay_public_key"]), message, vector["sign"])
    assert believed == (vector["expect"] == "valid")


@pytest.mark.parametrize("vector", vectors("sync_responses"), ids=named)
def test_we_write_an_answer_byte_for_byte_as_it_was_recorded(vector: dict[str, Any]) -> None:
    members = json.loads(vector["signed_substring"])
    code, _ = members.pop("code"), members.pop("msg")
    reply = Reply(members, code)
    if "sub_code" in members:
        reply = Reply(refusal=Refusal(code, members["sub_code"], members["sub_msg"]))
    assert envelope.text(reply) == vector["signed_substring"]
    root = envelope.root(vector["root"].removesuffix("_response").replace("_", "."), reply)
    assert f'{{"{root}":{envelope.text(reply)},"sign":"{vector["sign"]}"}}' == vector["raw_body"]


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # a serial number is zero
@pytest.mark.parametrize("vector", vectors("cert_sn"), ids=named)
def test_a_certificate_has_the_published_number(vector: dict[str, Any]) -> None:
    pem = (VECTORS / vector["file"]).read_text()
    if vector["kind"] == "root_bundle":
        assert signing.root_sn(pem) == vector["expected_sn"]
    else:
        certificates = x509.load_pem_x509_certificates(pem.encode())
        assert [signing.certificate_sn(each) for each in certificates] == [x["md5"] for x in vector["certificates"]]
        assert signing.certificate_sn(certificates[0]) == vector["expected_sn"]


@pytest.mark.parametrize("vector", vectors("aes"), ids=named)
def test_content_is_encrypted_as_published(vector: dict[str, Any]) -> None:
    assert signing.encrypted(vector["key_base64"], vector["plaintext"]) == vector["ciphertext_base64"]
    assert signing.decrypted(vector["key_base64"], vector["ciphertext_base64"]) == vector["plaintext"]


@pytest.mark.parametrize("vector", vectors("v3_openapi"), ids=named)
def test_the_v3_protocol_signs_what_the_official_client_does(vector: dict[str, Any]) -> None:
    request, response = vector["request"], vector["response"]
    headers = request["headers"]
    # Of an upload the text of the part `data` is signed, not the whole body.
    body = '{"biz_code":"openpt_appstore"}' if vector["id"] == "multipart-upload" else request["body"]
    token = headers.get("alipay-app-auth-token")
    facts = request["auth_string"], request["method"], request["target"], body, token
    assert signing.v3_request_text(*facts) == request["sign_content"]
    assert signing.verify(public_key(request["verify_with"]), request["sign_content"].encode(), request["sign"])
    stamped = response["headers"]["alipay-timestamp"], response["headers"]["alipay-nonce"]
    assert signing.v3_answer_text(*stamped, response["body"]) == response["sign_content"]
    message, signature = response["sign_content"].encode(), response["headers"]["alipay-signature"]
    assert signing.verify(public_key(response["verify_with"]), message, signature)
