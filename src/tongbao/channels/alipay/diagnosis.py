"""Why a notice cannot be proven: which of key, serial, time, body or account is wrong. Pure, and proves nothing itself.

An RSA signature gives its digest back to whoever has the public key. So a notice that is not proven still tells
whether one of our keys of Alipay's signed it, and then its fields were changed on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tongbao.channels.alipay import wire
from tongbao.channels.alipay.advice import ADVICE
from tongbao.channels.model import Diagnosis
from tongbao.kit.words import Words
from tongbao.protocols import alipay

_NO_PROXY = Words(
    "Let the form through as it comes: in the proxy, gateway or function platform before Tongbao, switch off whatever "
    "decodes, filters or logs bodies, or point the notify address at Tongbao itself",
    "请让表单原样通过：关闭 Tongbao 前面的代理、网关或云函数中解析、过滤、改写请求体的功能，或让通知地址直达 Tongbao",
)

FINDINGS: Mapping[str, Diagnosis] = {
    "nothing": Diagnosis(
        "nothing",
        Words(
            "Signature, key, time and app are right: it is proven to come from Alipay for this account",
            "签名、密钥、时间与应用都正确：已证实来自支付宝且属于本账户",
        ),
        Words("Nothing to do", "无需处理"),
    ),
    "no_form": Diagnosis(
        "body",
        Words(
            "It is no form as Alipay sends it: a field comes twice, or its signature is missing or damaged",
            "不是支付宝发送的表单：有字段重复，或签名缺失、损坏",
        ),
        _NO_PROXY,
    ),
    "changed": Diagnosis(
        "body",
        Words(
            "Alipay signed it with the key that the account has, and other fields than these",
            "由账户中的支付宝密钥签名，但签的不是这些字段的内容",
        ),
        _NO_PROXY,
    ),
    "account": Diagnosis(
        "account",
        Words(
            "It names another app than the account's app_id",
            "其中的应用不是本账户的 app_id",
        ),
        ADVICE["wrong_account"],
    ),
    "time": Diagnosis(
        "time",
        Words(
            "Its signature is right, but its notify_time is days before it came, after the last time that Alipay sends "
            "again, or no time at all",
            "签名正确，但其 notify_time 比收到时间早数天，已超过支付宝的重发期限，或不是时间",
        ),
        ADVICE["timestamp_stale"],
    ),
    "key": Diagnosis(
        "key",
        Words(
            "It was signed by another key than alipay_public_key_pem; if it is the only one, it may be a forgery",
            "签名所用的密钥不是 alipay_public_key_pem；若只出现一次，则可能有人伪造",
        ),
        ADVICE["signature_wrong"],
    ),
    "serial": Diagnosis(
        "serial",
        Words(
            "It was signed by none of the certificates that the account knows of Alipay's, or by one that had ended; "
            "if it is the only one, it may be a forgery",
            "签名所用的证书不是账户已知的支付宝证书，或该证书已过期；若只出现一次，则可能有人伪造",
        ),
        ADVICE["serial_unknown"],
    ),
}


def diagnose(keys: alipay.Keys, usable: Sequence[RSAPublicKey], body: bytes, oldest: datetime) -> Diagnosis:
    """What is wrong with a notice. `usable` are those of Alipay's keys that proved something when it came, and `oldest`
    is when it may have been made at the earliest. Never raises."""
    try:
        form = alipay.read_form(body)
        fields = form.texts()
    except ValueError:
        return FINDINGS["no_form"]
    if _is_damaged(form):
        return FINDINGS["no_form"]
    signature, messages = form.get(b"sign"), alipay.form_messages(form.raw)
    is_proven = any(alipay.is_signed(key, message, signature) for key in usable for message in messages)
    if not is_proven and any(alipay.signed_digest(key, signature) for key in usable):
        return FINDINGS["changed"]
    if wire.told_app(fields) != keys.app_id:
        return FINDINGS["account"]
    if not is_proven:
        return FINDINGS["serial" if keys.certificate_mode else "key"]
    told_at = wire.told_at(fields)
    return FINDINGS["time" if told_at is None or told_at < oldest else "nothing"]


def _is_damaged(form: alipay.SignedForm) -> bool:
    return not alipay.is_signature(form.get(b"sign")) or form.get(b"sign_type") != b"RSA2"
