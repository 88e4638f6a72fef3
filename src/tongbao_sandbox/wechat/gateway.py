"""The gateway put together: its state, its two sites, and what the control API may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tongbao_sandbox.gateway import Command, ControlError, Site, Surroundings
from tongbao_sandbox.wechat import credentials
from tongbao_sandbox.wechat.api import PayApi
from tongbao_sandbox.wechat.book import Book, Line
from tongbao_sandbox.wechat.buyer import Buyer
from tongbao_sandbox.wechat.credentials import App, Merchant, Papers
from tongbao_sandbox.wechat.miniprogram import MiniProgramApi
from tongbao_sandbox.wechat.notify import Courier, Notification
from tongbao_sandbox.wechat.orders import Order, Orders


def open_gateway(around: Surroundings, saved: Mapping[str, Any] | None) -> WeChat:
    """The gateway as it was saved, or new with one test merchant."""
    gateway = WeChat(around, saved or {})
    if not gateway.merchants:
        app = gateway.add_app()
        gateway.add_merchant(credentials.new_merchant([app.appid], around.clock.now()))
    return gateway


class WeChat:
    """Implements `Gateway`. Holds the state its parts share; each part is given what it needs of it."""

    def __init__(self, around: Surroundings, saved: Mapping[str, Any]) -> None:
        self._around = around
        self.apps = {app["appid"]: App(**app) for app in saved.get("apps", ())}
        self.merchants: dict[str, Merchant] = {}
        for papers in saved.get("merchants", ()):
            self.add_merchant(Papers(**papers))
        self._book = Book.of(Line(**line) for line in saved.get("book", ()))
        self._orders = Orders(self._book, (Order(**order) for order in saved.get("orders", ())))
        waiting = [Notification(**notification) for notification in saved.get("notifications", ())]
        self._courier = Courier(around, self.merchants, waiting)
        self._pay_api = PayApi(around, self.merchants, self.apps, self._orders)
        self._miniprogram = MiniProgramApi(around, self.apps, saved.get("miniprogram", {}))
        self._buyer = Buyer(around, self.merchants, self._orders, self._courier)
        self.sites: tuple[Site, ...] = (
            Site("WeChat Pay", 1, self._pay_api.handle),
            Site("WeChat mini-program API", 2, self._miniprogram.handle),
        )
        self.commands: Mapping[str, Command] = {
            "POST buyer/login": self._login,
            "POST buyer/pay": self._buyer.pay,
            "POST buyer/pay-twice": self._buyer.pay_twice,
            "POST buyer/abandon": self._buyer.abandon,
            "POST buyer/fail": self._buyer.fail,
            "POST notify": self._buyer.notify,
            "GET book": self._statement,
            "GET merchants": self._list_merchants,
            "POST merchants": self._new_merchant,
            "PUT merchants": self._change_merchant,
        }

    def add_app(self) -> App:
        """A new mini-program."""
        app = credentials.new_app()
        self.apps[app.appid] = app
        return app

    def add_merchant(self, papers: Papers) -> Merchant:
        """A merchant from its papers."""
        merchant = self.merchants[papers.mchid] = Merchant(papers)
        return merchant

    def credentials(self) -> dict[str, Any]:
        """The first merchant's, with its first app."""
        return self._published(next(iter(self.merchants.values())))

    async def open(self) -> None:
        """Deliver what was waiting."""
        await self._courier.open()

    async def close(self) -> None:
        """Stop delivering and applying."""
        self._pay_api.forget_late()
        await self._courier.close()

    async def reset(self) -> None:
        """Forget orders, money, deliveries, log-in codes and tokens."""
        self._pay_api.forget_late()
        await self._courier.forget_all()
        self._orders.clear()
        self._book.clear()
        self._miniprogram.reset()

    def snapshot(self) -> dict[str, object]:
        """All state."""
        return {
            "apps": list(self.apps.values()),
            "merchants": [merchant.papers for merchant in self.merchants.values()],
            "book": self._book.lines,
            "orders": list(self._orders),
            "notifications": self._courier.undelivered(),
            "miniprogram": self._miniprogram.snapshot(),
        }

    async def _login(self, wish: Mapping[str, Any]) -> object:
        """`{"appid", "openid"?, "unionid"?, "high_risk"?}` → `{"code"}`. A new openid is a new buyer."""
        app = self.apps.get(str(wish.get("appid")))
        if app is None:
            raise ControlError(404, "app_unknown", f"no such appid: {wish.get('appid')!r}")
        openid = str(wish.get("openid") or app.openid)
        if not app.knows(openid):
            app.openids.append(openid)
        return {"code": self._miniprogram.login(app.appid, openid, wish.get("unionid"), wish.get("high_risk") is True)}

    async def _statement(self, wish: Mapping[str, Any]) -> object:
        """`?mchid=` (the first merchant's if not given) → the book's lines and balance."""
        return self._book.statement(self._named(wish).mchid)

    async def _list_merchants(self, wish: Mapping[str, Any]) -> object:
        """Every merchant's credentials."""
        return {"merchants": [self._published(merchant) for merchant in self.merchants.values()]}

    async def _new_merchant(self, wish: Mapping[str, Any]) -> object:
        """`{"appid"?, "signing"?, "has_certificate"?}` → the credentials of a new merchant, with an app of its own
        unless it is to share one."""
        appid = str(wish["appid"]) if "appid" in wish else self.add_app().appid
        if appid not in self.apps:
            raise ControlError(404, "app_unknown", f"no such appid: {appid!r}")
        # Generating keys takes 0.1 s, during which payments go on.
        papers = await asyncio.to_thread(credentials.new_merchant, [appid], self._around.clock.now())
        _sign_as_wished(papers, wish)
        return self._published(self.add_merchant(papers))

    async def _change_merchant(self, wish: Mapping[str, Any]) -> object:
        """`{"mchid"?, "signing"?: "certificate"|"public_key", "has_certificate"?}`: how the gateway signs for it."""
        merchant = self._named(wish)
        _sign_as_wished(merchant.papers, wish)
        return self._published(merchant)

    def _named(self, wish: Mapping[str, Any]) -> Merchant:
        """The merchant a wish names, or the first. Raises ControlError."""
        mchid = str(wish.get("mchid", next(iter(self.merchants))))
        if mchid not in self.merchants:
            raise ControlError(404, "merchant_unknown", f"no such mchid: {mchid!r}")
        return self.merchants[mchid]

    def _published(self, merchant: Merchant) -> dict[str, Any]:
        app = self.apps[merchant.papers.appids[0]]
        return credentials.published(merchant, app, self._around.address)


def _sign_as_wished(papers: Papers, wish: Mapping[str, Any]) -> None:
    """Change what a merchant's notifications are signed with, and whether it has a certificate. Raises ControlError."""
    signing = wish.get("signing", papers.signing)
    has_certificate = wish.get("has_certificate", papers.has_certificate)
    if signing not in (credentials.CERTIFICATE, credentials.PUBLIC_KEY) or not isinstance(has_certificate, bool):
        reason = "signing is certificate or public_key, has_certificate true or false"
        raise ControlError(400, "wish_unreadable", reason)
    papers.signing, papers.has_certificate = signing, has_certificate
