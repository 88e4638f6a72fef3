"""The gateway put together: its state, its two sites, and what the control API may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tongbao_sandbox.book import Book, Line
from tongbao_sandbox.gateway import Command, ControlError, Site, Surroundings
from tongbao_sandbox.wechat import credentials, h5, terms
from tongbao_sandbox.wechat.api import PayApi
from tongbao_sandbox.wechat.buyer import Buyer
from tongbao_sandbox.wechat.counter import Counter
from tongbao_sandbox.wechat.counter_verbs import CounterVerbs
from tongbao_sandbox.wechat.crafting import Crafter
from tongbao_sandbox.wechat.credentials import App, Merchant, Papers
from tongbao_sandbox.wechat.h5_page import H5Page
from tongbao_sandbox.wechat.miniprogram import MiniProgramApi
from tongbao_sandbox.wechat.notify import Courier, Notification, Scribe
from tongbao_sandbox.wechat.orders import Order, Orders
from tongbao_sandbox.wechat.payment_codes import PaymentCodes
from tongbao_sandbox.wechat.payouts import Payouts
from tongbao_sandbox.wechat.refund_desk import RefundDesk
from tongbao_sandbox.wechat.refund_verbs import RefundVerbs
from tongbao_sandbox.wechat.refunds import Refund, Refunds
from tongbao_sandbox.wechat.verbs import OrderVerbs

USUAL_PHONE = "13800138000"


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
        self._book = Book(Line(**line) for line in saved.get("book", ()))
        self._orders = Orders(self._book, (Order(**order) for order in saved.get("orders", ())))
        self._refunds = Refunds(self._orders, self._book, (Refund(**refund) for refund in saved.get("refunds", ())))
        waiting = [Notification(**notification) for notification in saved.get("notifications", ())]
        self._courier = Courier(around, Scribe(self.merchants), waiting)
        self._payouts = Payouts(around, self.merchants, self._refunds, self._courier)
        self._buyer = Buyer(around, self.apps, self.merchants, self._orders, self._courier)
        self._codes = PaymentCodes(saved.get("payment_codes", {}))
        self._counter = Counter(around, self.apps, self._orders, self._codes, self._buyer)
        self._desk = RefundDesk(self.merchants, self._refunds, self._payouts)
        self._crafter = Crafter(around, self.merchants, self._buyer, self._desk, self._courier)
        orders = OrderVerbs(around.clock, around.address.url(1), self.apps, self._orders, self._buyer)
        codes = CounterVerbs(around.clock, self._orders, self._counter)
        refunds = RefundVerbs(around.clock, self._refunds, self._payouts)
        self._pay_api = PayApi(around, self.merchants, (*orders.routes, *codes.routes, *refunds.routes))
        self._h5_page = H5Page(self.merchants, self._buyer)
        self._miniprogram = MiniProgramApi(around, self.apps, saved.get("miniprogram", {}))
        self.sites: tuple[Site, ...] = (
            Site("WeChat Pay", 1, self._handle),
            Site("WeChat mini-program API", 2, self._miniprogram.handle),
        )
        self.commands: Mapping[str, Command] = {
            "POST buyer/login": self._login,
            "POST buyer/phone": self._phone,
            "POST buyer/code": self._counter.show_code,
            "POST buyer/password": self._counter.enter_password,
            "POST buyer/scan": self._buyer.scan,
            "POST buyer/open": self._buyer.open,
            "POST buyer/pay": self._buyer.pay,
            "POST buyer/pay-twice": self._buyer.pay_twice,
            "POST buyer/abandon": self._buyer.abandon,
            "POST buyer/fail": self._buyer.fail,
            "POST notify": self._crafter.notify,
            "GET notifications": self._tally,
            "POST refunds/finish": self._desk.finish,
            "GET refunds": self._desk.listing,
            "GET book": self._statement,
            "GET merchants": self._list_merchants,
            "POST merchants": self._new_merchant,
            "PUT merchants": self._change_merchant,
        }

    def add_app(self, *, is_web: bool = False) -> App:
        """A new mini-program, or an official account with pages."""
        app = credentials.new_app(is_web=is_web)
        self.apps[app.appid] = app
        return app

    def add_merchant(self, papers: Papers) -> Merchant:
        """A merchant from its papers, with an official account beside its mini-program."""
        if not any(self.apps[appid].is_web for appid in papers.appids):
            papers.appids.append(self.add_app(is_web=True).appid)
        merchant = self.merchants[papers.mchid] = Merchant(papers)
        return merchant

    def credentials(self) -> dict[str, Any]:
        """The first merchant's, with its first app."""
        return self._published(next(iter(self.merchants.values())))

    async def open(self) -> None:
        """Deliver what was waiting, and pay out what was under way."""
        await self._courier.open()
        self._payouts.open()

    async def close(self) -> None:
        """Stop delivering, paying out and applying."""
        self._pay_api.forget_late()
        self._payouts.forget_all()
        await self._courier.close()

    async def reset(self) -> None:
        """Forget orders, refunds, money, deliveries, codes and tokens; every merchant is treated as at first."""
        self._pay_api.forget_late()
        await self._courier.forget_all()
        self._payouts.forget_all()
        for merchant in self.merchants.values():
            terms.restore(merchant.papers)
        self._codes.clear()
        self._refunds.clear()
        self._orders.clear()
        self._book.clear()
        self._miniprogram.reset()

    def books(self) -> list[dict[str, object]]:
        """Every merchant's lines and balance."""
        return self._book.statements()

    def snapshot(self) -> dict[str, object]:
        """All state."""
        return {
            "apps": list(self.apps.values()),
            "merchants": [merchant.papers for merchant in self.merchants.values()],
            "book": list(self._book),
            "orders": list(self._orders),
            "refunds": list(self._refunds),
            "notifications": self._courier.undelivered(),
            "payment_codes": dict(self._codes),
            "miniprogram": self._miniprogram.snapshot(),
        }

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The API, and beside it the page that H5 orders are paid on."""
        return await (self._h5_page if request.path == h5.PATH else self._pay_api).handle(request)

    async def _login(self, wish: Mapping[str, Any]) -> object:
        """`{"appid", "openid"?, "unionid"?, "high_risk"?}` → `{"code"}`. A new openid is a new buyer."""
        app, openid = self._someone(wish)
        return {"code": self._miniprogram.login(app.appid, openid, wish.get("unionid"), wish.get("high_risk") is True)}

    async def _phone(self, wish: Mapping[str, Any]) -> object:
        """`{"appid", "openid"?, "number"?, "country_code"?}` → `{"code"}`, what the phone-number button gives, with
        `encryptedData` and `iv` of the older form if this buyer has logged in."""
        app, openid = self._someone(wish)
        number, country_code = str(wish.get("number", USUAL_PHONE)), str(wish.get("country_code", "86"))
        if not (number.isdecimal() and country_code.isdecimal()):
            raise ControlError(400, "wish_unreadable", "number and country_code are digits")
        return self._miniprogram.phone(app.appid, openid, number, country_code)

    def _someone(self, wish: Mapping[str, Any]) -> tuple[App, str]:
        """The app a wish names, and a buyer there: the usual one, or perhaps a new one. Raises ControlError."""
        app = self.apps.get(str(wish.get("appid")))
        if app is None:
            raise ControlError(404, "app_unknown", f"no such appid: {wish.get('appid')!r}")
        openid = str(wish.get("openid") or app.openid)
        app.learn(openid)
        return app, openid

    async def _tally(self, wish: Mapping[str, Any]) -> object:
        """How often each kind of letter was posted (`true`, `tamper: amount` …), by event, and how it was received:
        accepted, refused or unanswered. Every try counts."""
        return {"notifications": self._courier.tally()}

    async def _statement(self, wish: Mapping[str, Any]) -> object:
        """`?mchid=` (the first merchant's if not given) → the book's lines and balance."""
        return self._book.statement(self._named(wish).mchid)

    async def _list_merchants(self, wish: Mapping[str, Any]) -> object:
        """Every merchant's credentials."""
        return {"merchants": [self._published(merchant) for merchant in self.merchants.values()]}

    async def _new_merchant(self, wish: Mapping[str, Any]) -> object:
        """`{"appid"?}` and what PUT merchants takes → the credentials of a new merchant, with an app of its own unless
        it is to share one."""
        appid = str(wish["appid"]) if "appid" in wish else self.add_app().appid
        if appid not in self.apps:
            raise ControlError(404, "app_unknown", f"no such appid: {appid!r}")
        # Generating keys takes 0.1 s, during which payments go on.
        papers = await asyncio.to_thread(credentials.new_merchant, [appid], self._around.clock.now())
        terms.change(papers, wish)
        return self._published(self.add_merchant(papers))

    async def _change_merchant(self, wish: Mapping[str, Any]) -> object:
        """`{"mchid"?, "signing"?: "certificate"|"public_key", "has_certificate"?, "refund_refusal"?: code|null,
        "refund_spacing_seconds"?, "without"?: ["jsapi"|"app"|"native"|"h5"|"codepay"], "userpaying"?: "code"|
        "accepted"|"state", "h5_domain"?, "h5_local_ip"?}`: how the gateway signs for it; the code (`NOT_ENOUGH` …) all
        its new refunds are refused with, and how far apart refunds of one order must be (60 with the real gateway);
        which ways to be paid it has not; whether a charge that waits for the password is answered with 202 and a code,
        202 and the transaction, or 200 and the transaction; where its H5 pages must be, and whether buyers there may
        have a loopback address."""
        merchant = self._named(wish)
        terms.change(merchant.papers, wish)
        return self._published(merchant)

    def _named(self, wish: Mapping[str, Any]) -> Merchant:
        """The merchant a wish names, or the first. Raises ControlError."""
        mchid = str(wish.get("mchid", next(iter(self.merchants))))
        if mchid not in self.merchants:
            raise ControlError(404, "merchant_unknown", f"no such mchid: {mchid!r}")
        return self.merchants[mchid]

    def _published(self, merchant: Merchant) -> dict[str, Any]:
        apps = [self.apps[appid] for appid in merchant.papers.appids]
        web_app = next(app for app in apps if app.is_web)
        return credentials.published(merchant, apps[0], web_app, self._around.address) | terms.of(merchant.papers)
