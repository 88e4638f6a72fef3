"""Why a notice cannot be proven: which of key, serial, time, body or account is wrong. Pure, and proves nothing itself.

Three things can be known of every notice, and together they tell: which key made its signature, which bytes that
signature covers (an RSA signature gives its digest back to whoever has the public key), and whether its sealed part
opens with the account's APIv3 key, which only WeChat Pay shares with us.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from tongbao.channels.model import Diagnosis
from tongbao.channels.wechatpay import signing, wire
from tongbao.channels.wechatpay.account import Account
from tongbao.channels.wechatpay.findings import Way, say
from tongbao.kit.errors import Untrusted
from tongbao.kit.words import Words

_SIGNED_HEADERS = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature", "wechatpay-serial")
_LONGEST_SERIAL = 64
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# The order in which WeChat Pay writes a notification's fields, outside and inside (v3_notify_payscore.json).
_WRITTEN_ORDER = ("id", "create_time", "resource_type", "event_type", "summary", "resource")
_WRITTEN_ORDER_INSIDE = ("original_type", "algorithm", "ciphertext", "associated_data", "nonce")


def diagnose(account: Account, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Diagnosis:
    """What is wrong with a notice that came at `received_at`. Header names are lower-case. Never raises."""
    doubt = signing.find_doubt(headers, body, account.platform_keys, received_at)
    if doubt is None or doubt.code != "timestamp_stale":
        return _diagnose(account, headers, body, doubt)
    sent_at = _sent_at(headers["wechatpay-timestamp"])
    if sent_at is None:
        return say("time_unreadable")
    seconds = round((received_at - sent_at).total_seconds())
    # Whatever else is wrong weighs more than its time: an old notice played back is still signed right.
    doubt = signing.find_doubt(headers, body, account.platform_keys, sent_at)
    if doubt is None:
        return say("time_past" if seconds > 0 else "time_ahead", seconds=str(abs(seconds)))
    found = _diagnose(account, headers, body, doubt)
    return replace(found, finding=_and_its_time(found.finding, seconds))


def _diagnose(account: Account, headers: Mapping[str, str], body: bytes, doubt: Untrusted | None) -> Diagnosis:
    match doubt.code if doubt else None:
        case None:
            return _sealed_part(account, body)
        case "signature_missing":
            return _missing_headers(headers)
        case "signature_probe":
            return say("probe")
        case "serial_unknown":
            return _serial(account, headers, body)
        case _:
            return _signature(account, headers, body)


def _sealed_part(account: Account, body: bytes) -> Diagnosis:
    """Of a notice whose signature is right."""
    try:
        outside = wire.envelope(body)
        plaintext = signing.unseal(account.cipher, outside.sealed)
        wire.notice(outside, plaintext)
        merchant_number = wire.merchant_of(plaintext)
    except Untrusted:
        return say("key_does_not_open")
    except ValueError:
        return say("body_of_unknown_shape")
    if merchant_number not in {None, account.merchant_number}:
        return say("account_of_another_number", number=account.merchant_number)
    return say("nothing")


def _missing_headers(headers: Mapping[str, str]) -> Diagnosis:
    missing = [name for name in _SIGNED_HEADERS if not headers.get(name)]
    if "wechatpay-serial" in missing:
        name = "serial_missing"
    else:
        name = "time_missing" if "wechatpay-timestamp" in missing else "body_unsigned"
    return say(name, missing=", ".join(missing))


def _serial(account: Account, headers: Mapping[str, str], body: bytes) -> Diagnosis:
    """Of a notice that names a key which we do not have, or no longer."""
    serial, ours = headers["wechatpay-serial"][:_LONGEST_SERIAL], ", ".join(account.platform_keys) or "-"
    if serial in account.platform_keys:
        return say("serial_ended", serial=serial)
    maker, digest = _maker(account, headers)
    if digest and _covers(digest, headers, body):
        return say("serial_misnamed", serial=serial, maker=maker)
    if serial.upper() == account.merchant_serial:
        return say("serial_is_the_merchants", serial=serial)
    if _opens(account, body) is False:
        return say("account_of_another_environment", serial=serial, ours=ours)
    is_public_key = serial.startswith("PUB_KEY_ID_")
    return say("serial_of_public_key" if is_public_key else "serial_of_certificate", serial=serial, ours=ours)


def _signature(account: Account, headers: Mapping[str, str], body: bytes) -> Diagnosis:
    """Of a notice whose signature does not fit its bytes under the key that it names."""
    serial = headers["wechatpay-serial"]
    maker, digest = _maker(account, headers)
    if digest is None:
        opened = _opens(account, body)
        name = {True: "key_of_another", False: "account_of_another", None: "body_no_notice"}[opened]
        return say(name, serial=serial)
    if maker != serial and _covers(digest, headers, body):
        return say("serial_misnamed", serial=serial, maker=maker)
    for way, original in _rewritings(body):
        if original != body and _covers(digest, headers, original):
            return say("body_rewritten", way=way.value)
    return say("body_changed")


def _maker(account: Account, headers: Mapping[str, str]) -> tuple[str, bytes | None]:
    """Which key of ours made the signature, and the digest that it covers; None where it was none of them."""
    for name, trusted in account.platform_keys.items():
        digest = signing.signed_digest(trusted.key, headers["wechatpay-signature"])
        if digest:
            return name, digest
    return "", None


def _covers(digest: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        message = signing.answer_message(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], body)
    except UnicodeEncodeError:
        return False
    return sha256(message).digest() == digest


def _opens(account: Account, body: bytes) -> bool | None:
    """Whether the sealed part opens with our APIv3 key; None where there is no such part to be read."""
    try:
        signing.unseal(account.cipher, wire.envelope(body).sealed)
    except Untrusted:
        return False
    except ValueError:
        return None
    return True


def _rewritings(body: bytes) -> Iterator[tuple[Way, bytes]]:
    """What a proxy is known to do to a body, each with what the body was if that was done."""
    yield Way.MARKED, body.removeprefix(_BYTE_ORDER_MARK)
    yield Way.ENDED, body.rstrip()
    yield Way.TRIMMED, body + b"\n"
    yield Way.LINES, body.replace(b"\r\n", b"\n")
    yield Way.LINES, body.replace(b"\n", b"\r\n")
    try:
        fields = orjson.loads(body.removeprefix(_BYTE_ORDER_MARK))
        yield from ((Way.JSON, spelling) for order in (fields, _as_written(fields)) for spelling in _spellings(order))
    except (ValueError, RecursionError):
        return


def _as_written(fields: Any) -> Any:
    if not isinstance(fields, dict) or not isinstance(fields.get("resource"), dict):
        return fields
    inside = _in_order(fields["resource"], _WRITTEN_ORDER_INSIDE)
    return _in_order({**fields, "resource": inside}, _WRITTEN_ORDER)


def _in_order(fields: dict[str, Any], order: tuple[str, ...]) -> dict[str, Any]:
    return {name: fields[name] for name in (*order, *fields) if name in fields}


def _spellings(fields: Any) -> Iterator[bytes]:
    """The ways in which the common JSON writers spell one value: spaces, escapes beyond ASCII, escaped slashes."""
    for separators in ((",", ":"), (", ", ": ")):
        for is_ascii in (False, True):
            text = json.dumps(fields, ensure_ascii=is_ascii, separators=separators)
            yield text.encode()
            yield text.replace("/", "\\/").encode()


def _sent_at(timestamp: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(timestamp), UTC) if timestamp.isascii() and timestamp.isdecimal() else None
    except (ValueError, OverflowError, OSError):
        return None


def _and_its_time(finding: Words, seconds: int) -> Words:
    return Words(
        f"{finding.en}. Its timestamp is {abs(seconds)} s {'before' if seconds > 0 else 'after'} our clock, too",
        f"{finding.zh}。此外，其时间戳比我们的时钟{'早' if seconds > 0 else '晚'} {abs(seconds)} 秒",
    )
