"""The WeChat Pay v3 site: prove the caller, do as asked or as the fault dial has it, sign the answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from urllib.parse import unquote

import orjson
from aiohttp import web

from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.weather import Storm, Weather
from tongbao_sandbox.wechat import auth, errors, signing
from tongbao_sandbox.wechat.auth import Call
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.errors import Refusal
from tongbao_sandbox.wechat.verbs import Reply, Route

Verb = Callable[[], Reply]
_BAD_GATEWAY = Reply(502, b"<html><head><title>502 Bad Gateway</title></head></html>", signed=False)
_STORM = Storm("wechat", Refusal, errors.too_frequent, errors.system_error, _BAD_GATEWAY)


class PayApi:
    """Leads to the verbs it is given."""

    def __init__(self, around: Surroundings, merchants: Mapping[str, Merchant], routes: Sequence[Route]) -> None:
        self._around = around
        self._merchants = merchants
        self._routes = routes
        self._weather = Weather(around, _STORM)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        call = Call(request.method, request.raw_path, request.headers, await request.read())
        merchant: Merchant | None = None
        try:
            auth.check_headers(call)
            claim = auth.read(call)
            merchant = auth.find(self._merchants, claim)
            auth.prove(merchant, claim, call, self._around.clock.now())
            route, verb = self._find(merchant, call)
            summary = f"{call.method} {_plain(call.path)}"
            reply = await self._weather.carry_out(verb, summary, request, unsure_at_429=route.unsure_at_429)
        except Refusal as refusal:
            reply = Reply(refusal.status, orjson.dumps(refusal.body()), refusal.number)
        return self._answer(call, merchant, reply)

    def forget_late(self) -> None:
        """Drop the requests that were to be applied late."""
        self._weather.forget_late()

    def _find(self, merchant: Merchant, call: Call) -> tuple[Route, Verb]:
        """Which verb the path and method mean, with what the path names. Raises Refusal."""
        path, _, query = call.path.partition("?")
        known_path = False
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match and route.method == call.method:
                arguments = [unquote(part) for part in match.groups()]
                return route, partial(route.verb, merchant, call, query, *arguments)
            known_path = known_path or match is not None
        raise errors.method_not_allowed(call.method) if known_path else errors.path_unknown()

    def _answer(self, call: Call, merchant: Merchant | None, reply: Reply) -> web.Response:
        """Sign and send. Without a merchant there is no key to sign with."""
        self._note(call, merchant, reply)
        headers = _HEADERS | {"Request-ID": f"{secrets.token_hex(20).upper()}-{reply.number}"}
        if reply.body:
            headers["Content-Type"] = "application/json; charset=utf-8" if reply.signed else "text/html"
        if merchant is not None and reply.signed:
            serial = merchant.answer_serial(call.headers.get("Wechatpay-Serial"))
            timestamp, nonce = str(int(self._around.clock.now())), signing.new_nonce()
            message = signing.answer_message(timestamp, nonce, reply.body)
            headers["Wechatpay-Nonce"] = nonce
            headers["Wechatpay-Serial"] = serial
            headers["Wechatpay-Signature"] = signing.sign(merchant.signers[serial], message)
            headers["Wechatpay-Signature-Type"] = "WECHATPAY2-SHA256-RSA2048"
            headers["Wechatpay-Timestamp"] = timestamp
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    def _note(self, call: Call, merchant: Merchant | None, reply: Reply) -> None:
        verdict = str(reply.status)
        if reply.number:
            refusal = orjson.loads(reply.body)
            verdict = f"{reply.status} {refusal['code']}: {refusal['message']}"
        facts = {"mchid": merchant.mchid if merchant else "", "out_trade_no": call.out_trade_no}
        if call.out_refund_no:
            facts["out_refund_no"] = call.out_refund_no
        self._around.log.write("wechat", "request", f"{call.method} {_plain(call.path)}", verdict, **facts)


_HEADERS = {
    "Server": "nginx",
    "Cache-Control": "no-cache, must-revalidate",
    "X-Content-Type-Options": "nosniff",
    "Content-Language": "zh-CN",
    "Keep-Alive": "timeout=8",
}


def _plain(path: str) -> str:
    """The path without its query, for the log."""
    return path.partition("?")[0]
