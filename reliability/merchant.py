"""A merchant on the stage, who sells, and remembers what was acknowledged. Nothing it asks ever raises: what was not
answered, or with a failure, is what the record is about."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from reliability.hooks import Hook
from reliability.wallets import ALIPAY, WECHAT, Till, Wallet
from tools.shop import Opened, add_hook

if TYPE_CHECKING:
    from reliability.stage import Stage


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the status, and the body as JSON where it is (else None)."""

    status: int
    body: Any

    @property
    def is_yes(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300


_references = itertools.count(1)


@dataclass(slots=True)
class Merchant:
    """`hook` is its first webhook address, `hooks` all of them. Each wallet has a till, by its channel's name."""

    stage: Stage = field(repr=False)
    opened: Opened
    tills: Mapping[str, Till]
    hook: Hook
    hooks: list[Hook] = field(default_factory=list)
    _taps: dict[str, tuple[Wallet, dict[str, Any]]] = field(default_factory=dict, repr=False)
    """How each attempt is paid on the phone."""

    @property
    def merchant_id(self) -> str:
        return self.opened.merchant_id

    @property
    def wechat(self) -> Till:
        return self.tills[WECHAT.channel]

    @property
    def alipay(self) -> Till:
        return self.tills[ALIPAY.channel]

    @property
    def api_key(self) -> str:
        return self.opened.api_key

    @property
    def webhook_secret(self) -> str:
        return self.opened.webhook_secret

    async def ask(self, method: str, path: str, body: object = None, *, token: str = "", **how: Any) -> Answer | None:
        """Ask the API, as the merchant unless another token is given. None when unanswered."""
        headers = {"authorization": f"Bearer {token or self.api_key}", **how.pop("headers", {})}
        return await self.stage.ask(method, self.stage.url + path, body, headers=headers, **how)

    async def log_in(self, wallet: Wallet = WECHAT) -> None:
        """The buyer of a wallet logs in through its mini-program. For fair weather only: it raises."""
        till = self.tills[wallet.channel]
        answer = await self.try_to_log_in(wallet)
        assert answer and answer.is_yes, answer
        till.buyer_id, till.buyer_token = answer.body["buyer_id"], answer.body["token"]

    async def try_to_log_in(self, wallet: Wallet) -> Answer | None:
        """Ask for a session with a fresh code of the host's. None when unanswered."""
        till = self.tills[wallet.channel]
        code = await self.stage.control("POST", f"/{wallet.gateway}/buyer/login", till.log_in_wish())
        login = {"host": wallet.gateway, "app_id": till.app_id, "code": code.get("code") or code["auth_code"]}
        answer = await self.stage.ask("POST", self.stage.url + "/v1/sessions", login)
        if answer and answer.is_yes:
            self.stage.secrets |= {till.subject, answer.body["token"]}
        return answer

    async def add_hook(self) -> Hook:
        """One more webhook address, told of everything from now on."""
        hook = self.stage.ear.hook()
        secret = await add_hook(self.stage.db, self.stage.sealer, self.merchant_id, hook.url)
        self.stage.secrets.add(secret)
        self.hooks.append(hook)
        return hook

    def draft(self, wallet: Wallet = WECHAT, *, paying: bool = False, **changes: Any) -> dict[str, Any]:
        """The body of an order with a reference of its own, by the wallet's buyer, with its first payment if `paying`;
        a change to None leaves a field out."""
        draft = {"reference": f"r{next(_references)}", "amount": 1800, "subject": "拿铁"}
        draft |= {"buyer": self.tills[wallet.channel].buyer_id, "payment": dict(wallet.payment) if paying else None}
        return {name: value for name, value in (draft | changes).items() if value is not None}

    async def order(self, draft: Mapping[str, Any]) -> Answer | None:
        """Open an order; where its draft is paying, its first payment too (then the body has `attempt`)."""
        answer = await self.ask("POST", "/v1/orders", draft)
        if answer and answer.is_yes:
            self._acknowledged("order", answer.body["id"])
            for attempt in answer.body["payments"]:
                self._begun(attempt, {})
        return answer

    async def pay(self, order_id: str, wallet: Wallet = WECHAT, **changes: Any) -> Answer | None:
        """The wallet's buyer starts to pay in its mini-program: the body has `attempt` and `client_params`."""
        token = self.tills[wallet.channel].buyer_token
        return await self._start(order_id, {**wallet.payment, **changes}, token)

    async def show_code(self, order_id: str, wallet: Wallet, **changes: Any) -> Answer | None:
        """The merchant shows a code that is scanned with the wallet."""
        return await self._start(order_id, {**wallet.page, **changes}, "")

    async def scan(self, order_id: str, auth_code: str) -> Answer | None:
        """The merchant's till scans the code on the buyer's phone."""
        return await self._start(order_id, {"method": "code", "auth_code": auth_code}, "")

    async def _start(self, order_id: str, wish: Mapping[str, Any], token: str) -> Answer | None:
        answer = await self.ask("POST", f"/v1/orders/{order_id}/payments", wish, token=token)
        if answer and answer.is_yes:
            self._begun(answer.body["attempt"], answer.body["client_params"])
        return answer

    async def buyer_pays(self, attempt_id: str) -> Answer | None:
        """The buyer pays an attempt on the phone, at the sandbox."""
        wallet, wish = self._taps[attempt_id]
        return await self.stage.ask("POST", f"{self.stage.control_url}/{wallet.gateway}/buyer/pay", wish)

    def till_of(self, attempt_id: str) -> Till:
        """The till at which an attempt was begun."""
        return self.tills[self._taps[attempt_id][0].channel]

    async def at_gateway(self, what: str, attempt_id: str, **wish: Any) -> Answer | None:
        """Ask the sandbox for something about an attempt: `notify`, `buyer/password` …"""
        till = self.till_of(attempt_id)
        named = {"out_trade_no": attempt_id, **till.named, **wish}
        return await self.stage.ask("POST", f"{self.stage.control_url}/{till.wallet.gateway}/{what}", named)

    async def refund(self, order_id: str, amount: int | None = None, **changes: Any) -> Answer | None:
        """Ask for money back; all that is left without an amount."""
        wish = {"reference": f"b{next(_references)}", "reason": "sold out", "amount": amount} | changes
        body = {name: value for name, value in wish.items() if value is not None}
        answer = await self.ask("POST", f"/v1/orders/{order_id}/refunds", body)
        if answer and answer.is_yes:
            self._acknowledged("refund", answer.body["id"])
        return answer

    async def read(self, order_id: str, **query: Any) -> Answer | None:
        """The order as it is now."""
        return await self.ask("GET", f"/v1/orders/{order_id}", params=query)

    def _begun(self, attempt: Mapping[str, Any], client_params: Mapping[str, str]) -> None:
        """Remember an attempt, and how it is paid: one of a mini-program is known by its number alone."""
        self._acknowledged("attempt", attempt["id"])
        till = self.tills[attempt["channel"]]
        if client_params or attempt["id"] not in self._taps:
            self._taps[attempt["id"]] = till.wallet, till.tap(attempt["id"], client_params)

    def _acknowledged(self, kind: str, each: str) -> None:
        self.stage.acknowledged[kind].add((self.merchant_id, each))


async def open_session() -> aiohttp.ClientSession:
    """The one session that everybody on a stage asks with."""
    # Idle connections are let go sooner than any of our servers drops them.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30))
