"""The gateway put together: its state, its site, and what the control API may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tongbao_sandbox.alipay import asking, authority, cashier, credentials, envelope
from tongbao_sandbox.alipay.api import Desk, PlainApi
from tongbao_sandbox.alipay.asking import Asked, Reply
from tongbao_sandbox.alipay.authority import Issuers
from tongbao_sandbox.alipay.buyer import Buyer
from tongbao_sandbox.alipay.cashier import Cashier
from tongbao_sandbox.alipay.counter import PaymentCodes
from tongbao_sandbox.alipay.crafting import Crafter
from tongbao_sandbox.alipay.credentials import App, Papers, Person, SigningCertificate
from tongbao_sandbox.alipay.errors import REFUND_REFUSALS, Refusal
from tongbao_sandbox.alipay.notices import Courier, Notification, Scribe
from tongbao_sandbox.alipay.people import People
from tongbao_sandbox.alipay.refunding import Refunds
from tongbao_sandbox.alipay.rest import RestApi
from tongbao_sandbox.alipay.telling import Deadlines, Teller
from tongbao_sandbox.alipay.trade_verbs import TradeVerbs
from tongbao_sandbox.alipay.trades import Draft, Refund, Trade, Trades
from tongbao_sandbox.book import Book, Line
from tongbao_sandbox.gateway import Command, ControlError, Site, Surroundings


def open_gateway(around: Surroundings, saved: Mapping[str, Any] | None) -> Alipay:
    """The gateway as it was saved, or new with one test app."""
    now = around.clock.now()
    issuers = Issuers(**saved["issuers"]) if saved else authority.new_issuers(now)
    gateway = Alipay(around, issuers, saved or {})
    if not gateway.apps:
        gateway.add_app(credentials.new_app(issuers, now))
    return gateway


class Alipay:
    """Implements `Gateway`. Holds the state its parts share; each part is given what it needs of it."""

    def __init__(self, around: Surroundings, issuers: Issuers, saved: Mapping[str, Any]) -> None:
        self._around = around
        self._issuers = issuers
        self.apps: dict[str, App] = {}
        for papers in saved.get("apps", ()):
            self.add_app(_papers(papers))
        self._book = Book(Line(**line) for line in saved.get("book", ()))
        codes = {code: Draft(**draft) for code, draft in saved.get("codes", {}).items()}
        self._trades = Trades(self._book, map(_trade, saved.get("trades", ())), codes)
        waiting = [Notification(**notification) for notification in saved.get("notifications", ())]
        self._courier = Courier(around, Scribe(self.apps), waiting)
        teller = Teller(around, self.apps, self._courier)
        self._deadlines = Deadlines(around, teller)
        self._refunds = Refunds(around, self.apps, self._trades, teller)
        self._people = People(around.clock, self.apps, saved.get("people", {}))
        self._payment_codes = PaymentCodes(around.clock, self.apps, saved.get("payment_codes", {}))
        self._buyer = Buyer(around, self.apps, self._trades, teller, self._deadlines)
        self._crafter = Crafter(around, self.apps, self._buyer, self._courier)
        trades = TradeVerbs(
            around.clock, self.apps, self._trades, self._refunds, self._payment_codes, self._buyer, teller,
            self._deadlines,
        )  # fmt: skip
        download = {envelope.CERTIFICATE_DOWNLOAD: _download}
        self._desk = Desk(around, {**trades.verbs, **self._people.verbs, **download})
        self._plain = PlainApi(around, self.apps, self._desk)
        self._rest = RestApi(around, self.apps, self._desk)
        self._cashier = Cashier(around, self.apps, self._buyer)
        self.sites: tuple[Site, ...] = (Site("Alipay", 3, self._handle),)
        self.commands: Mapping[str, Command] = self._commands()

    def _commands(self) -> dict[str, Command]:
        return {
            "POST buyer/login": self._people.login,
            "POST buyer/phone": self._people.phone,
            "POST buyer/pay": self._buyer.pay,
            "POST buyer/scan": self._buyer.scan,
            "POST buyer/pay-twice": self._buyer.pay_twice,
            "POST buyer/abandon": self._buyer.abandon,
            "POST buyer/fail": self._buyer.fail,
            "POST buyer/code": self._payment_codes.show,
            "POST buyer/password": self._buyer.password,
            "POST notify": self._crafter.notify,
            "GET notifications": self._tally,
            "POST refunds/finish": self._refunds.finish,
            "GET refunds": self._refunds.listing,
            "GET book": self._statement,
            "GET merchants": self._list_apps,
            "POST merchants": self._new_app,
            "PUT merchants": self._change_app,
        }

    def add_app(self, papers: Papers) -> App:
        """An app from its papers."""
        app = self.apps[papers.app_id] = App(papers)
        return app

    def credentials(self) -> dict[str, Any]:
        """The first app's."""
        return self._published(next(iter(self.apps.values())))

    async def open(self) -> None:
        """Deliver what was waiting, give back what was under way, watch for time-outs."""
        await self._courier.open()
        self._refunds.open()
        for trade in self._trades:
            self._deadlines.watch(trade)

    async def close(self) -> None:
        """Stop delivering, giving back, watching and applying."""
        self._desk.weather.forget_late()
        self._refunds.forget_all()
        self._deadlines.forget_all()
        await self._courier.close()

    async def reset(self) -> None:
        """Forget trades, refunds, money, deliveries, codes and tokens; every app is treated well again."""
        self._desk.weather.forget_late()
        await self._courier.forget_all()
        self._refunds.forget_all()
        self._deadlines.forget_all()
        for app in self.apps.values():
            app.papers.refund_refusal, app.papers.answers, app.papers.forbidden_methods = None, None, []
        self._trades.clear()
        self._book.clear()
        self._people.clear()
        self._payment_codes.clear()

    def books(self) -> list[dict[str, object]]:
        """Every merchant's lines and balance."""
        return self._book.statements()

    def snapshot(self) -> dict[str, object]:
        """All state."""
        return {
            "issuers": self._issuers,
            "apps": [app.papers for app in self.apps.values()],
            "book": list(self._book),
            "trades": list(self._trades),
            "codes": self._trades.codes,
            "notifications": self._courier.undelivered(),
            "people": self._people.snapshot(),
            "payment_codes": self._payment_codes.snapshot(),
        }

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, of either protocol or of a browser."""
        if request.path.startswith("/v3/"):
            return await self._rest.handle(request)
        if request.path.startswith(("/cashier/", "/qr/")):
            return await self._cashier.handle(request)
        if request.path != "/gateway.do" or request.method not in ("GET", "POST"):
            self._around.log.write("alipay", "request", f"{request.method} {request.path}", "404")
            return web.Response(status=404, text="404 Not Found")
        query, body = request.raw_path.partition("?")[2], await request.read()
        given, charset = asking.parameters(query, body)
        if given.get("method") in cashier.METHODS:
            return self._cashier.open(f"{query}&{body.decode('latin-1')}".strip("&"))
        return await self._plain.handle(request, given, charset)

    async def _tally(self, wish: Mapping[str, Any]) -> object:
        """How often each kind of letter was posted (`true`, `tamper: total_amount` …), by event, and how it was
        received: accepted, refused or unanswered. Every try counts."""
        return {"notifications": self._courier.tally()}

    async def _statement(self, wish: Mapping[str, Any]) -> object:
        """`?app_id=` (the first app's if not given) → the book's lines and balance of its seller. The gateway's own
        numbers stand under the names that every gateway's book has: `transaction_id` is the trade_no, `out_refund_no`
        the out_request_no."""
        app = self._named(wish)
        return {"app_id": app.app_id, "seller_id": app.seller_id, **self._book.statement(app.seller_id)}

    async def _list_apps(self, wish: Mapping[str, Any]) -> object:
        """Every app's credentials."""
        return {"merchants": [self._published(app) for app in self.apps.values()]}

    async def _new_app(self, wish: Mapping[str, Any]) -> object:
        """What PUT merchants takes → the credentials of a new app, with a seller and a buyer of its own."""
        # Generating keys takes 0.1 s, during which payments go on.
        papers = await asyncio.to_thread(credentials.new_app, self._issuers, self._around.clock.now())
        app = App(papers)
        self._change_as_wished(app, wish)
        self.apps[app.app_id] = app
        return self._published(app)

    async def _change_app(self, wish: Mapping[str, Any]) -> object:
        """`{"app_id"?, "identity"?: "open_id"|"user_id", "refund_refusal"?: code|null, "forbidden_methods"?: […],
        "answers"?: "wrong_key"|"unsigned"|"changed"|"other_trade"|null, "renew_certificate"?: "good"|"expired"|
        "not_yet_valid"|"other_chain"}`: which of a buyer's ids it sees, the code all its new refunds are refused with,
        what it has no right to call, how it is lied to, and a new key and certificate for certificate mode."""
        app = self._named(wish)
        self._change_as_wished(app, wish)
        return self._published(app)

    def _change_as_wished(self, app: App, wish: Mapping[str, Any]) -> None:
        """Change how an app is treated. Raises ControlError, and then nothing is changed."""
        kept = {name: wish.get(name, getattr(app.papers, name)) for name in _CHOICES}
        for name, choices in _CHOICES.items():
            if kept[name] not in choices:
                raise ControlError(400, "wish_unreadable", f"{name} is one of {', '.join(map(str, choices))}")
        forbidden, kind = wish.get("forbidden_methods", app.papers.forbidden_methods), wish.get("renew_certificate")
        if not isinstance(forbidden, list) or kind not in (None, *authority.KINDS):
            known = ", ".join(authority.KINDS)
            raise ControlError(400, "wish_unreadable", f"forbidden_methods is a list; renew_certificate one of {known}")
        for name, value in kept.items():
            setattr(app.papers, name, value)
        app.papers.forbidden_methods = [str(method) for method in forbidden]
        if kind is not None:
            facts = app.seller_id, self._around.clock.now(), str(kind)
            app.papers.alipay_certificates.append(credentials.new_signing_certificate(self._issuers, *facts))
            app.take_up_certificate()

    def _named(self, wish: Mapping[str, Any]) -> App:
        """The app a wish names, or the first. Raises ControlError."""
        app_id = str(wish.get("app_id", next(iter(self.apps))))
        if app_id not in self.apps:
            raise ControlError(404, "app_unknown", f"no such app_id: {app_id!r}")
        return self.apps[app_id]

    def _published(self, app: App) -> dict[str, Any]:
        return credentials.published(app, self._around.address)


_CHOICES: Mapping[str, tuple[str | None, ...]] = {
    "identity": (credentials.OPEN_ID, credentials.USER_ID),
    "refund_refusal": (None, *REFUND_REFUSALS),
    "answers": (None, *envelope.LIES),
}


def _download(asked: Asked) -> Reply:
    """One of Alipay's certificates by its number (protocol 1.6). Raises Refusal."""
    number = str(asked.params.get("alipay_cert_sn"))
    content = asked.app.certificate(number)
    if content is None:
        raise Refusal("40002", "isv.alipay-cert-not-exist", "支付宝公钥证书不存在")
    return Reply({"alipay_cert_content": credentials.base64_text(content)})


def _papers(saved: Mapping[str, Any]) -> Papers:
    certificates = [SigningCertificate(**each) for each in saved["alipay_certificates"]]
    buyers = [Person(**each) for each in saved["buyers"]]
    return Papers(**{**saved, "alipay_certificates": certificates, "buyers": buyers})


def _trade(saved: Mapping[str, Any]) -> Trade:
    refunds = [Refund(**each) for each in saved["refunds"]]
    return Trade(**{**saved, "draft": Draft(**saved["draft"]), "refunds": refunds})
