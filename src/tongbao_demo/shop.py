"""A merchant's own small backend. It knows Tongbao only by its HTTP API, sets the prices, and keeps its orders itself.

Beside it, under /phone, is what in real life is the buyer's WeChat: those routes only pass the pretend phone's taps on
to the sandbox.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import orjson
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tongbao_demo import signature
from tongbao_demo.seed import SHOP_NAME

STATIC = Path(__file__).parent / "static"
SDK = Path(__file__).resolve().parents[2] / "sdk" / "miniprogram" / "src"


class SdkMissing(Exception):
    """The mini-program SDK is not where a checkout has it."""


@dataclass(frozen=True, slots=True)
class Drink:
    """Something on the menu. The price, in fen, is this server's word: the page only shows it."""

    id: str
    zh: str
    en: str
    price: int
    colour: str


MENU = {
    drink.id: drink
    for drink in (
        Drink("latte", "拿铁", "Latte", 1800, "#c8a07a"),
        Drink("americano", "美式", "Americano", 1500, "#5b3a29"),
        Drink("oat", "燕麦拿铁", "Oat latte", 2200, "#d9bf98"),
        Drink("jasmine", "茉莉花茶", "Jasmine tea", 1200, "#b9c77d"),
    )
}


class Line(BaseModel):
    """So many of one drink."""

    id: str
    quantity: Annotated[int, Field(strict=True, ge=1, le=20)]


class Cart(BaseModel):
    """What the page sends: no prices, and its session, which Tongbao says whose it is."""

    session: str = Field(repr=False)
    lines: Annotated[list[Line], Field(min_length=1, max_length=len(MENU))]


@dataclass(slots=True)
class Order:
    """An order in the shop's own memory. It is made when Tongbao's webhook says that it is paid, not before."""

    reference: str
    amount: int
    is_brewing: bool = False
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)


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


def create(shop: Shop) -> Starlette:
    """The shop's site, to be mounted at /demo. Raises SdkMissing outside a checkout."""
    if not (SDK / "index.js").is_file():
        raise SdkMissing(f"The demo runs the mini-program SDK from a checkout, and there is none at {SDK}.")
    app = Starlette(
        routes=[
            Route("/menu", show_menu),
            Route("/orders", take_order, methods=["POST"]),
            Route("/timeline/{order_id}", show_timeline),
            Route("/webhooks", take_webhook, methods=["POST"]),
            Route("/phone/login", log_in, methods=["POST"]),
            Route("/phone/faults", read_faults),
            Route("/phone/faults", set_faults, methods=["PUT"]),
            Route("/phone/{verb}", tap, methods=["POST"]),
            Mount("/sdk", _Fresh(directory=SDK)),
            Mount("/", _Fresh(directory=STATIC, html=True)),
        ]
    )
    app.state.shop = shop
    return app


# The counter ------------------------------------------------------------------------------------------------------


async def show_menu(request: Request) -> Response:
    """What there is, and the app id that the mini-program has in real life."""
    drinks = [asdict(drink) for drink in MENU.values()]
    return _json(200, {"shop": SHOP_NAME, "app_id": _shop(request).app_id, "drinks": drinks})


async def take_order(request: Request) -> Response:
    """Add up what was ordered at our prices, and open an order at Tongbao for this buyer."""
    shop = _shop(request)
    try:
        cart = Cart.model_validate_json(await request.body())
        drinks = [(MENU[line.id], line.quantity) for line in cart.lines]
    except (ValidationError, KeyError):
        return _json(422, {"code": "cart_unreadable", "detail": "Choose one to twenty of what is on the menu."})
    status, buyer = await _tongbao(request, "GET", "/v1/sessions/current", token=cart.session)
    if status != 200:
        return _json(status, buyer)
    draft = {
        "reference": f"coffee-{time.strftime('%Y%m%d')}-{secrets.token_hex(4)}",
        "amount": sum(drink.price * quantity for drink, quantity in drinks),
        "subject": "、".join(f"{drink.zh} {drink.en} ×{quantity}" for drink, quantity in drinks),
        "items": [
            {"name": f"{drink.zh} {drink.en}", "quantity": quantity, "unit_price": drink.price, "reference": drink.id}
            for drink, quantity in drinks
        ],
        "buyer": buyer["buyer_id"],
    }
    status, order = await _tongbao(request, "POST", "/v1/orders", draft)
    if status == 201:
        shop.orders[order["id"]] = Order(order["reference"], order["amount"])
    return _json(status, order)


async def take_webhook(request: Request) -> Response:
    """Believe a webhook only once its signature is verified over its very bytes. The same id again changes nothing."""
    shop, body = _shop(request), await request.body()
    if not signature.verify(shop.webhook_secret, request.headers, body, time.time()):
        return _json(400, {"code": "signature_wrong", "detail": "This is not signed with our secret."})
    event = orjson.loads(body)
    told = event["data"]["order"]
    order = shop.orders.setdefault(told["id"], Order(told["reference"], told["amount"]))
    order.webhooks[request.headers["webhook-id"]] = event
    if event["type"] == "order.paid" and told["amount"] == order.amount:
        order.is_brewing = True
    return Response(status_code=204)


async def show_timeline(request: Request) -> Response:
    """What Tongbao tells of an order of ours, and what the shop knows of it from webhooks."""
    order_id = request.path_params["order_id"]
    order = _shop(request).orders.get(order_id)
    if order is None:
        return _json(404, {"code": "order_unknown", "detail": "The shop has no such order in its memory."})
    status, timeline = await _tongbao(request, "GET", f"/v1/orders/{order_id}/timeline")
    if status == 200:
        verified = [{"id": event_id, "body": event} for event_id, event in order.webhooks.items()]
        timeline |= {"is_brewing": order.is_brewing, "webhooks": verified}
    return _json(status, timeline)


# The phone --------------------------------------------------------------------------------------------------------


async def log_in(request: Request) -> Response:
    """`wx.login`: WeChat gives the mini-program a code."""
    return _json(*await _sandbox(request, "POST", "/wechat/buyer/login", {"appid": _shop(request).app_id}))


async def tap(request: Request) -> Response:
    """A tap in the pay sheet: `pay`, `abandon` or `fail`, with what `wx.requestPayment` was given."""
    verb = request.path_params["verb"]
    if verb not in ("pay", "abandon", "fail"):
        return Response(status_code=404)
    return _json(*await _sandbox(request, "POST", f"/wechat/buyer/{verb}", await _body(request)))


async def read_faults(request: Request) -> Response:
    """Whether notifications get lost."""
    return _weather(*await _sandbox(request, "GET", "/faults"))


async def set_faults(request: Request) -> Response:
    """Lose every notification from now on, or none."""
    lose = (await _body(request)).get("lose_notifications") is True
    return _weather(*await _sandbox(request, "PUT", "/faults", {"wechat": {"notify": {"lose": int(lose)}}}))


def _weather(status: int, dial: Any) -> Response:
    return _json(status, {"lose_notifications": dial["wechat"]["notify"]["lose"] == 1} if status == 200 else dial)


# Between them -----------------------------------------------------------------------------------------------------


async def _tongbao(
    request: Request, method: str, path: str, body: object = None, token: str | None = None
) -> tuple[int, Any]:
    """Ask Tongbao as the merchant that we are, or in the name of who has a session."""
    shop = _shop(request)
    language = request.headers.get("accept-language", "")
    headers = {"Authorization": f"Bearer {token or shop.api_key}", "Accept-Language": language}
    return await _exchange(shop, method, shop.tongbao_url + path, body, headers)


async def _sandbox(request: Request, method: str, path: str, body: object = None) -> tuple[int, Any]:
    shop = _shop(request)
    return await _exchange(shop, method, shop.sandbox_url + path, body, {})


async def _exchange(shop: Shop, method: str, url: str, body: object, headers: Mapping[str, str]) -> tuple[int, Any]:
    """The status and the JSON answered. No answer becomes a 502 that says so."""
    try:
        async with shop.http.request(method, url, json=body, headers=headers) as answer:
            return answer.status, orjson.loads(await answer.read())
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
        return 502, {"code": "no_answer", "detail": f"{url} gave no answer: {type(error).__name__}"}


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that came; anything else is an empty one, which the sandbox refuses with its reason."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    return body if isinstance(body, dict) else {}


def _shop(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


def _json(status: int, content: object) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


class _Fresh(StaticFiles):
    """Files that a browser asks about each time: modules of yesterday's checkout must not meet today's."""

    def file_response(self, *args: Any, **values: Any) -> Response:
        response = super().file_response(*args, **values)
        response.headers["cache-control"] = "no-cache"
        return response
