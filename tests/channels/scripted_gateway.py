"""A gateway on loopback that answers whatever a test tells it to: the HTTP seam at its worst."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

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


@dataclass(frozen=True)
class Answered:
    """What a gateway answered, byte for byte."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Relay:
    """Stands between a channel and its gateway, and sees all they say. Signatures cover paths, not hosts."""

    door: ScriptedGateway
    gateway_url: str
    transport: aiohttp.ClientSession
    answered: list[Answered] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return self.door.base_url

    @property
    def asked(self) -> list[tuple[web.Request, bytes]]:
        return self.door.asked

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """Ask the gateway the same, and answer the same."""
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        url, body = URL(self.gateway_url + request.raw_path, encoded=True), await request.read()
        async with self.transport.request(request.method, url, data=body or None, headers=headers) as response:
            told = {name: value for name, value in response.headers.items() if name not in _OF_THE_LINE}
            self.answered.append(Answered(response.status, told, await response.read()))
        return _response(self.answered[-1])

    def passes_on(self) -> None:
        """From now on, as `pass_on` says."""
        self.door.script = self.pass_on

    def loses_answers(self) -> None:
        """From now on the gateway hears everything, and the line breaks before it has answered."""

        async def script(request: web.Request) -> web.StreamResponse:
            response = await self.pass_on(request)
            assert request.transport
            request.transport.abort()
            return response

        self.door.script = script

    def answers(self, answered: Answered) -> None:
        """From now on, always answer this, whatever is asked."""
        self.door.answers(answered.status, answered.body, answered.headers)


_OF_THE_LINE = ("Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Date")


def _response(answered: Answered) -> web.Response:
    return web.Response(status=answered.status, body=answered.body, headers=answered.headers)


@asynccontextmanager
async def relay_to(gateway_url: str) -> AsyncIterator[Relay]:
    async with aiohttp.ClientSession() as transport, scripted_gateway() as door:
        relay = Relay(door, gateway_url, transport)
        relay.passes_on()
        yield relay


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
