"""What each answer of Alipay's means for what to do next (section 2 of the protocol). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted

PROCESSED = "10000"
IN_PROCESS = "10003"
_TOO_OFTEN = "40005"
# These say that the request was looked at and turned down: by the gateway, for its fields or permissions, or by the
# interface that it was for. Any other leaves open what happened.
_TURNED_DOWN = frozenset({"20001", "40001", "40002", "40003", "40004", "40006"})
# Whatever they come with, these leave it open too: the failing of a machine. One of them is spelt `AQC.` (4.10).
_NEVER_CERTAIN = ("SYSTEM_ERROR", "unknow-error")
# Its message quotes what we signed, and that may name a buyer or be a payment code (1.4).
_QUOTES_US = "isv.invalid-signature"
# A log-in that is refused costs a buyer another try; its refusal mostly comes unsigned (1.5, 6.2), and is believed.
_WITHOUT_MONEY = ("alipay.system.oauth.", "alipay.user.info.")


def sort_answer(
    method: str, fields: Mapping[str, Any], *, is_own: bool, doubt: Untrusted | None
) -> ChannelError | None:
    """The error in an answer to `method`, or None where it is a plain yes. `doubt` is why the answer is not proven
    theirs; `is_own` as in `wire.Answer`.

    A yes must be proven, and so must a certain no: an attempt may be given up because of it. What leaves the outcome
    open needs no proof, for believing it costs nothing but another question. An error outside the method's own name may
    come without a signature (1.5): it then says that something is wrong, and nothing certain about money.
    """
    code, error = _text(fields, "code"), _text(fields, "sub_code")
    message = (_text(fields, "sub_msg") if error != _QUOTES_US else "") or _text(fields, "msg")
    if is_own and (code == PROCESSED or _needs_no_code(method, fields)):
        return doubt
    if not _is_certain(code, error):
        return Uncertain(error or code or "malformed", message)
    if doubt is None or _is_believed_unsigned(method, doubt, is_own=is_own):
        return Unavailable(error, message) if code == _TOO_OFTEN else Rejected(error, message)
    if not is_own and doubt.code == "signature_missing":
        return Uncertain(error, message)
    return Untrusted(doubt.code, f"{doubt.message} (in answer {code} {error})".lstrip())


def _needs_no_code(method: str, fields: Mapping[str, Any]) -> bool:
    """The answer to a log-in has none where all is well (6.2)."""
    return "code" not in fields and method.startswith(_WITHOUT_MONEY)


def _is_certain(code: str, error: str) -> bool:
    return (code in _TURNED_DOWN or code == _TOO_OFTEN) and bool(error) and not error.endswith(_NEVER_CERTAIN)


def _is_believed_unsigned(method: str, doubt: Untrusted, *, is_own: bool) -> bool:
    return not is_own and doubt.code == "signature_missing" and method.startswith(_WITHOUT_MONEY)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value.strip()[:256] if isinstance(value, str) else ""
