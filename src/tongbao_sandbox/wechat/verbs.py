"""The payment API's verbs for prepaid orders and certificates (protocol 1.5, 2), and what every verb is made of."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import orjson

from tongbao_sandbox.clock import Clock
from tongbao_sandbox.wechat import certificates, errors, fields, h5, orders
from tongbao_sandbox.wechat.auth import Call
from tongbao_sandbox.wechat.buyer import Buyer
from tongbao_sandbox.wechat.credentials import App, Merchant
from tongbao_sandbox.wechat.orders import APP, JSAPI, MWEB, NATIVE, Orders


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, before it is signed. `number` ends the Request-ID: 0, or the error's sub-code. `run_ahead` makes
    what the request causes happen at once, and returns the posts that tell of it."""

    status: int
    body: bytes
    number: int = 0
    signed: bool = True
    run_ahead: Callable[[], Collection[asyncio.Task[None]]] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path with its verb, which takes merchant, call, query and what the path names, and raises Refusal.

    `unsure_at_429`: refused for its frequency it may have been applied all the same.
    """

    method: str
    pattern: re.Pattern[str]
    verb: Callable[..., Reply]
    unsure_at_429: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay a prepaid order: its path's last part, what it is called afterwards, its fields, and what its
    answer is called."""

    name: str
    trade_type: str
    check: fields.Check
    ticket: str


METHODS = (
    Method("jsapi", JSAPI, fields.JSAPI_ORDER, "prepay_id"),
    Method("app", APP, fields.APP_ORDER, "prepay_id"),
    Method("native", NATIVE, fields.NATIVE_ORDER, "code_url"),
    Method("h5", MWEB, fields.H5_ORDER, "h5_url"),
)


class OrderVerbs:
    """Orders, and the certificates to verify answers with. `base_url` is where this API itself is, its H5 page too."""

    def __init__(
        self, clock: Clock, base_url: str, apps: Mapping[str, App], book_of_orders: Orders, buyer: Buyer
    ) -> None:
        self._clock = clock
        self._base_url = base_url
        self._apps = apps
        self._orders = book_of_orders
        self._buyer = buyer
        by_number = r"/v3/pay/transactions/out-trade-no/([^/]+)"
        self.routes = (
            *(
                Route("POST", re.compile(f"/v3/pay/transactions/{method.name}"), partial(self._create, method))
                for method in METHODS
            ),
            Route("GET", re.compile(by_number), self._query_by_number),
            Route("GET", re.compile(r"/v3/pay/transactions/id/([^/]+)"), self._query_by_transaction),
            Route("POST", re.compile(f"{by_number}/close"), self._close),
            Route("GET", re.compile(r"/v3/certificates"), self._certificates),
        )

    def _create(self, method: Method, merchant: Merchant, call: Call, query: str) -> Reply:
        body = json_body(call)
        check_query(query, set())
        if method.trade_type == JSAPI:
            fields.openid_required(body)
        method.check(body, "")
        call.out_trade_no = body["out_trade_no"]
        check_caller(merchant, body)
        check_product(merchant, method.name)
        if method.trade_type == JSAPI and not self._apps[body["appid"]].knows(body["payer"]["openid"]):
            raise errors.openid_differs()
        token = self._orders.create(method.trade_type, body, self._clock.now())
        order = self._orders.find(merchant.mchid, body["out_trade_no"])
        ticket = h5.page_url(self._base_url, token) if method.trade_type == MWEB else token
        answer = orjson.dumps({method.ticket: ticket})
        return Reply(200, answer, run_ahead=lambda: self._buyer.pay_at_once(order, token))

    def _query_by_number(self, merchant: Merchant, call: Call, query: str, out_trade_no: str) -> Reply:
        _check_asker(merchant, query)
        call.out_trade_no = out_trade_no
        return self._shown(self._orders.find(merchant.mchid, out_trade_no))

    def _query_by_transaction(self, merchant: Merchant, call: Call, query: str, transaction_id: str) -> Reply:
        _check_asker(merchant, query)
        return self._shown(self._orders.find_paid(merchant.mchid, transaction_id))

    def _close(self, merchant: Merchant, call: Call, query: str, out_trade_no: str) -> Reply:
        body, call.out_trade_no = json_body(call), out_trade_no
        fields.CLOSE(body, "")
        if body["mchid"] != merchant.mchid:
            raise errors.merchant_differs("body")
        self._orders.close(self._orders.find(merchant.mchid, out_trade_no), self._clock.now())
        return Reply(204, b"")

    def _certificates(self, merchant: Merchant, call: Call, query: str) -> Reply:
        algorithm = check_query(query, {"algorithm_type"}).get("algorithm_type", "RSA")
        return Reply(200, orjson.dumps(certificates.listing(merchant, algorithm)))

    def _shown(self, order: orders.Order) -> Reply:
        return Reply(200, orjson.dumps(orders.transaction(order, self._clock.now())))


def json_body(call: Call) -> Any:
    """The body's JSON, whatever it is. Raises Refusal."""
    try:
        return orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise errors.parameter("/", "请求体不是合法的JSON") from None


def check_query(query: str, known: set[str]) -> dict[str, str]:
    """The query's parameters, all of them known. Raises Refusal."""
    given = parse_qs(query, keep_blank_values=True)
    strangers = [f"/query/{name}" for name in given if name not in known]
    if strangers:
        raise errors.unknown_fields(strangers)
    return {name: values[0] for name, values in given.items()}


def check_caller(merchant: Merchant, body: Mapping[str, Any]) -> None:
    """The body names the merchant that signed, and an app of its. Raises Refusal."""
    if body["mchid"] != merchant.mchid:
        raise errors.merchant_differs("body")
    if body["appid"] not in merchant.papers.appids:
        raise errors.app_not_bound()


def check_product(merchant: Merchant, name: str) -> None:
    """Whether the merchant may use this way to pay. Raises Refusal(NO_AUTH)."""
    if name in merchant.papers.without:
        raise errors.product_missing()


def _check_asker(merchant: Merchant, query: str) -> None:
    mchid = check_query(query, {"mchid"}).get("mchid")
    if mchid is None:
        raise errors.parameter("mchid", "必填", location="query")
    if mchid != merchant.mchid:
        raise errors.merchant_differs("query")
