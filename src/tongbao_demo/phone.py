"""What in real life is the buyer's WeChat, and the weather: these routes pass the pretend phone's taps and the
visitor's switches on to the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tongbao_demo.model import Weather
from tongbao_demo.partners import ask_sandbox, ask_tongbao, body_of, refuse, reply, shop_of

_SWITCHES = frozenset(each.name for each in fields(Weather))


async def log_in(request: Request) -> Response:
    """`wx.login`: WeChat gives the mini-program a code."""
    return reply(*await ask_sandbox(request, "POST", "/wechat/buyer/login", {"appid": shop_of(request).app_id}))


async def pay(request: Request) -> Response:
    """`Pay` tapped in the sheet that `wx.requestPayment` was given; what comes of it is the weather's."""
    sheet = await body_of(request)
    order_id, weather = sheet.pop("order_id", None), shop_of(request).weather
    if weather.wrong_amount:
        lie = {"amount": {"total": 1, "payer_total": 1}}
        return reply(*await ask_sandbox(request, "POST", "/wechat/notify", sheet | {"changes": lie}))
    if not weather.pay_twice:
        return reply(*await _pay(request, sheet))
    # Another phone has the same order open and pays it at the same moment.
    path = f"/v1/orders/{quote(str(order_id), safe='')}/payments"
    how = {"channel": "wechatpay", "method": "jsapi", "fresh": True}
    status, started = await ask_tongbao(request, "POST", path, how)
    if status != 201:
        return reply(status, started)
    both = await asyncio.gather(_pay(request, sheet), _pay(request, started["client_params"]))
    return reply(*both[0])


async def _pay(request: Request, sheet: Mapping[str, Any]) -> tuple[int, Any]:
    return await ask_sandbox(request, "POST", "/wechat/buyer/pay", sheet)


async def turn_away(request: Request) -> Response:
    """The sheet closed without paying: `abandon`, or `fail` for want of money."""
    verb = request.path_params["verb"]
    if verb not in ("abandon", "fail"):
        return Response(status_code=404)
    return reply(*await ask_sandbox(request, "POST", f"/wechat/buyer/{verb}", await body_of(request)))


async def show_weather(request: Request) -> Response:
    """Which switches are on."""
    return reply(200, asdict(shop_of(request).weather))


async def change_weather(request: Request) -> Response:
    """Turn the switches that are named, and the sandbox's dial with them."""
    shop, wish = shop_of(request), await body_of(request)
    if not wish.keys() <= _SWITCHES or not all(isinstance(value, bool) for value in wish.values()):
        return refuse(422, "weather_unreadable", f"Each of {', '.join(sorted(_SWITCHES))} is true or false.")
    weather = replace(shop.weather, **wish)
    dial = {"notify": {"lose": int(weather.lose_notifications)}, "refund": {"abnormal": int(weather.abnormal_refunds)}}
    status, answer = await ask_sandbox(request, "PUT", "/faults", {"wechat": dial})
    if status != 200:
        return reply(status, answer)
    shop.weather = weather
    return await show_weather(request)


ROUTES = (
    Route("/phone/login", log_in, methods=["POST"]),
    Route("/phone/pay", pay, methods=["POST"]),
    Route("/phone/{verb}", turn_away, methods=["POST"]),
    Route("/weather", show_weather),
    Route("/weather", change_weather, methods=["PUT"]),
)
