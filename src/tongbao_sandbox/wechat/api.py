"""The WeChat Pay v3 site: prove the caller, do as asked or as the fault dial has it, sign the answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from urllib.parse import unquote

import orjson
from aiohttp import web

from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.wechat import auth, errors, signing
from tongbao_sandbox.wechat.auth import Call
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.errors import Refusal
from tongbao_sandbox.wechat.verbs import Reply, Route

LONGEST_HEAD_START_SECONDS = 1
"""How long, in real time, an answer waits for the notification that is to arrive before it."""

Verb = Callable[[], Reply]


class PayApi:
    """Leads to the verbs it is given; of its own it has only requests to apply late."""

    def __init__(self, around: Surroundings, merchants: Mapping[str, Merchant], routes: Sequence[Route]) -> None:
        self._around = around
        self._merchants = merchants
        self._routes = routes
        self._late: set[asyncio.Task[None]] = set()

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
            reply = await self._under_the_weather(route, verb, request, call)
        except Refusal as refusal:
            reply = Reply(refusal.status, orjson.dumps(refusal.body()), refusal.number)
        return self._answer(call, merchant, reply)

    def forget_late(self) -> None:
        """Drop the requests that were to be applied late."""
        for task in self._late:
            task.cancel()

    async def _under_the_weather(self, route: Route, verb: Verb, request: web.BaseRequest, call: Call) -> Reply:
        """Do as asked, unless the fault dial strikes."""
        dial = self._around.dial
        fault = dial.draw_api_fault()
        if fault is None:
            return await self._carry_out(verb)
        self._around.log.write("wechat", "request", f"{call.method} {_plain(call.path)}", f"fault: {fault}")
        if fault == "rate_limit":
            if route.unsure_at_429 and dial.strikes(1 / 3):
                await self._carry_out(verb)
            raise errors.too_frequent()
        if fault == "server_error":
            return await self._server_error(verb)
        if fault == "apply_late":
            task = asyncio.create_task(self._apply_late(verb, dial.api.delay_seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            raise errors.system_error()
        reply = await self._carry_out(verb)
        await asyncio.sleep(dial.api.delay_seconds)
        if request.transport is not None:
            request.transport.abort()
        return reply

    async def _carry_out(self, verb: Verb) -> Reply:
        """Do as asked; if the dial has it so, the notification of what comes of it arrives before the answer."""
        reply, dial = verb(), self._around.dial
        if reply.run_ahead is not None and dial.strikes(dial.notify.early):
            posts = reply.run_ahead()
            if posts:
                await asyncio.wait(posts, timeout=LONGEST_HEAD_START_SECONDS)
        return reply

    async def _server_error(self, verb: Verb) -> Reply:
        """A 5xx says nothing of whether the request was applied: here it was, or it was not, or it never arrived."""
        kind = self._around.dial.random.choice(("applied", "not applied", "bad gateway"))
        if kind == "bad gateway":
            return Reply(502, b"<html><head><title>502 Bad Gateway</title></head></html>", signed=False)
        if kind == "applied":
            await self._carry_out(verb)
        raise errors.system_error()

    async def _apply_late(self, verb: Verb, delay_seconds: float) -> None:
        await self._around.clock.sleep(delay_seconds)
        try:
            verdict = f"applied late: {(await self._carry_out(verb)).status}"
        except Refusal as refusal:
            verdict = f"refused late: {refusal}"
        self._around.log.write("wechat", "request", "a request applied late", verdict)

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
