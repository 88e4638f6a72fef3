"""What each answer of WeChat Pay v3 means for what to do next (sections 1.9 to 1.11 of the protocol). Pure."""

from __future__ import annotations

import orjson

from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted

ORDER_NOT_EXIST = "ORDER_NOT_EXIST"
ORDER_PAID = "ORDER_PAID"
RESOURCE_NOT_EXISTS = "RESOURCE_NOT_EXISTS"
_SIGN_ERROR = "SIGN_ERROR"
_USERPAYING = "USERPAYING"

# These come with status 500, and yet say for certain that nothing happened.
_CERTAIN_DESPITE_500 = frozenset({"INVALID_TRANSACTIONID", "OPENID_MISMATCH"})

_CODES = _CERTAIN_DESPITE_500 | {
    "ACCOUNT_ERROR",
    "APPID_MCHID_NOT_MATCH",
    "AUTH_CODE_EXPIRE",
    "AUTH_CODE_INVALID",
    "BANK_ERROR",
    "INVALID_REQUEST",
    "MCH_NOT_EXISTS",
    "NOT_ENOUGH",
    "NO_AUTH",
    "ORDER_CLOSED",
    ORDER_NOT_EXIST,
    ORDER_PAID,
    "ORDER_REVERSED",
    "OUT_TRADE_NO_USED",
    "PARAM_ERROR",
    "REQUEST_BLOCKED",
    RESOURCE_NOT_EXISTS,
    "RULE_LIMIT",
    _SIGN_ERROR,
    "SYSTEM_ERROR",
    "TRADE_ERROR",
    _USERPAYING,
}
_SPELLINGS = {code.replace("_", ""): code for code in _CODES}


def sort_answer(status: int, body: bytes, doubt: Untrusted | None) -> ChannelError | None:
    """The error in an answer, or None where it is a plain yes. `doubt` is why the answer is not proven theirs.

    A yes must be proven, and so must a certain no: an attempt may be given up because of it. What leaves the outcome
    open needs no proof, for believing it costs nothing but another question.
    """
    if status in (200, 204):
        return doubt
    code, message = read_error(body)
    if status == 401 and code == _SIGN_ERROR:
        # Answers are signed only once the request's own signature was found right, so this no can come unsigned.
        # It is taken as it is: the request was turned away before anything looked at what it asked for.
        return Rejected(code, message, status)
    if status == 429:
        # No call here moves money: preparing, asking and closing may all be repeated under the same number, and
        # a prepayment whose token never reached us cannot be paid. (A refund must read 429 as Uncertain.)
        return Unavailable(code, message, status)
    is_certain = 400 <= status < 500 or code in _CERTAIN_DESPITE_500
    if not is_certain or code == _USERPAYING:
        return Uncertain(code, message, status)
    if doubt:
        return Untrusted(doubt.code, f"{doubt.message} (in answer {status} {code})".lstrip(), status)
    return Rejected(code, message, status)


def read_error(body: bytes) -> tuple[str, str]:
    """Their code, in its newer spelling with underscores, and their message; `malformed` where there is no code."""
    try:
        fields = orjson.loads(body)
        code, message = fields["code"], fields.get("message", "")
    except (ValueError, TypeError, KeyError, AttributeError):
        return "malformed", ""
    if not isinstance(code, str):
        return "malformed", ""
    return _SPELLINGS.get(code.replace("_", ""), code[:32]), str(message)[:256]
