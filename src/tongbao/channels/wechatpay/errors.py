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
# These leave the outcome open, whatever status they come with.
_NEVER_CERTAIN = frozenset({"BIZ_ERR_NEED_RETRY", "SYSTEM_ERROR", _USERPAYING})
# Their words for "too often" (11.2). The status is 429, and the words are for the day when it is not.
_TOO_OFTEN = frozenset({"FREQUENCY_LIMITED", "FREQUENCY_LIMIT_EXCEED", "RATELIMIT_EXCEED", "RATELIMIT_EXCEEDED"})

# Of a refund (1.9, 5.4), these speak of the merchant and not of the refund, and the merchant can mend them: money put
# in or settled, a product or an address permitted, a key or a number corrected, a limit of the day or of risk control
# gone by. Every other no speaks of the refund itself (its amount, its payment's age, a buyer whose account is gone) and
# the same refund gets it again. One that is not known here is for good too: a person then sees it at once.
_MENDABLE = frozenset({"MCH_NOT_EXISTS", "NOT_ENOUGH", "NO_AUTH", "REQUEST_BLOCKED", "RULE_LIMIT", _SIGN_ERROR})

# A payment of which they say this can never succeed any more.
ENDED = frozenset({"ORDER_CLOSED", "ORDER_REVERSED"})
# Of a reversal, these are a no whenever it is asked for. Any other may speak of its moment: fifteen seconds must have
# passed since the payment was asked for, and seven days must not (2.3), and which code says so is not published.
WHENEVER = frozenset(
    {"APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS", "NO_AUTH", ORDER_NOT_EXIST, "PARAM_ERROR", _SIGN_ERROR}
)

CODES = frozenset(
    {
        *_CERTAIN_DESPITE_500,
        *_NEVER_CERTAIN,
        *_TOO_OFTEN,
        *_MENDABLE,
        *ENDED,
        *WHENEVER,
        "ACCOUNT_ERROR",
        "AUTH_CODE_EXPIRE",
        "AUTH_CODE_INVALID",
        "BANK_ERROR",
        "INVALID_REQUEST",
        ORDER_PAID,
        "OUT_TRADE_NO_USED",
        RESOURCE_NOT_EXISTS,
        "TRADE_ERROR",
        "USER_ACCOUNT_ABNORMAL",
    }
)
_SPELLINGS = {code.replace("_", ""): code for code in CODES}


def sort_answer(status: int, body: bytes, doubt: Untrusted | None, *, moves_money: bool = False) -> ChannelError | None:
    """The error in an answer, or None where it is a plain yes. `doubt` is why the answer is not proven theirs;
    `moves_money` says that what was asked would send money somewhere.

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
    if status == 429 or code in _TOO_OFTEN:
        # Preparing, asking and closing may all be repeated under the same number, and a prepayment whose token never
        # reached us cannot be paid. What moves money may have been taken on all the same (1.9, 5.4).
        return Uncertain(code, message, status) if moves_money else Unavailable(code, message, status)
    is_certain = 400 <= status < 500 or code in _CERTAIN_DESPITE_500
    if not is_certain or code in _NEVER_CERTAIN:
        return Uncertain(code, message, status)
    if doubt:
        return Untrusted(doubt.code, f"{doubt.message} (in answer {status} {code})".lstrip(), status)
    return Rejected(code, message, status)


def is_awaiting_buyer(error: Uncertain) -> bool:
    """Whether a payment by a scanned code waits for the buyer's password. How that is said is open (2.3): 202 is "taken
    on, not finished" (1.9), be it with this code or with the transaction as it stands."""
    return error.code == _USERPAYING or error.http_status == 202


def is_no_for_now(error: Rejected) -> bool:
    """Whether the same refund may be taken on once the merchant has mended something."""
    return error.code in _MENDABLE


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
