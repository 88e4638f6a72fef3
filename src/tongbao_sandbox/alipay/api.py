"""`gateway.do`: prove the caller, do as asked or as the fault dial has it, sign the answer (protocol 1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from aiohttp import web

from tongbao_sandbox.alipay import asking, envelope, errors, signing
from tongbao_sandbox.alipay.asking import Asked, Reply, Verb
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.errors import Refusal
from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.weather import Storm, Weather

_STORM = Storm("alipay", Refusal, errors.too_frequent, errors.system_error, Reply(lost=True))


class Desk:
    """Where both protocols bring what they were asked."""

    def __init__(self, around: Surroundings, verbs: Mapping[str, Verb]) -> None:
        self._around = around
        self._verbs = verbs
        self.weather = Weather(around, _STORM)

    async def answer(self, asked: Asked, request: web.BaseRequest) -> Reply:
        """Do as asked, unless the fault dial strikes. Raises Refusal."""
        if asked.method not in self._verbs:
            raise errors.invalid("method", "不存在的方法名")
        verb = partial(self._verbs[asked.method], asked)
        return await self.weather.carry_out(verb, asked.method, request, unsure_at_429=False)

    def note(self, summary: str, app: App | None, asked: Asked | None, reply: Reply) -> None:
        """Write a request into the log."""
        numbers = ("out_trade_no", "trade_no", "out_request_no")
        facts = {name: str(asked.params[name]) for name in numbers if asked.params.get(name)} if asked else {}
        app_id = app.app_id if app else ""
        self._around.log.write("alipay", "request", summary, reply.verdict(), app_id=app_id, **facts)


class PlainApi:
    """The older protocol, in which everything is answered with HTTP 200."""

    def __init__(self, around: Surroundings, apps: Mapping[str, App], desk: Desk) -> None:
        self._around = around
        self._apps = apps
        self._desk = desk

    async def handle(self, request: web.BaseRequest, given: Mapping[str, str], charset: str) -> web.Response:
        """Answer one request, whose parameters are at hand."""
        app: App | None = None
        asked: Asked | None = None
        try:
            app = asking.find(self._apps, given)
            asking.prove(app, given, self._around.clock.now())
            asked = asking.asked(app, given)
            reply = await self._desk.answer(asked, request)
        except Refusal as refusal:
            reply = Reply(refusal=refusal)
        method = given.get("method", "")
        self._desk.note(method, app, asked, reply)
        if reply.lost:
            return bad_gateway()
        if app is None:
            return _html(envelope.unsigned(method, reply), "utf-8")
        sign_type = signing.RSA if given.get("sign_type") == signing.RSA else signing.RSA2
        mode = {"certified": "app_cert_sn" in given, "encrypted": asked is not None and asked.encrypted}
        return _html(envelope.sealed(app, method, reply, sign_type, charset, **mode), charset)


def bad_gateway() -> web.Response:
    """What the front says that stands before Alipay's gateways."""
    text = "<html><head><title>502 Bad Gateway</title></head></html>"
    return web.Response(status=502, text=text, content_type="text/html")


def _html(body: bytes, charset: str) -> web.Response:
    name = "utf-8" if charset == "utf-8" else "GBK"
    return web.Response(body=body, headers={"Content-Type": f"text/html;charset={name}"})
