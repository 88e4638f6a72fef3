"""The payment API's verbs for payment codes (protocol 2.3)."""

from __future__ import annotations

import re

import orjson

from tongbao_sandbox.clock import Clock
from tongbao_sandbox.wechat import errors, fields, orders
from tongbao_sandbox.wechat.auth import Call
from tongbao_sandbox.wechat.counter import Counter
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.orders import USERPAYING, Orders
from tongbao_sandbox.wechat.verbs import Reply, Route, check_caller, check_product, check_query, json_body


class CounterVerbs:
    """Charging a payment code, and taking that back. Both move money, so a 429 leaves their result open."""

    def __init__(self, clock: Clock, book_of_orders: Orders, counter: Counter) -> None:
        self._clock = clock
        self._orders = book_of_orders
        self._counter = counter
        path = "/v3/pay/transactions"
        self.routes = (
            Route("POST", re.compile(f"{path}/codepay"), self._charge, unsure_at_429=True),
            Route("POST", re.compile(f"{path}/out-trade-no/([^/]+)/reverse"), self._reverse, unsure_at_429=True),
        )

    def _charge(self, merchant: Merchant, call: Call, query: str) -> Reply:
        body = json_body(call)
        check_query(query, set())
        fields.CODE_ORDER(body, "")
        call.out_trade_no = body["out_trade_no"]
        check_caller(merchant, body)
        check_product(merchant, "codepay")
        order, now, way = self._counter.charge(body), self._clock.now(), merchant.papers.userpaying
        transaction = orjson.dumps(orders.transaction(order, now))
        if order.state(now) != USERPAYING or way == "state":
            return Reply(200, transaction)
        if way == "accepted":
            return Reply(202, transaction)
        raise errors.user_paying()

    def _reverse(self, merchant: Merchant, call: Call, query: str, out_trade_no: str) -> Reply:
        body, call.out_trade_no = json_body(call), out_trade_no
        check_query(query, set())
        fields.REVERSE(body, "")
        check_caller(merchant, body)
        self._orders.reverse(self._orders.find(merchant.mchid, out_trade_no), self._clock.now())
        answer = {"appid": body["appid"], "mchid": merchant.mchid, "out_trade_no": out_trade_no}
        return Reply(200, orjson.dumps(answer))
