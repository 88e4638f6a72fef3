"""A merchant's own small backend. It knows Tongbao only by its HTTP API, sets the prices, and keeps its orders itself.

Here is where orders and wishes for money back come in. How its counter collects is in `counter`, its people's view of
an order in `backoffice`; what in real life is the buyer's WeChat or Alipay, and the weather, in `phone`.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tongbao_demo import backoffice, counter, phone, signature
from tongbao_demo.model import MENU, OUR_REFERENCES, Order, Shop
from tongbao_demo.partners import ask_tongbao, refuse, reply, shop_of, unknown_order
from tongbao_demo.seed import SHOP_NAME

STATIC = Path(__file__).parent / "static"
SDK = Path(__file__).resolve().parents[2] / "sdk" / "miniprogram" / "src"


class SdkMissing(Exception):
    """The mini-program SDK is not where a checkout has it."""


class Line(BaseModel):
    """So many of one drink."""

    id: str
    quantity: Annotated[int, Field(strict=True, ge=1, le=20)]


class Cart(BaseModel):
    """What the page sends: no prices, and its session, which Tongbao says whose it is; none where the shop's own people
    order for whoever stands there."""

    session: str | None = Field(None, repr=False)
    lines: Annotated[list[Line], Field(min_length=1, max_length=len(MENU))]


class Wish(BaseModel):
    """What the buyer wants back: the price of one cup, the `number`-th of its drink; or all that is left. Who ordered
    without a session asks the shop's people, and these ask without one."""

    session: str | None = Field(None, repr=False)
    drink: str | None = None
    number: Annotated[int, Field(strict=True, ge=1)] = 1


def create(shop: Shop) -> Starlette:
    """The shop's site, to be mounted at /demo. Raises SdkMissing outside a checkout."""
    if not (SDK / "index.js").is_file():
        raise SdkMissing(f"The demo runs the mini-program SDK from a checkout, and there is none at {SDK}.")
    app = Starlette(
        routes=[
            Route("/menu", show_menu),
            Route("/orders", take_order, methods=["POST"]),
            Route("/orders/{order_id}/refunds", give_back, methods=["POST"]),
            Route("/webhooks", take_webhook, methods=["POST"]),
            *counter.ROUTES,
            *backoffice.ROUTES,
            *phone.ROUTES,
            Mount("/sdk", _Fresh(directory=SDK)),
            Mount("/", _Fresh(directory=STATIC, html=True)),
        ]
    )
    app.state.shop = shop
    return app


async def show_menu(request: Request) -> Response:
    """What there is, the app ids that the mini-programs have in real life, and how far our clock is ahead."""
    shop, drinks = shop_of(request), [asdict(drink) for drink in MENU.values()]
    return reply(200, {"shop": SHOP_NAME, "apps": shop.apps, "drinks": drinks, "ahead_seconds": shop.ahead_seconds})


async def take_order(request: Request) -> Response:
    """Add up what was ordered at our prices, and open an order at Tongbao for this buyer."""
    try:
        cart = Cart.model_validate_json(await request.body())
        drinks = [(MENU[line.id], line.quantity) for line in cart.lines]
    except (ValidationError, KeyError):
        return refuse(422, "cart_unreadable", "Choose one to twenty of what is on the menu.")
    status, buyer = await _who(request, cart.session)
    if status != 200:
        return reply(status, buyer)
    draft = {
        "reference": f"{OUR_REFERENCES}{time.strftime('%Y%m%d')}-{secrets.token_hex(4)}",
        "amount": sum(drink.price * quantity for drink, quantity in drinks),
        "subject": "、".join(f"{drink.name} ×{quantity}" for drink, quantity in drinks),
        "items": [
            {"name": drink.name, "quantity": quantity, "unit_price": drink.price, "reference": drink.id}
            for drink, quantity in drinks
        ],
        "buyer": buyer["buyer_id"],
    }
    status, order = await ask_tongbao(request, "POST", "/v1/orders", draft)
    if status == 201:
        cups = Counter({drink.id: quantity for drink, quantity in drinks})
        shop_of(request).orders[order["id"]] = Order(order["reference"], order["amount"], buyer["buyer_id"], cups)
    return reply(status, order)


async def give_back(request: Request) -> Response:
    """Ask Tongbao to send the price of a cup, or all that is left, back to who paid the order, if it is theirs.

    Twice is harmless: what is given back makes the refund's reference, and the same reference is the same refund.
    """
    order_id = request.path_params["order_id"]
    order = shop_of(request).orders.get(order_id)
    try:
        wish = Wish.model_validate_json(await request.body())
    except ValidationError:
        return refuse(422, "wish_unreadable", "Say which cup, or none for all that is left.")
    status, buyer = await _who(request, wish.session)
    if status != 200:
        return reply(status, buyer)
    if order is None or order.buyer_id != buyer["buyer_id"]:
        return unknown_order()
    draft: dict[str, Any] = {"reason": "买家申请退款"}
    if wish.drink is None:
        draft["reference"] = _reference(order, "all")
    elif wish.number <= order.cups.get(wish.drink, 0):
        drink = MENU[wish.drink]
        draft["reference"] = _reference(order, f"{drink.id}{wish.number}")
        draft["items"] = [{"name": drink.name, "amount": drink.price, "reference": drink.id}]
    else:
        return refuse(422, "cup_unknown", "There is no such cup in this order.")
    return reply(*await ask_tongbao(request, "POST", f"/v1/orders/{order_id}/refunds", draft))


async def _who(request: Request, session: str | None) -> tuple[int, Any]:
    """Whose session it is, by Tongbao's word; nobody's, where there is none."""
    if session is None:
        return 200, {"buyer_id": None}
    return await ask_tongbao(request, "GET", "/v1/sessions/current", token=session)


def _reference(order: Order, what: str) -> str:
    """Our number for a refund: the same for the same wish, until it was closed; then the money never left us, and the
    next one has a number of its own."""
    closed = {refund["reference"] for refund in order.refunds() if refund["state"] == "closed"}
    numbers = (f"{order.reference}-{what}-{tries}" for tries in count(1))
    return next(number for number in numbers if number not in closed)


async def take_webhook(request: Request) -> Response:
    """Believe a webhook only once its signature is verified over its very bytes. The same id again changes nothing."""
    shop, body = shop_of(request), await request.body()
    if not signature.verify(shop.webhook_secret, request.headers, body, time.time() + shop.ahead_seconds):
        return refuse(400, "signature_wrong", "This is not signed with our secret.")
    event = orjson.loads(body)
    told = event["data"]["order"]
    order = shop.orders.setdefault(told["id"], Order(told["reference"], told["amount"]))
    order.webhooks[request.headers["webhook-id"]] = event
    if event["type"] == "order.paid" and told["amount"] == order.amount:
        order.is_brewing = True
    return Response(status_code=204)


class _Fresh(StaticFiles):
    """Files that a browser asks about each time: modules of yesterday's checkout must not meet today's."""

    def file_response(self, *args: Any, **values: Any) -> Response:
        response = super().file_response(*args, **values)
        response.headers["cache-control"] = "no-cache"
        return response
