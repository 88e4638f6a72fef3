"""Who asks what over `gateway.do`, proven: public parameters read strictly and verified (protocol 1.2 to 1.4, 1.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import orjson

from tongbao_sandbox.alipay import errors, fields, signing
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.errors import Refusal
from tongbao_sandbox.alipay.trades import Draft
from tongbao_sandbox.weather import RunAhead

TIMESTAMP_TOLERANCE_SECONDS = 86400
"""How far a timestamp may be off is not published. A day lets a client pass whose machine is in another zone, as
those that write their local time must."""
_SECONDS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_ASCII = bytes(range(128))
_CHARSETS = {"utf-8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}
_MISSING = (("sign", "signature", "缺少签名参数"), ("sign_type", "signature-type", "缺少签名类型参数"),
            ("timestamp", "timestamp", "缺少时间戳参数"), ("version", "version", "缺少版本参数"))  # fmt: skip
BARE_METHODS = ("alipay.system.oauth.token", "alipay.user.info.share")
"""They take their parameters at the top, not in biz_content."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is proven: the app, the method and its business parameters."""

    app: App
    method: str
    params: Mapping[str, Any]
    notify_url: str = ""
    return_url: str = ""
    certified: bool = False
    encrypted: bool = False

    def draft(self, app_ids: Container[str]) -> Draft:
        """What is to be collected, for this app's seller, inside a known app. Raises Refusal."""
        fields.check_collecting(self.method, self.params)
        if self.params.get("seller_id") not in (None, "", self.app.seller_id):
            raise errors.business("ACQ.INVALID_RECEIVE_ACCOUNT")
        if self.params.get("op_app_id") and self.params["op_app_id"] not in app_ids:
            raise errors.business("ACQ.UNBOUND_APPLICATION")
        urls = self.notify_url, self.return_url
        return Draft(self.app.app_id, self.method, dict(self.params), *urls, self.certified)


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, before it is signed: the members of a result, which has a `code` unless it is `bare`, or a
    refusal. `lost` is no answer of Alipay's but its front's 502. `run_ahead`: see weather."""

    members: Mapping[str, Any] = field(default_factory=dict)
    code: str = "10000"
    bare: bool = False
    refusal: Refusal | None = None
    lost: bool = False
    run_ahead: RunAhead | None = None

    def verdict(self) -> str:
        """The answer in a word or two, for the log."""
        if self.refusal is not None:
            return f"{self.refusal.code} {self.refusal.sub_code}: {self.refusal.sub_msg.partition('：')[0]}"
        return "502" if self.lost else self.code


Verb = Callable[[Asked], Reply]
"""Does what is asked. Raises Refusal."""


def parameters(query: str, body: bytes) -> tuple[dict[str, str], str]:
    """Everything sent, in the URL and in the body, and the charset it is in; empty values are as good as none."""
    # What is not escaped is escaped here, byte for byte, so that it is read in the right charset too.
    pairs = [quote(text, _ASCII) for text in (query.encode(errors="surrogateescape"), body)]
    first = {name: value for text in pairs for name, value in parse_qsl(text, encoding="latin-1")}
    charset = _CHARSETS.get(first.get("charset", "utf-8").lower(), "utf-8")
    decoded = {name: value for text in pairs for name, value in parse_qsl(text, encoding=charset, errors="replace")}
    return decoded, charset


def find(apps: Mapping[str, App], given: Mapping[str, str]) -> App:
    """The app that a request names. Alipay looks for it first of all. Raises Refusal."""
    if "app_id" not in given:
        raise errors.missing("app-id", "缺少appId参数")
    if given["app_id"] not in apps:
        raise errors.invalid("app-id", "无效的AppID参数")
    return apps[given["app_id"]]


def prove(app: App, given: Mapping[str, str], now: float) -> None:
    """Public parameters, certificate numbers, signature, in this order. Raises Refusal."""
    if "method" not in given:
        raise errors.missing("method", "缺少方法名参数")
    for name, called, text in _MISSING:
        if name not in given:
            raise errors.missing(called, text)
    _check_forms(given, now)
    check_certificate(app, given.get("app_cert_sn"), given.get("alipay_root_cert_sn"), now)
    text = signing.parameters_text(given)
    message = text.encode(_CHARSETS[given.get("charset", "utf-8").lower()])
    if not signing.verify(app.public_key, message, given["sign"], given["sign_type"]):
        raise errors.bad_signature(text)


def asked(app: App, given: Mapping[str, str]) -> Asked:
    """The request itself, once it is proven. Raises Refusal."""
    method, encrypted = given["method"], "encrypt_type" in given
    check_right(app, method)
    if encrypted and given["encrypt_type"] != "AES":
        raise errors.invalid("encrypt-type", "无效的加密类型")
    if "app_auth_token" in given:
        raise Refusal("20001", "aop.invalid-app-auth-token", "无效的应用授权令牌")
    for name in ("notify_url", "return_url"):
        if name in given and not fields.address(given[name]):
            raise errors.invalid("parameter", f"参数无效：{name}")
    if "method" in parse_qs(urlsplit(given.get("return_url", "")).query):
        raise Refusal("40002", "isv.suspected-attack", "可疑的攻击请求")
    content = given.get("biz_content", "{}")
    params = given if method in BARE_METHODS else read_content(app, content, encrypted=encrypted)
    urls = given.get("notify_url", ""), given.get("return_url", "")
    return Asked(app, method, params, *urls, "app_cert_sn" in given, encrypted)


def check_right(app: App, method: str) -> None:
    """Whether the app may call the method. Raises Refusal."""
    if method in app.papers.forbidden_methods:
        raise Refusal(
            "40006", "isv.insufficient-isv-permissions", "ISV权限不足，建议在开发者中心检查对应功能是否已经添加"
        )


def check_certificate(app: App, app_cert_sn: str | None, root_cert_sn: str | None, now: float) -> None:
    """The numbers a request in certificate mode names. Raises Refusal."""
    if app_cert_sn is None and root_cert_sn is None:
        return
    if app_cert_sn is None:
        raise errors.missing("app-cert-sn", "缺少应用公钥证书序列号")
    if root_cert_sn is None:
        raise errors.missing("alipay-root-cert-sn", "缺少支付宝根证书序列号")
    if app_cert_sn != app.cert_sn:
        raise Refusal("40002", "isv.app-cert-not-exist", "应用公钥证书不存在")
    if root_cert_sn != app.root_sn:
        raise errors.invalid("alipay-root-cert-sn", "无效的支付宝根证书序列号")
    if now > app.cert_expires_at:
        raise Refusal("40002", "isv.app-cert-expired", "应用公钥证书已过期")


def read_content(app: App, content: str, *, encrypted: bool) -> Mapping[str, Any]:
    """The business parameters. Raises Refusal."""
    if encrypted:
        try:
            content = signing.decrypted(app.papers.aes_key, content)
        except ValueError:
            raise Refusal("40003", "isv.decryption-error-unknown", "解密出错, 未知错误") from None
    try:
        params = orjson.loads(content)
    except orjson.JSONDecodeError:
        params = None
    if not isinstance(params, dict):
        raise errors.invalid("parameter", "参数无效：biz_content不是合法的JSON对象")
    return params


def _check_forms(given: Mapping[str, str], now: float) -> None:
    if given["sign_type"] not in (signing.RSA2, signing.RSA):
        raise errors.invalid("signature-type", "无效的签名类型")
    if given.get("charset", "utf-8").lower() not in _CHARSETS:
        raise errors.invalid("charset", "字符集错误")
    if given.get("format", "json").lower() != "json":
        raise errors.invalid("format", "无效的数据格式")
    if given["version"] != "1.0":
        raise errors.invalid("parameter", "参数无效：version")
    when = fields.seconds(given["timestamp"]) if _SECONDS.fullmatch(given["timestamp"]) else None
    if when is None or abs(now - when) > TIMESTAMP_TOLERANCE_SECONDS:
        raise errors.invalid("timestamp", "非法的时间戳参数")
