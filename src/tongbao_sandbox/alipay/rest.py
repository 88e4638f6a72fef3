"""The v3 protocol: methods as paths, the signature in the Authorization header (protocol 3)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

import orjson
from aiohttp import web

from tongbao_sandbox.alipay import asking, envelope, errors, letters, signing
from tongbao_sandbox.alipay.api import Desk, bad_gateway
from tongbao_sandbox.alipay.asking import Asked, Reply
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.errors import Refusal
from tongbao_sandbox.gateway import Surroundings

SCHEME = "ALIPAY-SHA256withRSA "
_MILLISECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)


class RestApi:
    """The newer protocol. What is refused has an HTTP status of its own."""

    def __init__(self, around: Surroundings, apps: Mapping[str, App], desk: Desk) -> None:
        self._around = around
        self._apps = apps
        self._desk = desk

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request below /v3/."""
        app: App | None = None
        asked: Asked | None = None
        method = request.path.removeprefix("/v3/").replace("/", ".")
        body = (await request.read()).decode(errors="replace")
        claim: dict[str, str] = {}
        try:
            auth_string, signature = _authorization(request)
            claim = dict(part.partition("=")[::2] for part in auth_string.split(","))
            app = asking.find(self._apps, claim)
            self._prove(app, claim, auth_string, signature, request, body)
            asked = _asked(app, method, request, body, certified="app_cert_sn" in claim)
            reply = await self._desk.answer(asked, request)
        except Refusal as refusal:
            reply = Reply(refusal=refusal)
        self._desk.note(f"{request.method} {request.path}", app, asked, reply)
        return self._answer(app, reply, certified="app_cert_sn" in claim, encrypted=bool(asked and asked.encrypted))

    def _prove(
        self, app: App, claim: Mapping[str, str], auth_string: str, signature: str, request: web.BaseRequest, body: str
    ) -> None:
        """Age, certificate numbers, signature, in this order. Raises Refusal."""
        now = self._around.clock.now()
        for name in ("nonce", "timestamp"):
            if not claim.get(name):
                raise errors.missing(name, f"缺少{name}参数")
        stamp = claim["timestamp"]
        tolerance = asking.TIMESTAMP_TOLERANCE_SECONDS
        if not _MILLISECONDS.fullmatch(stamp) or abs(now - int(stamp) / 1000) > tolerance:
            raise errors.invalid("timestamp", "非法的时间戳参数")
        asking.check_certificate(app, claim.get("app_cert_sn"), request.headers.get("alipay-root-cert-sn"), now)
        token = request.headers.get("alipay-app-auth-token")
        text = signing.v3_request_text(auth_string, request.method, request.raw_path, body, token)
        # Stray bytes in a header or path reach us as surrogates, and go back to the bytes they were.
        if not signing.verify(app.public_key, text.encode(errors="surrogateescape"), signature):
            raise errors.bad_signature(text)

    def _answer(self, app: App | None, reply: Reply, *, certified: bool, encrypted: bool) -> web.Response:
        """Sign and send. Without an app there is no key to sign with."""
        if reply.lost:
            return bad_gateway()
        refusal = reply.refusal
        content = orjson.dumps(refusal.v3_body() if refusal else dict(sorted(reply.members.items()))).decode()
        headers = {"Content-Type": "application/json;charset=UTF-8", "alipay-trace-id": secrets.token_hex(16)}
        if app is not None:
            if encrypted and refusal is None:
                content, headers["Content-Type"] = signing.encrypted(app.papers.aes_key, content), "text/plain"
            headers |= self._signed(app, content, certified=certified)
        if app is not None and app.papers.answers == envelope.CHANGED:
            content = envelope.changed(content)
        return web.Response(status=refusal.status if refusal else 200, body=content.encode(), headers=headers)

    def _signed(self, app: App, content: str, *, certified: bool) -> dict[str, str]:
        stamp, nonce = str(int(self._around.clock.now() * 1000)), secrets.token_hex(16)
        message = signing.v3_answer_text(stamp, nonce, content).encode()
        signature = app.sign(message, certified=certified)
        if app.papers.answers == envelope.UNSIGNED:
            return {}
        if app.papers.answers == envelope.WRONG_KEY:
            signature = signing.sign(letters.stranger(), message)
        headers = {"alipay-timestamp": stamp, "alipay-nonce": nonce, "alipay-signature": signature}
        return headers | {"alipay-sn": app.alipay_cert_sn} if certified else headers


def _authorization(request: web.BaseRequest) -> tuple[str, str]:
    """What is signed of the header, as it came, and the signature. Raises Refusal."""
    header = request.headers.get("Authorization", "")
    auth_string, found, signature = header.removeprefix(SCHEME).rpartition(",sign=")
    if not header.startswith(SCHEME) or not found:
        # So the real gateway says it, whatever is missing.
        raise errors.missing("timestamp", "缺少时间戳参数")
    return auth_string, signature


def _asked(app: App, method: str, request: web.BaseRequest, body: str, *, certified: bool) -> Asked:
    """The request itself, once it is proven. Raises Refusal."""
    asking.check_right(app, method)
    if request.method != "POST":
        raise errors.invalid("http-method", "HTTP方法不正确")
    if "alipay-app-auth-token" in request.headers:
        raise Refusal("20001", "aop.invalid-app-auth-token", "无效的应用授权令牌")
    encrypted = request.headers.get("alipay-encrypt-type") is not None
    params = asking.read_content(app, body or "{}", encrypted=encrypted)
    notify_url = str(params.get("notify_url") or "")
    return Asked(app, method, params, notify_url, certified=certified, encrypted=encrypted)
