"""What in real life is the buyer's WeChat or Alipay, and the weather: these routes pass the pretend phones' taps and
the visitor's switches on to the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tongbao_demo.model import WALLETS, Wallet, Weather
from tongbao_demo.partners import ask_sandbox, ask_tongbao, body_of, refuse, reply, shop_of

_SWITCHES = frozenset(each.name for each in fields(Weather))
_TAPS = frozenset({"abandon", "fail", "scan", "code", "password"})
_SKIP_SECONDS = 60.0


async def tap(request: Request) -> Response:
    """A tap on a pretend phone: `login` and `pay`; the sheet closed without paying (`abandon`), or for want of money
    (`fail`); our code scanned (`scan`), its own shown (`code`), its password typed (`password`)."""
    wallet, verb = WALLETS.get(request.path_params["wallet"]), request.path_params["verb"]
    if wallet and verb == "login":
        return await _log_in(request, wallet)
    if wallet and verb == "pay":
        return await _pay(request, wallet)
    if wallet and verb in _TAPS:
        return reply(*await ask_sandbox(request, "POST", f"/{wallet.name}/buyer/{verb}", await body_of(request)))
    return Response(status_code=404)


async def _log_in(request: Request, wallet: Wallet) -> Response:
    """`wx.login`, `my.getAuthCode`: the mini-program is given a code."""
    app = {wallet.app_field: shop_of(request).apps[wallet.name]}
    return reply(*await ask_sandbox(request, "POST", f"/{wallet.name}/buyer/login", app))


async def _pay(request: Request, wallet: Wallet) -> Response:
    """`Pay` tapped in the sheet that `wx.requestPayment` or `my.tradePay` opened; what comes of it is the weather's."""
    sheet = await body_of(request)
    order_id, weather = sheet.pop("order_id", None), shop_of(request).weather
    if weather.wrong_amount:
        return reply(*await ask_sandbox(request, "POST", f"/{wallet.name}/notify", sheet | {"changes": wallet.lie}))
    if not weather.pay_twice:
        return reply(*await _paid(request, wallet, sheet))
    # Another phone has the same order open and pays it at the same moment.
    path = f"/v1/orders/{quote(str(order_id), safe='')}/payments"
    how = {"channel": wallet.channel, "method": wallet.method, "fresh": True}
    status, started = await ask_tongbao(request, "POST", path, how)
    if status != 201:
        return reply(status, started)
    both = await asyncio.gather(_paid(request, wallet, sheet), _paid(request, wallet, started["client_params"]))
    return reply(*both[0])


async def _paid(request: Request, wallet: Wallet, sheet: Mapping[str, Any]) -> tuple[int, Any]:
    return await ask_sandbox(request, "POST", f"/{wallet.name}/buyer/pay", sheet)


async def show_weather(request: Request) -> Response:
    """Which switches are on."""
    return reply(200, asdict(shop_of(request).weather))


async def change_weather(request: Request) -> Response:
    """Turn the switches that are named, and the sandbox's dials with them."""
    shop, wish = shop_of(request), await body_of(request)
    if not wish.keys() <= _SWITCHES or not all(isinstance(value, bool) for value in wish.values()):
        return refuse(422, "weather_unreadable", f"Each of {', '.join(sorted(_SWITCHES))} is true or false.")
    weather = replace(shop.weather, **wish)
    answers = [await ask_sandbox(request, "PUT", path, body) for path, body in dials(weather)]
    for status, answer in answers:
        if status != 200:
            return reply(status, answer)
    shop.weather = weather
    return await show_weather(request)


def dials(weather: Weather) -> Iterator[tuple[str, dict[str, object]]]:
    """What the sandbox is told so that it is such weather: paths of its control API, and what is put there."""
    yield "/faults", {name: _dial(weather, wallet) for name, wallet in WALLETS.items()}
    for name, wallet in WALLETS.items():
        yield f"/{name}/merchants", {"refund_refusal": wallet.refusal if weather.abnormal_refunds else None}


def _dial(weather: Weather, wallet: Wallet) -> dict[str, object]:
    abnormal = wallet.abnormal if weather.abnormal_refunds else 0
    return {"notify": {"lose": int(weather.lose_notifications)}, "refund": {"abnormal": abnormal}}


async def skip(request: Request) -> Response:
    """Let a minute pass, for the gateways and for Tongbao."""
    shop = shop_of(request)
    shop.ahead_seconds = await shop.skip(_SKIP_SECONDS)
    return reply(200, {"ahead_seconds": shop.ahead_seconds})


ROUTES = (
    Route("/phone/{wallet}/{verb}", tap, methods=["POST"]),
    Route("/weather", show_weather),
    Route("/weather", change_weather, methods=["PUT"]),
    Route("/skip", skip, methods=["POST"]),
)
