"""A merchant's server on loopback: every path is an endpoint that answers as it was told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[], web.Response]


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came, and how many others of its endpoint were being answered then."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    beside: int = 0

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass(slots=True)
class Receiver:
    """What came, and how each path answers: 204 unless it is in `answers`; paths in `silent` never do."""

    base_url: str = ""
    got: list[Received] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    _open: Counter[str] = field(default_factory=Counter)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, name: str) -> str:
        return f"{self.base_url}/{name}"

    def at(self, name: str) -> list[Received]:
        return [received for received in self.got if received.path == f"/{name}"]

    async def until(self, count: int, name: str) -> list[Received]:
        """Wait until that many have come to an endpoint."""
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self.at(name)) >= count)
        return self.at(name)

    async def receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body, beside = await request.read(), self._open[request.path]
        self._open[request.path] += 1
        try:
            async with self._came:
                self.got.append(Received(request.path, headers, body, beside))
                self._came.notify_all()
            await asyncio.sleep(3600 if request.path[1:] in self.silent else 0.005)
            answer = self.answers.get(request.path[1:])
            return answer() if answer else web.Response(status=204)
        finally:
            self._open[request.path] -= 1


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{name}", receiver.receive)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()
