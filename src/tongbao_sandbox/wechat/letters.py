"""Notifications as bytes: the sealed envelope, the signed headers, and every way to spoil them (protocol 4.1, 4.2)."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from tongbao_sandbox.clock import rfc3339
from tongbao_sandbox.wechat import signing
from tongbao_sandbox.wechat.credentials import Merchant


@dataclass(frozen=True, slots=True)
class Letter:
    """One notification ready to be posted."""

    headers: Mapping[str, str]
    body: bytes


def envelope(merchant: Merchant, plaintext: Mapping[str, Any], now: float) -> bytes:
    """A TRANSACTION.SUCCESS notice with the transaction sealed in it, under an id of its own."""
    resource = _sealed(merchant, orjson.dumps(plaintext))
    notice = {
        "id": str(uuid.uuid4()),
        "create_time": rfc3339(now),
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": resource,
    }
    return orjson.dumps(notice)


def signed(merchant: Merchant, body: bytes, now: float) -> Letter:
    """The body under a signature made now."""
    return _letter(merchant, body, now, merchant.notify_serial())


def spoiled(way: str, merchant: Merchant, body: bytes, now: float) -> Letter:
    """The body under a signature made now, then spoiled; `way` is one of SPOILINGS."""
    return SPOILINGS[way](merchant, body, now)


def _letter(merchant: Merchant, body: bytes, now: float, serial: str) -> Letter:
    timestamp, nonce = str(int(now)), signing.new_nonce()
    signature = signing.sign(merchant.signers[serial], signing.answer_message(timestamp, nonce, body))
    return Letter(
        {
            "Content-Type": "application/json",
            "Request-ID": f"{secrets.token_hex(20).upper()}-0",
            "User-Agent": "Mozilla/4.0",
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": serial,
            "Wechatpay-Signature": signature,
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
            "Wechatpay-Timestamp": timestamp,
        },
        body,
    )


def _sealed(merchant: Merchant, plaintext: bytes) -> dict[str, object]:
    nonce = signing.new_nonce(12)
    return {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": signing.seal(merchant.cipher, nonce, plaintext, "transaction"),
        "associated_data": "transaction",
        "nonce": nonce,
    }


def _bit_flipped(merchant: Merchant, body: bytes, now: float) -> Letter:
    """A byte of the body changes on the way."""
    letter, changed = signed(merchant, body, now), bytearray(body)
    changed[secrets.randbelow(len(changed))] ^= 1 << secrets.randbelow(8)
    return replace(letter, body=bytes(changed))


def _signature_changed(merchant: Merchant, body: bytes, now: float) -> Letter:
    """A byte of the signature changes; it is still good base64."""
    letter = signed(merchant, body, now)
    raw = bytearray(base64.b64decode(letter.headers["Wechatpay-Signature"]))
    raw[secrets.randbelow(len(raw))] ^= 1
    return _with_headers(letter, {"Wechatpay-Signature": base64.b64encode(raw).decode()})


def _stale(merchant: Merchant, body: bytes, now: float) -> Letter:
    """Truly signed, ten minutes ago: a replay."""
    return signed(merchant, body, now - 600)


def _unknown_serial(merchant: Merchant, body: bytes, now: float) -> Letter:
    """Truly signed, under the name of a key nobody has."""
    return _with_headers(signed(merchant, body, now), {"Wechatpay-Serial": secrets.token_hex(20).upper()})


def _wrong_key(merchant: Merchant, body: bytes, now: float) -> Letter:
    """Signed by the gateway's other key, under the name of the right one."""
    right = merchant.notify_serial()
    other = next(serial for serial in merchant.signers if serial != right)
    return _with_headers(_letter(merchant, body, now, other), {"Wechatpay-Serial": right})


def _other_amount(merchant: Merchant, body: bytes, now: float) -> Letter:
    """The amount changed and sealed again, under the signature of the true body."""
    notice = orjson.loads(body)
    resource = notice["resource"]
    sealed, nonce = base64.b64decode(resource["ciphertext"]), resource["nonce"].encode()
    plaintext = orjson.loads(merchant.cipher.decrypt(nonce, sealed, resource["associated_data"].encode()))
    plaintext["amount"] = {"total": 100_000_000, "payer_total": 100_000_000, "currency": "CNY", "payer_currency": "CNY"}
    notice["resource"] = _sealed(merchant, orjson.dumps(plaintext))
    return replace(signed(merchant, body, now), body=orjson.dumps(notice))


def _other_associated_data(merchant: Merchant, body: bytes, now: float) -> Letter:
    """Truly signed, but the resource does not open: its associated data is another."""
    notice = orjson.loads(body)
    notice["resource"]["associated_data"] = "refund"
    return signed(merchant, orjson.dumps(notice), now)


def _probe(merchant: Merchant, body: bytes, now: float) -> Letter:
    """WeChat Pay's own test of whether its receivers verify at all."""
    letter = signed(merchant, body, now)
    signature = letter.headers["Wechatpay-Signature"]
    return _with_headers(letter, {"Wechatpay-Signature": f"WECHATPAY/SIGNTEST/{signature[19:]}"})


def _with_headers(letter: Letter, headers: Mapping[str, str]) -> Letter:
    return replace(letter, headers={**letter.headers, **headers})


SPOILINGS: Mapping[str, Callable[[Merchant, bytes, float], Letter]] = {
    "none": signed,
    "body": _bit_flipped,
    "signature": _signature_changed,
    "timestamp": _stale,
    "serial": _unknown_serial,
    "key": _wrong_key,
    "amount": _other_amount,
    "aad": _other_associated_data,
    "probe": _probe,
}
FORGERIES = ("body", "key", "amount", "timestamp", "serial")
"""What the forge fault chooses from; each alone must make a receiver refuse."""
