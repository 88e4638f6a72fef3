"""The shop's way to its partners: Tongbao, which it knows by its public API alone, and the sandbox's control API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from starlette.requests import Request
from starlette.responses import Response

from tongbao_demo.model import Shop


async def ask_tongbao(
    request: Request, method: str, path: str, body: object = None, token: str | None = None
) -> tuple[int, Any]:
    """Ask Tongbao as the merchant that we are, or in the name of who has a session; in the visitor's language."""
    shop = shop_of(request)
    language = request.headers.get("accept-language", "")
    headers = {"Authorization": f"Bearer {token or shop.api_key}", "Accept-Language": language}
    return await _exchange(shop, method, shop.tongbao_url + path, body, headers)


async def ask_sandbox(request: Request, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Ask the sandbox's control API."""
    shop = shop_of(request)
    return await _exchange(shop, method, shop.sandbox_url + path, body, {})


async def _exchange(shop: Shop, method: str, url: str, body: object, headers: Mapping[str, str]) -> tuple[int, Any]:
    """The status and the JSON answered. No answer becomes a 502 that says so."""
    try:
        async with shop.http.request(method, url, json=body, headers=headers) as answer:
            return answer.status, orjson.loads(await answer.read())
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
        return 502, {"code": "no_answer", "detail": f"{url} gave no answer: {type(error).__name__}"}


async def fetch_picture(request: Request, path: str) -> Response:
    """A picture of Tongbao's, handed on as it is; or its refusal."""
    shop = shop_of(request)
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    async with shop.http.get(shop.tongbao_url + path, headers=headers) as answer:
        return Response(await answer.read(), answer.status, media_type=answer.content_type)


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that came; anything else is an empty one, which is refused with its reason where it matters."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    return body if isinstance(body, dict) else {}


def shop_of(request: Request) -> Shop:
    """The shop that this request came to."""
    shop: Shop = request.app.state.shop
    return shop


def reply(status: int, content: object) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def unknown_order() -> Response:
    """The refusal of an order that is not in the shop's memory."""
    return refuse(404, "order_unknown", "The shop has no such order in its memory.")


def refuse(status: int, code: str, detail: str) -> Response:
    """A refusal in Tongbao's manner: a code to branch on, and a sentence."""
    return reply(status, {"code": code, "detail": detail})
