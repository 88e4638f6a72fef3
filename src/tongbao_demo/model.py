"""What the shop knows: its menu, its orders, its partners, and the weather that a visitor has chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


@dataclass(slots=True)
class Shop:
    """The shop: where its partners are, its secrets, and its orders by Tongbao's id."""

    tongbao_url: str
    sandbox_url: str
    app_id: str
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    http: aiohttp.ClientSession
    orders: dict[str, Order] = field(default_factory=dict)
    weather: Weather = field(default_factory=Weather)
