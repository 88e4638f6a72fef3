"""Who is calling, proven: the Authorization header, read strictly and verified (protocol 1.1, 1.2, 1.4, 1.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tongbao_sandbox.wechat import errors, signing
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.errors import Refusal

CLOCK_TOLERANCE_SECONDS = 300

_SCHEME = re.compile(r'WECHATPAY2-SHA256-RSA2048 ((?:[a-z_]+="[^"]*",){4}[a-z_]+="[^"]*")')
_PAIR = re.compile(r'([a-z_]+)="([^"]*)"')
_SECONDS = re.compile(r"[0-9]{1,12}")
_KEYS = {"mchid", "nonce_str", "timestamp", "serial_no", "signature"}
_NOTHING = {"method": "", "sign_message_length": 0, "truncated_sign_message": "", "url": ""}


@dataclass(slots=True)
class Call:
    """A request as it came over the wire. `path` holds the query, percent-encoding untouched.

    `out_trade_no` and `out_refund_no` are filled in by whoever finds out, for the log.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    out_trade_no: str = ""
    out_refund_no: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the Authorization header says."""

    mchid: str
    nonce_str: str
    timestamp: str
    serial_no: str
    signature: str


def check_headers(call: Call) -> None:
    """The headers every request needs (protocol 1.1). Raises Refusal."""
    accept = call.headers.get("Accept", "")
    if not call.headers.get("User-Agent") or not ("application/json" in accept or "*/*" in accept):
        raise Refusal(400, "PARAM_ERROR", "Http头缺少Accept或User-Agent", 268435461)
    if call.body and not call.headers.get("Content-Type", "").startswith("application/json"):
        raise Refusal(400, "PARAM_ERROR", "Http头Content-Type应为application/json", 268435461)


def read(call: Call) -> Claim:
    """The claim in the header: scheme, then the five pairs in any order, double-quoted. Raises Refusal(SIGN_ERROR)."""
    header = call.headers.get("Authorization", "")
    match = _SCHEME.fullmatch(header)
    pairs = dict(_PAIR.findall(match[1])) if match else {}
    if set(pairs) != _KEYS or not all(pairs.values()):
        message = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
        raise errors.bad_signature("malformed Authorization", message if header else "Authorization不合法", _NOTHING)
    return Claim(**pairs)


def find(merchants: Mapping[str, Merchant], claim: Claim) -> Merchant:
    """The merchant the claim names. Raises Refusal(MCH_NOT_EXISTS)."""
    merchant = merchants.get(claim.mchid)
    if merchant is None:
        raise errors.merchant_unknown()
    return merchant


def prove(merchant: Merchant, claim: Claim, call: Call, now: float) -> None:
    """Certificate serial, age, signature, in this order. Raises Refusal(SIGN_ERROR)."""
    message = signing.request_message(call.method, call.path, claim.timestamp, claim.nonce_str, call.body)
    if claim.serial_no != merchant.serial:
        raise errors.bad_signature("serial_no not match", "商户证书序列号有误", _information(call, claim, message))
    if not _SECONDS.fullmatch(claim.timestamp) or abs(now - int(claim.timestamp)) > CLOCK_TOLERANCE_SECONDS:
        raise errors.bad_signature("timestamp out of range", "错误的签名，验签失败", _information(call, claim, message))
    if not signing.verify(merchant.public_key, message, claim.signature):
        raise errors.bad_signature("sign not match", "签名错误，请检查后再试", _information(call, claim, message))


def _information(call: Call, claim: Claim, message: bytes) -> dict[str, object]:
    """How the real gateway helps its caller: the message it built, but only the first eight characters of the body."""
    start = call.body.decode(errors="replace")[:8].encode()
    shown = signing.request_message(call.method, call.path, claim.timestamp, claim.nonce_str, start)
    return {
        "method": call.method,
        "sign_message_length": len(message),
        "truncated_sign_message": shown.decode(errors="replace"),
        "url": call.path.encode(errors="replace").decode(),
    }
