"""How many requests, how long they took, by route: for /metrics."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from functools import cache
from typing import Any

from prometheus_client import Histogram
from starlette.types import ASGIApp, Receive, Scope, Send

_requests = Histogram(
    "tongbao_request_seconds",
    "Requests by route and status",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


class Metering:
    """An ASGI layer around what goes the framework's way; our own doors note for themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it went."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = time.perf_counter(), 500

        async def noting_status(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting_status)
        finally:
            # The route, not the path: ids would make a metric of every order.
            route = getattr(scope.get("route"), "path", "other")
            note(scope["method"], route, status, time.perf_counter() - started)


def note(method: str, route: str, status: int, seconds: float) -> None:
    """Note one request."""
    _series(method, route, status).observe(seconds)


@cache
def _series(method: str, route: str, status: int) -> Any:
    return _requests.labels(method, route, str(status))
