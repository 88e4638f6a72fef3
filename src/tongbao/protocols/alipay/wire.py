"""Alipay's envelopes: the fields around every request, the parts of every answer, and forms. Pure.

What cannot be read raises ValueError, which quotes no value.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

CERTIFICATE_DOWNLOAD = "alipay.open.app.alipaycert.download"
_ERROR_ROOT = "error_response"
_BEIJING = timezone(timedelta(hours=8))
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_CHARSETS = {"utf-8": "utf-8", "gbk": "gbk", "gb2312": "gbk"}
# A string with its escapes. Possessive: no input makes it look twice.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_NAME = re.compile(rb"\s*+(" + _STRING + rb')\s*+:\s*+(?=[{"])', re.DOTALL)
_BEGIN, _NEXT, _END = re.compile(rb"\s*+{"), re.compile(rb"\s*+,"), re.compile(rb"\s*+}\s*+")
_DEPTHS = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


@dataclass(frozen=True, slots=True)
class Answer:
    """The outside of an answer: the raw bytes of its value, which the signature covers, and what proves them.

    `is_own` says that the value stands under the method's own name, and not as `error_response`.
    """

    value: bytes
    is_own: bool
    signature: str | None
    certificate_serial: str | None


@dataclass(frozen=True, slots=True)
class SignedForm:
    """A form as it came, decoded once, in its own character set; anyone's until its signature is proven."""

    raw: tuple[tuple[bytes, bytes], ...]

    def get(self, name: bytes) -> bytes:
        """A field's bytes; empty where it is missing."""
        return next((value for known, value in self.raw if known == name), b"")

    def texts(self) -> dict[str, str]:
        """The fields in the character set that the form names. Raises ValueError."""
        charset = _CHARSETS.get(self.get(b"charset").decode("ascii", "replace").lower() or "utf-8")
        if charset is None:
            raise ValueError("charset is none of utf-8, gbk, gb2312")
        return {name.decode(charset): value.decode(charset) for name, value in self.raw}


def content(biz: Mapping[str, Any] | None) -> bytes | None:
    """The business parameters as they are sent: the same bytes for the same values."""
    return None if biz is None else orjson.dumps(biz)


def with_content(fields: dict[str, str], text: str, *, is_sealed: bool) -> None:
    """Put the business parameters among the fields of a request (1.7)."""
    fields["biz_content"] = text
    if is_sealed:
        fields["encrypt_type"] = "AES"


def read_answer(body: bytes, method: str) -> Answer:
    """Take an answer apart without parsing what is signed (1.5). Raises ValueError."""
    members = _members(body)
    own = members.get(method.replace(".", "_") + "_response")
    value = own if own is not None else members.get(_ERROR_ROOT)
    if value is None:
        raise ValueError("neither an answer to what was asked nor an error")
    return Answer(value, own is not None, _string(members.get("sign")), _string(members.get("alipay_cert_sn")))


def read_form(body: bytes) -> SignedForm:
    """Decode a form once, without choosing a character set. Raises ValueError where a name comes twice."""
    pairs = [part.partition(b"=") for part in body.split(b"&") if part]
    fields = tuple((_decoded(name), _decoded(value)) for name, _, value in pairs)
    if len({name for name, _ in fields}) < len(fields):
        raise ValueError("a field comes twice")
    return SignedForm(fields)


def json_object(raw: bytes) -> Mapping[str, Any]:
    """The object that some bytes are. Raises ValueError."""
    fields = orjson.loads(raw)
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    return fields


def json_string(raw: bytes) -> str:
    """The text that some bytes are in JSON. Raises ValueError."""
    text = orjson.loads(raw)
    if not isinstance(text, str):
        raise ValueError("not a JSON string")
    return text


def certificate_wish(serial: str) -> Mapping[str, str]:
    """Which certificate is to be downloaded (1.6)."""
    return {"alipay_cert_sn": serial}


def certificate_pem(fields: Mapping[str, Any]) -> str:
    """The certificate in the answer, with those that lead to its root. Raises ValueError."""
    try:
        return binascii.a2b_base64(fields["alipay_cert_content"], strict_mode=True).decode("ascii")
    except (KeyError, TypeError):
        raise ValueError("no certificate in it") from None


def to_time(moment: datetime) -> str:
    """A moment as Alipay writes it: Beijing time, in whole seconds that have begun."""
    return moment.astimezone(_BEIJING).strftime(_TIME_FORMAT)


def to_utc(text: str) -> datetime | None:
    """A time of Alipay's, which may end in fractions (7.2); None where it is none."""
    try:
        return datetime.strptime(text[:19], _TIME_FORMAT).replace(tzinfo=_BEIJING).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _members(body: bytes) -> dict[str, bytes]:
    """The members of a JSON object whose values are objects and strings, each as its raw bytes. Raises ValueError, also
    for a name that comes twice: two readers would take different ones."""
    members: dict[str, bytes] = {}
    before = _BEGIN.match(body)
    while before and (name := _NAME.match(body, before.end())):
        end = _end_of_value(body, name.end())
        if (text := json_string(name[1])) in members:
            raise ValueError("a member comes twice")
        members[text] = body[name.end() : end]
        if _END.fullmatch(body, end):
            return members
        before = _NEXT.match(body, end)
    raise ValueError("not a JSON object")


def _end_of_value(body: bytes, begin: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(body, begin):
        depth += _DEPTHS.get(token[0], 0)
        if depth == 0:
            return token.end()
    raise ValueError("a value has no end")


def _string(raw: bytes | None) -> str | None:
    return None if raw is None else json_string(raw)


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
