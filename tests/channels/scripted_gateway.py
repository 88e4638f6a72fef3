"""A gateway on loopback that answers whatever a test tells it to: the HTTP seam at its worst."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongbao.kit.errors import ChannelError, Rejected

Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ScriptedGateway:
    """What was asked (request and raw body), and the script that answers."""

    script: Script
    base_url: str = ""
    asked: list[tuple[web.Request, bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request, await request.read()))
        return await self.script(request)

    def answers(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """From now on, always answer this."""

        async def script(request: web.Request) -> web.Response:
            return web.Response(status=status, body=body, headers=headers)

        self.script = script


@asynccontextmanager
async def scripted_gateway() -> AsyncIterator[ScriptedGateway]:
    async def unscripted(request: web.Request) -> web.StreamResponse:
        raise AssertionError(f"nothing was scripted for {request.path}")

    gateway = ScriptedGateway(unscripted)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", gateway.handle)
    # What still hangs when a test is over is broken off at once.
    async with TestServer(app, host="127.0.0.1", shutdown_timeout=0.01) as server:
        gateway.base_url = str(server.make_url("")).rstrip("/")
        yield gateway


async def failure(asked: Awaitable[object]) -> ChannelError:
    """The error in which a call ends, and must end."""
    with pytest.raises(ChannelError) as caught:
        await asked
    return caught.value


async def rejection(asked: Awaitable[object]) -> Rejected:
    """The certain no in which a call must end."""
    error = await failure(asked)
    assert isinstance(error, Rejected), repr(error)
    return error
