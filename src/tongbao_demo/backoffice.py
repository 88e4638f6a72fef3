"""What the shop's own people see of an order, and what they decide: all of it by Tongbao's public API."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tongbao_demo.model import Order
from tongbao_demo.partners import ask_tongbao, body_of, reply, shop_of, unknown_order

_DECIDED_BY = "demo visitor"


async def show_timeline(request: Request) -> Response:
    """What Tongbao tells of an order of ours and its cases, and what the shop knows of it from webhooks."""
    order_id = request.path_params["order_id"]
    order = shop_of(request).orders.get(order_id)
    if order is None:
        return unknown_order()
    answers = await asyncio.gather(
        ask_tongbao(request, "GET", f"/v1/orders/{order_id}"),
        ask_tongbao(request, "GET", f"/v1/orders/{order_id}/timeline"),
        ask_tongbao(request, "GET", f"/v1/cases?order_id={order_id}"),
    )
    for status, answer in answers:
        if status != 200:
            return reply(status, answer)
    told, timeline, cases = (answer for _, answer in answers)
    return reply(200, timeline | {"order": told, "cases": cases} | _known(order))


def _known(order: Order) -> dict[str, object]:
    """What the shop has been told."""
    verified = [{"id": event_id, "body": event} for event_id, event in order.webhooks.items()]
    return {"is_brewing": order.is_brewing, "webhooks": verified, "refunds": list(order.refunds())}


async def tell_story(request: Request) -> Response:
    """The story of an order of ours in words, in the visitor's language."""
    order_id = request.path_params["order_id"]
    if order_id not in shop_of(request).orders:
        return unknown_order()
    return reply(*await ask_tongbao(request, "GET", f"/v1/orders/{order_id}/explanation"))


async def show_books(request: Request) -> Response:
    """What is at each gateway, by Tongbao's books and by the gateway's own."""
    return reply(200, await shop_of(request).compare_books())


async def keep_refund(request: Request) -> Response:
    """A refund that could not reach the buyer: have its money sent to our own account. We hand it to the buyer."""
    refund_id = request.path_params["refund_id"]
    path = f"/v1/refunds/{quote(refund_id, safe='')}/redirect"
    status, refund = await ask_tongbao(request, "POST", path, {"to": "merchant_card"})
    if status == 200:
        _remember(request, refund["order_id"], refund_id, "kept")
    return reply(status, refund)


async def close_case(request: Request) -> Response:
    """Decide a case by one of its resolutions."""
    path = f"/v1/cases/{quote(request.path_params['case_id'], safe='')}/close"
    decision = {"resolution": (await body_of(request)).get("resolution"), "by": _DECIDED_BY}
    status, case = await ask_tongbao(request, "POST", path, decision)
    if status == 200 and case["resolution"] == "handled_outside":
        _remember(request, case["order_id"], case["refund_id"], "outside")
    return reply(status, case)


def _remember(request: Request, order_id: str, refund_id: str, how: str) -> None:
    if order := shop_of(request).orders.get(order_id):
        order.handed[refund_id] = how


ROUTES = (
    Route("/books", show_books),
    Route("/timeline/{order_id}", show_timeline),
    Route("/story/{order_id}", tell_story),
    Route("/refunds/{refund_id}/redirect", keep_refund, methods=["POST"]),
    Route("/cases/{case_id}/close", close_case, methods=["POST"]),
)
