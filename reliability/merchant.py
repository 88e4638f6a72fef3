"""A merchant on the stage, who sells, and remembers what was acknowledged. Nothing it asks ever raises: what was not
answered, or with a failure, is what the record is about."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from reliability.hooks import Hook
from tools.shop import Opened, add_hook

if TYPE_CHECKING:
    from reliability.stage import Stage

JSAPI = {"channel": "wechatpay", "method": "jsapi"}


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
    """`hook` is its first webhook address, `hooks` all of them. Orders name `buyer_id`, who pays with `buyer_token`."""

    stage: Stage = field(repr=False)
    opened: Opened
    credentials: Mapping[str, str] = field(repr=False)
    hook: Hook
    hooks: list[Hook] = field(default_factory=list)
    buyer_id: str = ""
    buyer_token: str = field(default="", repr=False)
    openid: str = field(default="", repr=False)

    @property
    def merchant_id(self) -> str:
        return self.opened.merchant_id

    @property
    def account_id(self) -> str:
        return self.opened.account_id

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

    async def log_in(self, openid: str | None = None) -> dict[str, Any]:
        """A buyer logs in through the mini-program: the session, with the openid. For fair weather only: it raises."""
        openid = openid or self.credentials["openid"]
        wish = {"appid": self.credentials["appid"], "openid": openid}
        code = await self.stage.control("POST", "/wechat/buyer/login", wish)
        login = {"host": "wechat", "app_id": self.credentials["appid"], "code": code["code"]}
        answer = await self.stage.ask("POST", self.stage.url + "/v1/sessions", login)
        assert answer and answer.is_yes, answer
        self.stage.secrets |= {openid, answer.body["token"]}
        return {**answer.body, "openid": openid}

    async def add_hook(self) -> Hook:
        """One more webhook address, told of everything from now on."""
        hook = self.stage.ear.hook()
        secret = await add_hook(self.stage.db, self.stage.sealer, self.merchant_id, hook.url)
        self.stage.secrets.add(secret)
        self.hooks.append(hook)
        return hook

    def draft(self, **changes: Any) -> dict[str, Any]:
        """The body of an order with a reference of its own; a change to None leaves a field out."""
        draft = {"reference": f"r{next(_references)}", "amount": 1800, "subject": "拿铁", "buyer": self.buyer_id}
        return {name: value for name, value in (draft | changes).items() if value is not None}

    async def order(self, **changes: Any) -> Answer | None:
        """Open an order; with `payment=JSAPI` its first payment too (then the body has `attempt`)."""
        answer = await self.ask("POST", "/v1/orders", self.draft(**changes))
        if answer and answer.is_yes:
            self._acknowledged("order", answer.body["id"])
            if answer.body.get("attempt"):
                self._acknowledged("attempt", answer.body["attempt"]["id"])
        return answer

    async def pay(self, order_id: str, **changes: Any) -> Answer | None:
        """The buyer starts to pay: the body has `attempt` and `client_params`."""
        answer = await self.ask("POST", f"/v1/orders/{order_id}/payments", JSAPI | changes, token=self.buyer_token)
        if answer and answer.is_yes:
            self._acknowledged("attempt", answer.body["attempt"]["id"])
        return answer

    async def buyer_pays(self, attempt_id: str) -> Answer | None:
        """The buyer pays an attempt on the phone, at the sandbox."""
        wish = {"out_trade_no": attempt_id, "mchid": self.credentials["mchid"]}
        return await self.stage.ask("POST", f"{self.stage.control_url}/wechat/buyer/pay", wish)

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

    def _acknowledged(self, kind: str, each: str) -> None:
        self.stage.acknowledged[kind].add((self.merchant_id, each))


async def open_session() -> aiohttp.ClientSession:
    """The one session that everybody on a stage asks with."""
    # Idle connections are let go sooner than any of our servers drops them.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30))
