"""The shop's counter: collecting by the payment code on a buyer's phone, and the codes that buyers scan themselves."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tongbao_demo.model import Order
from tongbao_demo.partners import ask_tongbao, body_of, fetch_picture, reply, shop_of, unknown_order
from tongbao_demo.seed import SHOP_NAME

_SUBJECT = "到店消费 In the shop"


async def collect(request: Request) -> Response:
    """Collect an order with the payment code that the till has scanned. Its first digits tell whose it is, and
    scanning it twice is one payment: both are Tongbao's business."""
    order_id = request.path_params["order_id"]
    if order_id not in shop_of(request).orders:
        return unknown_order()
    how = {"method": "code", "host": "counter", "auth_code": (await body_of(request)).get("auth_code")}
    return reply(*await ask_tongbao(request, "POST", f"/v1/orders/{order_id}/payments", how))


async def call_off(request: Request) -> Response:
    """Give an order up: what is under way for it is reversed at the gateway."""
    order_id = request.path_params["order_id"]
    if order_id not in shop_of(request).orders:
        return unknown_order()
    return reply(*await ask_tongbao(request, "POST", f"/v1/orders/{order_id}/close", {}))


async def show_order_code(request: Request) -> Response:
    """The aggregated code of one order: any wallet may scan it."""
    order_id = request.path_params["order_id"]
    if order_id not in shop_of(request).orders:
        return unknown_order()
    return await fetch_picture(request, f"/v1/orders/{order_id}/code.svg")


async def show_shop_code(request: Request) -> Response:
    """The shop's own code on paper, and what came in through it, newest first; it is made at the first asking."""
    shop = shop_of(request)
    status, codes = await ask_tongbao(request, "GET", "/v1/codes")
    if status != 200:
        return reply(status, codes)
    code = next((each for each in codes if each["name"] == SHOP_NAME and each["status"] == "active"), None)
    if code is None:
        draft = {"name": SHOP_NAME, "subject": _SUBJECT}
        status, code = await ask_tongbao(request, "POST", "/v1/codes", draft)
        if status != 201:
            return reply(status, code)
    paid = [_receipt(order_id, order) for order_id, order in shop.orders.items() if order.is_typed and order.is_brewing]
    return reply(200, {"id": code["id"], "url": code["url"], "receipts": paid[::-1]})


async def show_shop_code_picture(request: Request) -> Response:
    """To be printed."""
    return await fetch_picture(request, f"/v1/codes/{quote(request.path_params['code_id'], safe='')}.svg")


def _receipt(order_id: str, order: Order) -> dict[str, object]:
    return {"order_id": order_id, "amount": order.amount}


ROUTES = (
    Route("/orders/{order_id}/collect", collect, methods=["POST"]),
    Route("/orders/{order_id}/call-off", call_off, methods=["POST"]),
    Route("/orders/{order_id}/code.svg", show_order_code),
    Route("/shop-code", show_shop_code),
    Route("/shop-code/{code_id}.svg", show_shop_code_picture),
)
