"""What the shop knows: its menu, its orders, its partners, and the weather that a visitor has chosen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Drink:
    """Something on the menu. The price, in fen, is this server's word: the page only shows it."""

    id: str
    zh: str
    en: str
    price: int
    colour: str

    @property
    def name(self) -> str:
        """Its name in both languages, as it stands on bills."""
        return f"{self.zh} {self.en}"


MENU = {
    drink.id: drink
    for drink in (
        Drink("latte", "拿铁", "Latte", 1800, "#c8a07a"),
        Drink("americano", "美式", "Americano", 1500, "#5b3a29"),
        Drink("oat", "燕麦拿铁", "Oat latte", 2200, "#d9bf98"),
        Drink("jasmine", "茉莉花茶", "Jasmine tea", 1200, "#b9c77d"),
    )
}


OUR_REFERENCES = "coffee-"
"""What the references of the orders that we take begin with."""


@dataclass(slots=True)
class Order:
    """An order in the shop's own memory: whose it is, how many of which drink, and every webhook that told of it, by
    its id. It is made when Tongbao's webhook says that it is paid, not before."""

    reference: str
    amount: int
    buyer_id: str | None = None
    cups: Mapping[str, int] = field(default_factory=dict)
    is_brewing: bool = False
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    handed: dict[str, str] = field(default_factory=dict)
    """Refunds that could not reach the buyer, so that we hand the money over: `kept`, once it has come to our own
    account, or `outside`, done already."""

    @property
    def is_typed(self) -> bool:
        """Whether we did not take it: somebody scanned the code on the wall, and typed what to pay."""
        return not self.reference.startswith(OUR_REFERENCES)

    def refunds(self) -> Iterator[dict[str, Any]]:
        """Its refunds as webhooks told of them, oldest first. Webhooks come in any order: the latest word counts."""
        told: dict[str, dict[str, Any]] = {}
        for event in sorted(self.webhooks.values(), key=lambda event: datetime.fromisoformat(event["timestamp"])):
            if refund := event["data"].get("refund"):
                told[refund["id"]] = refund
        return (refund | {"handed": self.handed.get(refund["id"])} for refund in told.values())


@dataclass(frozen=True, slots=True)
class Weather:
    """What goes wrong from now on, because a visitor wants to see it."""

    lose_notifications: bool = False
    pay_twice: bool = False
    wrong_amount: bool = False
    abnormal_refunds: bool = False


@dataclass(frozen=True, slots=True)
class Wallet:
    """What in real life is an app on the buyer's phone: its name, as the sandbox and the page know it, and how a
    mini-program inside it is paid. `lie` is what a notification says that names a wrong sum. Where refunds shall not
    reach the buyer, `abnormal` is how many of them hang, and `refusal` what they are refused with."""

    name: str
    channel: str
    method: str
    app_field: str
    lie: Mapping[str, Any]
    abnormal: int
    refusal: str | None


WALLETS = {
    wallet.name: wallet
    for wallet in (
        Wallet("wechat", "wechatpay", "jsapi", "appid", {"amount": {"total": 1, "payer_total": 1}}, 1, None),
        Wallet("alipay", "alipay", "create", "app_id", {"total_amount": "0.01"}, 0, "ACQ.TRADE_NOT_ALLOW_REFUND"),
    )
}


@dataclass(slots=True)
class Shop:
    """The shop: where its partners are, its apps by host, its secrets, and its orders by Tongbao's id.

    Two things a merchant does not have, and a visitor of the demo does: `compare_books` puts Tongbao's books beside the
    gateways', and `skip` lets so many seconds pass, for everyone; it answers by how many the clock is ahead by then.
    """

    tongbao_url: str
    sandbox_url: str
    apps: Mapping[str, str]
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    http: aiohttp.ClientSession
    compare_books: Callable[[], Awaitable[list[dict[str, Any]]]]
    skip: Callable[[float], Awaitable[float]]
    ahead_seconds: float = 0.0
    orders: dict[str, Order] = field(default_factory=dict)
    weather: Weather = field(default_factory=Weather)
