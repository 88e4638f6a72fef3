"""A whole town for journeys: the sandbox and a real server, each a process of its own, and shops that sell there.

`town` (for a module) is the place; `shop` (for a test) is a fresh merchant in it, with a buyer who has logged in and an
ear for webhooks; `shop_of_two` one that collects through Alipay too, from a second buyer. Nothing in it is pretended
but the gateways.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.channels.sandbox_process import sandbox_process
from tongbao import ledger
from tongbao.cli.books import check, gateway_book
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.sealing import Sealer, new_master_key, sealer_from_text
from tools.programs import Program, free_ports
from tools.shop import add_alipay, open_merchant

JSAPI = {"channel": "wechatpay", "method": "jsapi"}
CREATE = {"channel": "alipay", "method": "create"}
_GATEWAYS = {"wechatpay": "wechat", "alipay": "alipay"}
"""What the sandbox calls the gateway of a channel."""
_TAPPED = {"tradeNO": "tradeNO", "qr_code": "qr_code", "url": "order_string", "orderStr": "order_string"}
"""By which of its client parameters a payment at Alipay is known before the buyer came to it, and what the sandbox
calls that."""


@dataclass(slots=True)
class Town:
    """Where things are."""

    url: str
    control_url: str
    database_url: str
    sealer: Sealer = field(repr=False)
    server: Program
    offset_seconds: float = 0.0
    """How far everybody's clock is ahead of the real time."""


@pytest.fixture(scope="module")
def town(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A sandbox and a server with its worker, for one module's journeys."""
    folder = tmp_path_factory.mktemp("town")
    port, keys = free_ports(count=1), new_master_key("k1")
    with sandbox_process(folder) as control_url:
        url = f"http://127.0.0.1:{port}"
        environment = os.environ | {
            "TONGBAO_DATABASE_URL": module_database_url,
            "TONGBAO_DATA": str(folder),
            "TONGBAO_PORT": str(port),
            "TONGBAO_PUBLIC_URL": url,
            "TONGBAO_MASTER_KEYS": keys,
            "TONGBAO_ALLOW_PRIVATE_WEBHOOKS": "yes",
            "TONGBAO_CLOCK_MOVABLE": "yes",
        }
        command = [sys.executable, "-m", "tongbao", "serve"]
        server = Program("the server", command, environment, folder / "server.log", f"{url}/readyz")
        with server.running():
            yield Town(url, control_url, module_database_url, sealer_from_text(keys), server)
            clock.move(0.0)


@dataclass(slots=True)
class Answer:
    """What came back: the status, the headers, and the body as JSON where it is."""

    status: int
    headers: Mapping[str, str]
    body: Any


_references = itertools.count(1)


@dataclass(slots=True)
class Shop:
    """A merchant of its own, with everything a test needs to sell."""

    town: Town
    session: aiohttp.ClientSession
    db: Db
    merchant_id: str
    account_id: str
    api_key: str
    credentials: dict[str, str] = field(repr=False)
    webhook_secret: str = field(repr=False)
    buyer_id: str = ""
    buyer_token: str = ""
    alipay: dict[str, str] = field(default_factory=dict, repr=False)
    alipay_account_id: str = ""
    alipay_buyer_id: str = ""
    alipay_buyer_token: str = ""
    webhooks: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """What the shop's server was told: headers and raw body."""

    async def ask(self, method: str, path: str, *, token: str | None = "", **how: Any) -> Answer:
        """Ask the API, as the merchant unless another token is given; None sends none."""
        headers = dict(how.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token or self.api_key}"
        async with self.session.request(method, self.town.url + path, headers=headers, **how) as response:
            is_json = "json" in response.content_type
            body = await response.json(content_type=None) if is_json else await response.read()
            return Answer(response.status, response.headers, body)

    async def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Ask the sandbox's control API."""
        async with self.session.request(method, self.town.control_url + path, json=body or {}) as response:
            return Answer(response.status, response.headers, await response.json(content_type=None))

    async def log_in(self, openid: str | None = None) -> dict[str, Any]:
        """A buyer logs in through the mini-program; the answer of POST /v1/sessions."""
        wish = {"appid": self.credentials["appid"]} | ({"openid": openid} if openid else {})
        code = (await self.control("POST", "/wechat/buyer/login", wish)).body["code"]
        return await self._session("wechat", self.credentials["appid"], code)

    async def log_in_at_alipay(self) -> dict[str, Any]:
        """Alipay's pretend buyer logs in through the mini-program there; the answer of POST /v1/sessions."""
        app_id = self.alipay["app_id"]
        code = (await self.control("POST", "/alipay/buyer/login", {"app_id": app_id})).body["auth_code"]
        return await self._session("alipay", app_id, code)

    async def _session(self, host: str, app_id: str, code: str) -> dict[str, Any]:
        answer = await self.ask("POST", "/v1/sessions", token=None, json={"host": host, "app_id": app_id, "code": code})
        assert answer.status == 201, answer
        session: dict[str, Any] = answer.body
        return session

    async def open_at_alipay(self) -> None:
        """Collect through Alipay too, and have a buyer there."""
        self.alipay = (await self.control("POST", "/alipay/merchants")).body
        self.alipay_account_id = await add_alipay(self.db, self.town.sealer, self.merchant_id, self.alipay)
        buyer = await self.log_in_at_alipay()
        self.alipay_buyer_id, self.alipay_buyer_token = buyer["buyer_id"], buyer["token"]

    def draft(self, **changes: Any) -> dict[str, Any]:
        """The body of an order by the shop's buyer, with a reference of its own."""
        order = {"reference": f"ref-{next(_references)}", "amount": 1800, "subject": "拿铁", "buyer": self.buyer_id}
        return {name: value for name, value in (order | changes).items() if value is not None}

    async def order(self, **changes: Any) -> dict[str, Any]:
        """A new order; with `payment=JSAPI` its first payment too."""
        answer = await self.ask("POST", "/v1/orders", json=self.draft(**changes))
        assert answer.status == 201, answer
        order: dict[str, Any] = answer.body
        return order

    async def pay(self, order_id: str, way: Mapping[str, Any] = JSAPI) -> dict[str, Any]:
        """Somebody starts to pay: attempt and client_params. In a mini-program it is its buyer, else the merchant."""
        token = {"jsapi": self.buyer_token, "create": self.alipay_buyer_token}.get(way["method"], "")
        answer = await self.ask("POST", f"/v1/orders/{order_id}/payments", token=token, json=way)
        assert answer.status == 201, answer
        started: dict[str, Any] = answer.body
        return started

    async def buyer_pays(self, started: Mapping[str, Any]) -> dict[str, Any]:
        """The buyer pays what was started, on the phone. The gateway's transaction."""
        answer = await self.tap(started)
        assert answer.status == 200, answer
        transaction: dict[str, Any] = answer.body
        return transaction

    async def tap(self, started: Mapping[str, Any]) -> Answer:
        """The same, whatever the gateway answers."""
        attempt, params = started["attempt"], started.get("client_params") or {}
        known = {_TAPPED[name]: value for name, value in params.items() if name in _TAPPED}
        wish = known if known and attempt["channel"] == "alipay" else {"out_trade_no": attempt["id"]}
        return await self.control("POST", f"/{_GATEWAYS[attempt['channel']]}/buyer/pay", wish)

    async def read(self, order_id: str) -> dict[str, Any]:
        """The order as it is now."""
        order: dict[str, Any] = (await self.ask("GET", f"/v1/orders/{order_id}")).body
        return order

    async def becomes(self, order_id: str, status: str, seconds: float = 20) -> dict[str, Any]:
        """Wait until the order has that status."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            order = await self.read(order_id)
            if order["status"] == status:
                return order
            await asyncio.sleep(0.05)
        raise AssertionError(f"order {order_id} is {order['status']}, not {status}, after {seconds} s")

    async def told(self, count: int, seconds: float = 20) -> list[tuple[dict[str, str], bytes]]:
        """Wait until the shop's server was told that many times."""
        give_up_at = time.monotonic() + seconds
        while len(self.webhooks) < count and time.monotonic() < give_up_at:
            await asyncio.sleep(0.02)
        assert len(self.webhooks) >= count, f"told {len(self.webhooks)} times, not {count}"
        return self.webhooks

    async def advance(self, seconds: float) -> None:
        """Let time pass: for the server, for the sandbox, and for us. It never goes back."""
        self.town.offset_seconds += seconds
        clock.move(self.town.offset_seconds)
        await self.db.fetch("SELECT pg_notify('tongbao', $1)", f"clock {self.town.offset_seconds:.3f}")
        await self.control("PUT", "/clock", {"offset_seconds": self.town.offset_seconds})

    async def book(self, gateway: str) -> dict[str, Any]:
        """The sandbox's own book of this shop's money at a gateway (`wechat`, `alipay`)."""
        name = f"app_id={self.alipay['app_id']}" if gateway == "alipay" else f"mchid={self.credentials['mchid']}"
        book: dict[str, Any] = (await self.control("GET", f"/{gateway}/book?{name}")).body
        return book

    async def books_hold(self) -> None:
        """Every invariant holds, and our clearing accounts equal the sandbox's own books."""
        books = [gateway_book(await self.book(name)) for name in ("wechat", *(["alipay"] if self.alipay else []))]
        # The worker seals twice a minute of real time, and hours may have passed since: what is left is sealed first.
        while await ledger.seal(self.db, clock.now()):
            pass
        findings = await check(self.db, books)
        assert sum("clearing" in finding.name for finding in findings) == len(books)
        assert [finding for finding in findings if finding.wrong] == []


@pytest.fixture
async def shop(town: Town) -> AsyncIterator[Shop]:
    """A fresh merchant in the town, its buyer logged in."""
    db = await Db.connect(town.database_url, size=2)
    async with aiohttp.ClientSession() as session:
        heard: list[tuple[dict[str, str], bytes]] = []
        runner, hook_url = await _ear(heard)
        async with session.post(f"{town.control_url}/wechat/merchants", json={}) as response:
            credentials = await response.json()
        opened = await open_merchant(db, town.sealer, credentials, hook_url)
        keys = opened.merchant_id, opened.account_id, opened.api_key, credentials, opened.webhook_secret
        shop = Shop(town, session, db, *keys, webhooks=heard)
        buyer = await shop.log_in()
        shop.buyer_id, shop.buyer_token = buyer["buyer_id"], buyer["token"]
        try:
            yield shop
        finally:
            await session.put(f"{town.control_url}/faults", json={})
            await runner.cleanup()
            await db.close()
    # A closed session's sockets are closed by the loop's next turns, which must come before the loop's end.
    await asyncio.sleep(0.05)


@pytest.fixture
async def shop_of_two(shop: Shop) -> Shop:
    """A fresh merchant that collects through both gateways."""
    await shop.open_at_alipay()
    return shop


async def _ear(heard: list[tuple[dict[str, str], bytes]]) -> tuple[web.AppRunner, str]:
    """The shop's own server, which takes webhooks."""

    async def hear(request: web.Request) -> web.Response:
        heard.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response()

    application = web.Application()
    application.router.add_post("/webhooks", hear)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    return runner, f"http://127.0.0.1:{port}/webhooks"


__all__ = ["CREATE", "JSAPI", "Answer", "Shop", "Town", "shop", "shop_of_two", "town"]
