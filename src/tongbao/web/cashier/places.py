"""Where our page is opened, and which ways to pay it offers there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tongbao import merchants, ways
from tongbao.channels import Channel
from tongbao.kit.errors import Refusal
from tongbao.kit.words import Words
from tongbao.web.context import Context

_CONTENT = tomllib.loads(Path(__file__).with_name("places.toml").read_text("utf-8"))
NAMES: Mapping[str, Words] = {name: Words(**said) for name, said in _CONTENT["channels"].items()}
"""What buyers call a channel."""
_ANYWHERE = "phone"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay at a place; with `code` by scanning what the page shows. `id` is what a form calls it."""

    channel: str
    method: str
    code: bool = False

    @property
    def id(self) -> str:
        """What a form calls it."""
        return f"{self.channel}.{self.method}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is opened. `host` is its name in the table of ways."""

    name: str
    agent: str
    host: str
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A way that this merchant can be paid by. `app_id` is under which app the buyer must be known, where they must;
    `returns` says whether the gateway leads the buyer back to us."""

    way: Way
    app_id: str | None
    returns: bool


PLACES = tuple(
    Place(each["name"], each["agent"], each["host"], tuple(Way(**way) for way in each["ways"]))
    for each in _CONTENT["places"]
)


def place_of(user_agent: str) -> Place:
    """Where a browser is."""
    return next(place for place in PLACES if re.search(place.agent, user_agent))


async def offers(context: Context, merchant_id: str, place: Place) -> list[Offer]:
    """The ways to pay a merchant at a place: those the table allows and the merchant has accounts for."""
    apps = [app.app_id for app in await merchants.list_apps(context.db, merchant_id) if app.host == place.host]
    found = [await _offer(context, merchant_id, place, way, apps) for way in place.ways]
    return [offer for offer in found if offer]


async def elsewhere(context: Context, merchant_id: str, here: list[Offer]) -> list[str]:
    """The channels that could be paid through in an ordinary browser, and not here."""
    anywhere = next(place for place in PLACES if place.name == _ANYWHERE)
    there = await offers(context, merchant_id, anywhere)
    taken = {offer.way.channel for offer in here}
    return [offer.way.channel for offer in there if offer.way.channel not in taken]


async def _offer(context: Context, merchant_id: str, place: Place, way: Way, apps: list[str]) -> Offer | None:
    directory = context.directory
    if way.method not in ways.methods_for(directory.ways, place.host, way.channel):
        return None
    for app_id in (*apps, ""):
        try:
            _, channel = await directory.channel_for(merchant_id, way.channel, app_id)
        except Refusal:
            continue
        if offer := _through(channel, way, app_id):
            return offer
    return None


def _through(channel: Channel, way: Way, app_id: str) -> Offer | None:
    method = channel.methods.get(way.method)
    if method is None or (method.needs_payer and not app_id):
        return None
    payer_app = app_id if method.needs_payer else None
    if channel.app_for(payer_app) is None:
        return None
    return Offer(way, payer_app, "return_url" in method.options)
