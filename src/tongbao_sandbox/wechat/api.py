"""The WeChat Pay v3 site: prove the caller, do as asked or as the fault dial has it, sign the answer."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
from aiohttp import web

from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.wechat import auth, certificates, errors, fields, orders, signing
from tongbao_sandbox.wechat.auth import Call
from tongbao_sandbox.wechat.credentials import App, Merchant
from tongbao_sandbox.wechat.errors import Refusal
from tongbao_sandbox.wechat.orders import Orders


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, before it is signed. `number` ends the Request-ID: 0, or the error's sub-code."""

    status: int
    body: bytes
    number: int = 0
    signed: bool = True


class PayApi:
    """Works on the merchants, apps and orders it is given; of its own it has only requests to apply late."""

    def __init__(
        self, around: Surroundings, merchants: Mapping[str, Merchant], apps: Mapping[str, App], book_of_orders: Orders
    ) -> None:
        self._around = around
        self._merchants = merchants
        self._apps = apps
        self._orders = book_of_orders
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
            verb = self._route(merchant, call)
            reply = await self._under_the_weather(verb, request, call)
        except Refusal as refusal:
            reply = Reply(refusal.status, orjson.dumps(refusal.body()), refusal.number)
        return self._answer(call, merchant, reply)

    def forget_late(self) -> None:
        """Drop the requests that were to be applied late."""
        for task in self._late:
            task.cancel()

    async def _under_the_weather(self, verb: Callable[[], Reply], request: web.BaseRequest, call: Call) -> Reply:
        """Do as asked, unless the fault dial strikes."""
        dial = self._around.dial
        fault = dial.draw_api_fault()
        if fault is None:
            return verb()
        self._around.log.write("wechat", "request", f"{call.method} {_plain(call.path)}", f"fault: {fault}")
        if fault == "rate_limit":
            raise errors.too_frequent()
        if fault == "server_error":
            return self._server_error(verb)
        if fault == "apply_late":
            task = asyncio.create_task(self._apply_late(verb, dial.api.delay_seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            raise errors.system_error()
        reply = verb()
        await asyncio.sleep(dial.api.delay_seconds)
        if request.transport is not None:
            request.transport.abort()
        return reply

    def _server_error(self, verb: Callable[[], Reply]) -> Reply:
        """A 5xx says nothing of whether the request was applied: here it was, or it was not, or it never arrived."""
        kind = self._around.dial.random.choice(("applied", "not applied", "bad gateway"))
        if kind == "bad gateway":
            return Reply(502, b"<html><head><title>502 Bad Gateway</title></head></html>", signed=False)
        if kind == "applied":
            verb()
        raise errors.system_error()

    async def _apply_late(self, verb: Callable[[], Reply], delay_seconds: float) -> None:
        await self._around.clock.sleep(delay_seconds)
        try:
            verdict = f"applied late: {verb().status}"
        except Refusal as refusal:
            verdict = f"refused late: {refusal}"
        self._around.log.write("wechat", "request", "a request applied late", verdict)

    def _route(self, merchant: Merchant, call: Call) -> Callable[[], Reply]:
        """Which verb the path and method mean, with what the path names."""
        path, _, query = call.path.partition("?")
        known_path = False
        for method, pattern, verb in _ROUTES:
            match = pattern.fullmatch(path)
            if match and method == call.method:
                arguments = [unquote(part) for part in match.groups()]
                return lambda: verb(self, merchant, call, query, *arguments)
            known_path = known_path or match is not None
        raise errors.method_not_allowed(call.method) if known_path else errors.path_unknown()

    def _create(self, merchant: Merchant, call: Call, query: str) -> Reply:
        body = _json(call)
        _check_query(query, set())
        fields.openid_required(body)
        fields.JSAPI_ORDER(body, "")
        call.out_trade_no = body["out_trade_no"]
        if body["mchid"] != merchant.mchid:
            raise errors.merchant_differs("body")
        if body["appid"] not in merchant.papers.appids:
            raise errors.app_not_bound()
        if not self._apps[body["appid"]].knows(body["payer"]["openid"]):
            raise errors.openid_differs()
        prepay_id = self._orders.create(body, self._around.clock.now())
        return Reply(200, orjson.dumps({"prepay_id": prepay_id}))

    def _query_by_number(self, merchant: Merchant, call: Call, query: str, out_trade_no: str) -> Reply:
        self._check_asker(merchant, query)
        call.out_trade_no = out_trade_no
        return self._shown(self._orders.find(merchant.mchid, out_trade_no))

    def _query_by_transaction(self, merchant: Merchant, call: Call, query: str, transaction_id: str) -> Reply:
        self._check_asker(merchant, query)
        return self._shown(self._orders.find_paid(merchant.mchid, transaction_id))

    def _close(self, merchant: Merchant, call: Call, query: str, out_trade_no: str) -> Reply:
        body, call.out_trade_no = _json(call), out_trade_no
        fields.CLOSE(body, "")
        if body["mchid"] != merchant.mchid:
            raise errors.merchant_differs("body")
        self._orders.close(self._orders.find(merchant.mchid, out_trade_no), self._around.clock.now())
        return Reply(204, b"")

    def _certificates(self, merchant: Merchant, call: Call, query: str) -> Reply:
        algorithm = _check_query(query, {"algorithm_type"}).get("algorithm_type", "RSA")
        return Reply(200, orjson.dumps(certificates.listing(merchant, algorithm)))

    def _check_asker(self, merchant: Merchant, query: str) -> None:
        mchid = _check_query(query, {"mchid"}).get("mchid")
        if mchid is None:
            raise errors.parameter("mchid", "必填", location="query")
        if mchid != merchant.mchid:
            raise errors.merchant_differs("query")

    def _shown(self, order: orders.Order) -> Reply:
        return Reply(200, orjson.dumps(orders.transaction(order, self._around.clock.now())))

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
        self._around.log.write("wechat", "request", f"{call.method} {_plain(call.path)}", verdict, **facts)


_HEADERS = {
    "Server": "nginx",
    "Cache-Control": "no-cache, must-revalidate",
    "X-Content-Type-Options": "nosniff",
    "Content-Language": "zh-CN",
    "Keep-Alive": "timeout=8",
}

_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., Reply]], ...] = (
    ("POST", re.compile(r"/v3/pay/transactions/jsapi"), PayApi._create),
    ("GET", re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)"), PayApi._query_by_number),
    ("GET", re.compile(r"/v3/pay/transactions/id/([^/]+)"), PayApi._query_by_transaction),
    ("POST", re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)/close"), PayApi._close),
    ("GET", re.compile(r"/v3/certificates"), PayApi._certificates),
)


def _json(call: Call) -> Any:
    try:
        return orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise errors.parameter("/", "请求体不是合法的JSON") from None


def _check_query(query: str, known: set[str]) -> dict[str, str]:
    """The query's parameters, all of them known. Raises Refusal."""
    given = parse_qs(query, keep_blank_values=True)
    strangers = [f"/query/{name}" for name in given if name not in known]
    if strangers:
        raise errors.unknown_fields(strangers)
    return {name: values[0] for name, values in given.items()}


def _plain(path: str) -> str:
    """The path without its query, for the log."""
    return path.partition("?")[0]
