"""Notices of the gateway, and ways to spoil them. Pure: an edit is a value, and what it does to a letter a function.

A letter is spoilt outside (bytes, headers, path, under a signature that no longer fits), or inside: what it says is
changed, and then truly sealed and signed, as if the gateway's own keys had been stolen from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import strategies as st

from tongbao_sandbox.wechat import signing
from tongbao_sandbox.wechat.credentials import Merchant

SIGNED = (b"wechatpay-timestamp", b"wechatpay-nonce", b"wechatpay-signature", b"wechatpay-serial")
"""The headers that prove a letter."""

_ASSOCIATED = {"transaction": "transaction", "refund": "refund"}
_TIME = "2026-01-02T03:04:05+08:00"


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice as it goes over the wire."""

    path: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def proof(self) -> tuple[bytes, ...]:
        """What a receiver verifies: where it came, the last value of each header that proves it, and its bytes."""
        last = {name.lower(): value.strip() for name, value in self.headers}
        where = unquote_to_bytes(self.path.partition(b"?")[0])
        return (where, *(last.get(name, b"") for name in SIGNED), self.body)


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. `what` is a key of the functions below, `where` a place (a position, a header, a pointer into JSON),
    `value` what is put there."""

    what: str
    where: Any = None
    value: Any = None


# What the gateway would say ----------------------------------------------------------------------


def transaction(attempt_id: str, mchid: str, appid: str, amount: int) -> dict[str, Any]:
    """A paid transaction, as protocol 4.4 has it."""
    return {
        "mchid": mchid,
        "appid": appid,
        "out_trade_no": attempt_id,
        "transaction_id": "4200000000202601021234567890",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": _TIME,
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": amount, "payer_total": amount, "currency": "CNY", "payer_currency": "CNY"},
    }


def refund(refund_id: str, attempt_id: str, mchid: str, amount: int) -> dict[str, Any]:
    """A refund that arrived, as a notice of it says."""
    return {
        "mchid": mchid,
        "out_trade_no": attempt_id,
        "transaction_id": "4200000000202601021234567890",
        "out_refund_no": refund_id,
        "refund_id": "50000000382019052709732678859",
        "refund_status": "SUCCESS",
        "success_time": _TIME,
        "user_received_account": "支付用户零钱",
        "amount": {"total": amount, "refund": amount, "payer_total": amount, "payer_refund": amount},
    }


def sealed(merchant: Merchant, kind: str, plaintext: bytes) -> dict[str, Any]:
    """The notice around a plaintext; `kind` is transaction or refund."""
    nonce = signing.new_nonce(12)
    return {
        "id": "EV-2018022511223320873",
        "create_time": _TIME,
        "resource_type": "encrypt-resource",
        "event_type": f"{kind.upper()}.SUCCESS",
        "summary": "成功",
        "resource": {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": signing.seal(merchant.cipher, nonce, plaintext, _ASSOCIATED[kind]),
            "associated_data": _ASSOCIATED[kind],
            "nonce": nonce,
        },
    }


def signed(merchant: Merchant, path: bytes, body: bytes, now_seconds: int) -> Letter:
    """A body under a true signature of this moment, by the merchant's platform certificate."""
    timestamp, nonce, serial = str(now_seconds), signing.new_nonce(), merchant.platform_serial
    signature = signing.sign(merchant.signers[serial], signing.answer_message(timestamp, nonce, body))
    proof = (timestamp, nonce, signature, serial)
    headers = [(b"Content-Type", b"application/json")]
    headers += [(name.title(), value.encode()) for name, value in zip(SIGNED, proof, strict=True)]
    return Letter(path, tuple(headers), body)


# Spoilt outside ----------------------------------------------------------------------


def spoilt(letter: Letter, edits: tuple[Edit, ...]) -> Letter:
    """The letter after all edits, in order."""
    for edit in edits:
        letter = _OUTSIDE[edit.what](letter, edit.where, edit.value)
    return letter


def _cut(letter: Letter, where: int, value: None) -> Letter:
    return replace(letter, body=letter.body[: where % (len(letter.body) + 1)])


def _put(letter: Letter, where: int, value: bytes) -> Letter:
    at = where % (len(letter.body) + 1)
    return replace(letter, body=letter.body[:at] + value + letter.body[at:])


def _over(letter: Letter, where: int, value: bytes) -> Letter:
    at = where % (len(letter.body) + 1)
    return replace(letter, body=letter.body[:at] + value + letter.body[at + len(value) :])


def _whole(letter: Letter, where: None, value: bytes) -> Letter:
    return replace(letter, body=value)


def _nested(letter: Letter, where: int, value: bytes) -> Letter:
    """The body as deep as `where` inside brackets, or inside keys."""
    opening, closing = (b"[", b"]") if value == b"[" else (b'{"resource":', b"}")
    return replace(letter, body=opening * where + letter.body + closing * where)


def _key_again(letter: Letter, where: str, value: bytes) -> Letter:
    """A key a second time, first in the body: which of the two counts must not matter."""
    return replace(letter, body=b"{" + json.dumps(where).encode() + b":" + value + b"," + letter.body[1:])


def _without(letter: Letter, where: bytes, value: None) -> Letter:
    return replace(letter, headers=tuple(each for each in letter.headers if each[0].lower() != where))


def _header(letter: Letter, where: bytes, value: bytes) -> Letter:
    return replace(_without(letter, where, None), headers=(*_without(letter, where, None).headers, (where, value)))


def _header_again(letter: Letter, where: bytes, value: bytes) -> Letter:
    return replace(letter, headers=(*letter.headers, (where, value)))


def _header_changed(letter: Letter, where: bytes, value: tuple[int, bytes]) -> Letter:
    """Some bytes of a header replaced: of the base64 of the signature, say."""
    at, piece = value
    before = {name.lower(): text for name, text in letter.headers}.get(where, b"")
    at %= len(before) + 1
    return _header(letter, where, before[:at] + piece + before[at + len(piece) :])


def _path(letter: Letter, where: int, value: bytes) -> Letter:
    at = where % (len(letter.path) + 1)
    path = letter.path[:at] + value + letter.path[at:]
    return replace(letter, path=path if path.startswith(b"/") else b"/" + path)


_OUTSIDE: Mapping[str, Any] = {
    "cut": _cut,
    "put": _put,
    "over": _over,
    "whole": _whole,
    "nested": _nested,
    "key_again": _key_again,
    "without": _without,
    "header": _header,
    "header_again": _header_again,
    "header_changed": _header_changed,
    "path": _path,
}

# What no HTTP client can send in a header or path; anything else is tried.
_LINE = st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\r\n\x00"))
_PIECE = st.sampled_from(
    (b"%2e%2e/", b"//", b"/", b"%00", b"%", b"%zz", b"%F0%9F", b"..;/", b"?x=1", b"#", b"\xff", b"A")
)
_BAD_TEXT = st.sampled_from((b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x00", b"\\ud800"))
_NUMBER = st.sampled_from((b"9" * 5000, b"-0", b"1e999", b"-1e-999", b"1" * 400 + b".5", b"0x10", b"NaN", b"Infinity"))
_TIMESTAMP = st.sampled_from(
    (b"0", b"-1", b"1e9", b"+1767300000", "１７".encode(), b"9" * 13, b"9" * 5000, b" ", b"1_7")
)
_BASE64 = st.sampled_from(
    (b"=", b"====", b"-_-_", b"\xe9", b" ", b"A" * 344, b"WECHATPAY/SIGNTEST/", b"AAAA", b"*", b"/=/=")
)
_PLACE = st.integers(0, 1500)
_SIGNED = st.sampled_from(SIGNED)

_edits = st.one_of(
    st.builds(Edit, st.just("cut"), _PLACE),
    st.builds(Edit, st.just("put"), _PLACE, st.one_of(st.binary(min_size=1, max_size=40), _BAD_TEXT, _NUMBER)),
    st.builds(Edit, st.just("over"), _PLACE, st.one_of(st.binary(min_size=1, max_size=8), _BAD_TEXT, _NUMBER)),
    st.builds(Edit, st.just("whole"), st.none(), st.one_of(st.binary(max_size=300), _NUMBER, _BAD_TEXT)),
    st.builds(Edit, st.just("nested"), st.integers(1, 3000), st.sampled_from((b"[", b"{"))),
    st.builds(
        Edit,
        st.just("key_again"),
        st.sampled_from(("id", "resource", "event_type", "resource_type", "")),
        st.one_of(_NUMBER, st.sampled_from((b"null", b"{}", b'""', b"[]"))),
    ),
    st.builds(Edit, st.just("without"), _SIGNED),
    st.builds(Edit, st.just("header"), _SIGNED, st.one_of(_LINE, _TIMESTAMP, _BASE64)),
    st.builds(Edit, st.just("header"), _SIGNED, st.sampled_from((1000, 8000, 60_000)).map(lambda size: b"a" * size)),
    st.builds(Edit, st.just("header_again"), _SIGNED, st.one_of(_LINE, _TIMESTAMP, _BASE64)),
    st.builds(
        Edit,
        st.just("header_changed"),
        _SIGNED,
        st.tuples(st.integers(0, 400), st.one_of(_LINE, _BASE64, _TIMESTAMP)),
    ),
    st.builds(Edit, st.just("path"), st.integers(0, 60), _PIECE),
)
outside = st.lists(_edits, min_size=1, max_size=3).map(tuple)
"""Ways to spoil a letter under a signature that no longer fits."""


# Changed inside, and truly signed ----------------------------------------------------------------------


def changed(fields: Mapping[str, Any], edits: tuple[Edit, ...]) -> dict[str, Any]:
    """The fields of a message after all edits; `where` is a path of names."""
    copy: dict[str, Any] = json.loads(json.dumps(fields))
    for edit in edits:
        part: Any = copy
        for name in edit.where[:-1]:
            part = part.get(name) if isinstance(part, dict) else None
        if not isinstance(part, dict):
            continue
        if edit.what == "drop":
            part.pop(edit.where[-1], None)
        else:
            part[edit.where[-1]] = edit.value
    return copy


_COMPARED = (
    ("mchid",),
    ("appid",),
    ("out_trade_no",),
    ("trade_state",),
    ("amount",),
    ("amount", "total"),
    ("amount", "currency"),
)
_COMPARED_OF_REFUND = (
    ("mchid",),
    ("out_trade_no",),
    ("out_refund_no",),
    ("refund_status",),
    ("amount",),
    ("amount", "refund"),
)
_ANYWHERE = (
    ("transaction_id",),
    ("success_time",),
    ("payer",),
    ("payer", "openid"),
    ("amount", "payer_total"),
    ("new",),
)
_OUTER = (
    ("id",),
    ("event_type",),
    ("resource", "original_type"),
    ("resource", "nonce"),
    ("resource", "associated_data"),
)
_TEXTS = (
    *("", "\x00", "\ud800", "😀", "SUCCESS ", "success", "CLOSED", "PAYERROR", "REVOKED", "USERPAYING", "CNY\x00"),
    *("9" * 5000, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "2026-01-02", "T"),
)
_SCALARS = st.one_of(
    st.sampled_from(_TEXTS),
    st.sampled_from((0, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30, 1.0, 0.1, 1e308, True, False, None)),
    st.text(max_size=20),
    st.integers(),
)
_VALUES = st.one_of(
    _SCALARS,
    st.lists(_SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(("total", "currency", "openid", "x", "")), _SCALARS, max_size=3),
)


def _change(places: tuple[tuple[str, ...], ...]) -> st.SearchStrategy[Edit]:
    return st.builds(Edit, st.sampled_from(("set", "set", "set", "drop")), st.sampled_from(places), _VALUES)


inside = st.lists(_change(_COMPARED + _ANYWHERE), min_size=1, max_size=3).map(tuple)
"""Ways to change what a transaction says."""
inside_refund = st.lists(_change(_COMPARED_OF_REFUND + _ANYWHERE), min_size=1, max_size=3).map(tuple)
"""Ways to change what a refund says."""
outer = st.one_of(st.just(()), st.lists(_change(_OUTER), min_size=1, max_size=2).map(tuple))
"""Ways to change the notice around it."""


def says_the_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a changed transaction or refund still says that the same sum moved, for the same payment and merchant."""
    status, done = (
        ("trade_state", ("SUCCESS", "REFUND")) if "trade_state" in before else ("refund_status", ("SUCCESS",))
    )
    places = _COMPARED if status == "trade_state" else _COMPARED_OF_REFUND
    compared = [place for place in places if place not in ((status,), ("amount",))]
    # A refunded payment is a paid one; and JSON's true is Python's 1.
    same = all(_at(before, place) == _at(after, place) for place in compared)
    return same and after.get(status) in done and not any(isinstance(_at(after, place), bool) for place in compared)


def _at(fields: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    part: Any = fields
    for name in place:
        part = part.get(name) if isinstance(part, dict) else None
    return part
