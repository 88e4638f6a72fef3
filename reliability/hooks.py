"""The merchants' own servers: addresses that take webhooks, remember each, and can be made slow or dead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(slots=True)
class Hook:
    """One address. While `is_dead` it drops every request unanswered; `slow_seconds` it waits before it answers."""

    url: str
    is_dead: bool = False
    slow_seconds: float = 0.0
    told: dict[str, int] = field(default_factory=dict)
    """The ids of the events it answered with a yes, in the order of their first arrival, with how often each came."""
    bodies: dict[str, bytes] = field(default_factory=dict, repr=False)
    first_at: dict[str, float] = field(default_factory=dict, repr=False)
    """When each event came for the first time, on the machine's monotonic clock."""
    changed: list[str] = field(default_factory=list)
    """Events that came again under the same id with another body: there must be none."""

    async def hear(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take one webhook."""
        body = await request.read()
        if self.is_dead:
            if request.transport:
                request.transport.abort()
            return web.Response(status=500)
        if self.slow_seconds:
            await asyncio.sleep(self.slow_seconds)
        event_id = request.headers["webhook-id"]
        self.told[event_id] = self.told.get(event_id, 0) + 1
        self.first_at.setdefault(event_id, time.monotonic())
        if self.bodies.setdefault(event_id, body) != body:
            self.changed.append(event_id)
        return web.Response(status=204)


class Ear:
    """One server on a free port for all hooks of a stage."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.port = 0

    def hook(self) -> Hook:
        """One more address."""
        hook = Hook(f"http://127.0.0.1:{self.port}/{len(self.hooks)}")
        self.hooks.append(hook)
        return hook

    async def _hear(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self.hooks[int(request.path[1:])].hear(request)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Ear]:
        """Listen until the block ends."""
        ear = cls()
        runner = web.ServerRunner(web.Server(ear._hear, access_log=None), shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ear.port = runner.addresses[0][1]
        try:
            yield ear
        finally:
            await runner.cleanup()
