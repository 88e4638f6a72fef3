"""Notifications as bytes: the sealed envelope, the signed headers, and every way to spoil them (protocol 4.1, 4.2)."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from tongbao_sandbox.clock import rfc3339
from tongbao_sandbox.courier import Letter
from tongbao_sandbox.wechat import signing
from tongbao_sandbox.wechat.credentials import Merchant

__all__ = ["EVENTS", "FORGERIES", "SPOILINGS", "TAMPERINGS", "Letter", "Spoiling", "envelope", "signed"]


Spoiling = Callable[[Merchant, bytes, float], Letter]
"""Signs a body now, and spoils it."""


EVENTS = {
    "TRANSACTION.SUCCESS": ("transaction", "支付成功"),
    "REFUND.SUCCESS": ("refund", "退款成功"),
    "REFUND.ABNORMAL": ("refund", "退款异常"),
    "REFUND.CLOSED": ("refund", "退款关闭"),
}
"""What is notified, with what is sealed in it and its summary (protocol 4.3)."""


def envelope(merchant: Merchant, event_type: str, plaintext: Mapping[str, Any], now: float) -> bytes:
    """A notice of one of EVENTS with the transaction or refund sealed in it, under an id of its own."""
    original_type, summary = EVENTS[event_type]
    notice = {
        "id": str(uuid.uuid4()),
        "create_time": rfc3339(now),
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": summary,
        "resource": _sealed(merchant, original_type, plaintext),
    }
    return orjson.dumps(notice)


def signed(merchant: Merchant, body: bytes, now: float) -> Letter:
    """The body under a signature made now."""
    return _letter(merchant, body, now, merchant.notify_serial())


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


def _sealed(merchant: Merchant, original_type: str, plaintext: Mapping[str, Any]) -> dict[str, Any]:
    nonce = signing.new_nonce(12)
    return {
        "original_type": original_type,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": signing.seal(merchant.cipher, nonce, orjson.dumps(plaintext), original_type),
        "associated_data": original_type,
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


def _other_time(merchant: Merchant, body: bytes, now: float) -> Letter:
    """The timestamp is a second off the signed one; it is fresh all the same."""
    return _with_headers(signed(merchant, body, now), {"Wechatpay-Timestamp": str(int(now) - 1)})


def _other_nonce(merchant: Merchant, body: bytes, now: float) -> Letter:
    """The nonce in the header is not the signed one."""
    return _with_headers(signed(merchant, body, now), {"Wechatpay-Nonce": signing.new_nonce()})


def _unknown_serial(merchant: Merchant, body: bytes, now: float) -> Letter:
    """Truly signed, under the name of a key nobody has."""
    return _with_headers(signed(merchant, body, now), {"Wechatpay-Serial": secrets.token_hex(20).upper()})


def _wrong_key(merchant: Merchant, body: bytes, now: float) -> Letter:
    """Signed by the gateway's other key, under the name of the right one."""
    right = merchant.notify_serial()
    other = next(serial for serial in merchant.signers if serial != right)
    return _with_headers(_letter(merchant, body, now, other), {"Wechatpay-Serial": right})


def _inside(change: Callable[[dict[str, Any]], object]) -> Spoiling:
    """What is sealed is changed and sealed again, under the signature of the true body."""

    def spoil(merchant: Merchant, body: bytes, now: float) -> Letter:
        notice = orjson.loads(body)
        sealed = notice["resource"]
        opened = signing.unsealed(merchant.cipher, sealed["nonce"], sealed["ciphertext"], sealed["associated_data"])
        plaintext = orjson.loads(opened)
        change(plaintext)
        notice["resource"] = _sealed(merchant, sealed["original_type"], plaintext)
        return replace(signed(merchant, body, now), body=orjson.dumps(notice))

    return spoil


def _other_amount(plaintext: dict[str, Any]) -> None:
    """Every number of the amount is a million yuan."""
    amount = _amount(plaintext).items()
    plaintext["amount"] = {name: 100_000_000 if isinstance(value, int) else value for name, value in amount}


def _other_currency(plaintext: dict[str, Any]) -> None:
    plaintext["amount"] = {**_amount(plaintext), "currency": "USD", "payer_currency": "USD"}


def _amount(plaintext: dict[str, Any]) -> dict[str, Any]:
    """A crafted notice may have anything in this place."""
    amount = plaintext.get("amount")
    return amount if isinstance(amount, dict) else {}


def _other_status(plaintext: dict[str, Any]) -> None:
    plaintext["refund_status"] = "CLOSED" if plaintext.get("refund_status") == "SUCCESS" else "SUCCESS"


def _other(name: str) -> Callable[[dict[str, Any]], object]:
    """The named text ends in another character."""

    def change(plaintext: dict[str, Any]) -> None:
        value = str(plaintext.get(name, ""))
        plaintext[name] = value[:-1] + ("1" if value.endswith("0") else "0")

    return change


def _other_associated_data(merchant: Merchant, body: bytes, now: float) -> Letter:
    """Truly signed, but the resource does not open: its associated data is another."""
    notice = orjson.loads(body)
    notice["resource"]["associated_data"] += "s"
    return signed(merchant, orjson.dumps(notice), now)


def _probe(merchant: Merchant, body: bytes, now: float) -> Letter:
    """WeChat Pay's own test of whether its receivers verify at all."""
    letter = signed(merchant, body, now)
    signature = letter.headers["Wechatpay-Signature"]
    return _with_headers(letter, {"Wechatpay-Signature": f"WECHATPAY/SIGNTEST/{signature[19:]}"})


def _with_headers(letter: Letter, headers: Mapping[str, str]) -> Letter:
    return replace(letter, headers={**letter.headers, **headers})


SPOILINGS: Mapping[str, Spoiling] = {
    "none": signed,
    "amount": _inside(_other_amount),
    "appid": _inside(_other("appid")),
    "mchid": _inside(_other("mchid")),
    "out_trade_no": _inside(_other("out_trade_no")),
    "transaction_id": _inside(_other("transaction_id")),
    "out_refund_no": _inside(_other("out_refund_no")),
    "refund_id": _inside(_other("refund_id")),
    "refund_status": _inside(_other_status),
    "currency": _inside(_other_currency),
    "time": _other_time,
    "nonce": _other_nonce,
    "serial": _unknown_serial,
    "signature": _signature_changed,
    "body": _bit_flipped,
    "aad": _other_associated_data,
    "key": _wrong_key,
    "timestamp": _stale,
    "probe": _probe,
}
FORGERIES = ("body", "key", "amount", "timestamp", "serial")
"""What the forge fault chooses from; each alone must make a receiver refuse."""

_ANYWHERE = ("amount", "mchid", "out_trade_no", "transaction_id", "time", "nonce", "serial", "signature", "body", "aad")
TAMPERINGS: Mapping[str, tuple[str, ...]] = {
    "transaction": (*_ANYWHERE, "appid", "currency"),
    "refund": (*_ANYWHERE, "out_refund_no", "refund_id", "refund_status"),
}
"""The fields the tamper fault changes, each in turn, by what is sealed in the notice."""
