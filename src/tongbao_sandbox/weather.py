"""What the fault dial does to a request: refused too early, applied without a word, applied late, never answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from aiohttp import web

from tongbao_sandbox.gateway import Surroundings

LONGEST_HEAD_START_SECONDS = 1
"""How long, in real time, an answer waits for the notification that is to arrive before it."""

RunAhead = Callable[[], Collection[asyncio.Task[None]]]
"""Makes what a request causes happen at once, and returns the posts that tell of it."""


class Answer(Protocol):
    """What a verb answers."""

    @property
    def run_ahead(self) -> RunAhead | None:
        """What may happen before it is sent."""
        ...


Reply = TypeVar("Reply", bound=Answer)


@dataclass(frozen=True, slots=True)
class Storm(Generic[Reply]):
    """How a gateway words its failures. Its verbs raise `refusal`, and so are two of the failures."""

    gateway: str
    refusal: type[Exception]
    too_frequent: Callable[[], Exception]
    system_error: Callable[[], Exception]
    bad_gateway: Reply


class Weather(Generic[Reply]):
    """Carries requests out, unless the dial strikes. Of its own it has only requests to apply late."""

    def __init__(self, around: Surroundings, storm: Storm[Reply]) -> None:
        self._around = around
        self._storm = storm
        self._late: set[asyncio.Task[None]] = set()

    def forget_late(self) -> None:
        """Drop the requests that were to be applied late."""
        for task in self._late:
            task.cancel()

    async def carry_out(
        self, verb: Callable[[], Reply], summary: str, request: web.BaseRequest, *, unsure_at_429: bool
    ) -> Reply:
        """Do as asked, or as the dial has it. Raises the gateway's refusal. `unsure_at_429`: refused for its frequency
        it may be applied anyway."""
        dial = self._around.dial
        fault = dial.draw_api_fault()
        if fault is None:
            return await self._do(verb)
        self._note(summary, f"fault: {fault}")
        if fault == "rate_limit":
            if unsure_at_429 and dial.strikes(1 / 3):
                await self._do(verb)
            raise self._storm.too_frequent()
        if fault == "server_error":
            return await self._server_error(verb)
        if fault == "apply_late":
            task = asyncio.create_task(self._apply_late(verb, dial.api.delay_seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            raise self._storm.system_error()
        reply = await self._do(verb)
        await asyncio.sleep(dial.api.delay_seconds)
        if request.transport is not None:
            request.transport.abort()
        return reply

    async def _do(self, verb: Callable[[], Reply]) -> Reply:
        """Do as asked; if the dial has it so, the notification of what comes of it arrives before the answer."""
        reply, dial = verb(), self._around.dial
        if reply.run_ahead is not None and dial.strikes(dial.notify.early):
            posts = reply.run_ahead()
            if posts:
                await asyncio.wait(posts, timeout=LONGEST_HEAD_START_SECONDS)
        return reply

    async def _server_error(self, verb: Callable[[], Reply]) -> Reply:
        """Such an answer says nothing of whether the request was applied: it was, or was not, or never arrived."""
        kind = self._around.dial.random.choice(("applied", "not applied", "bad gateway"))
        if kind == "bad gateway":
            return self._storm.bad_gateway
        if kind == "applied":
            await self._do(verb)
        raise self._storm.system_error()

    async def _apply_late(self, verb: Callable[[], Reply], delay_seconds: float) -> None:
        await self._around.clock.sleep(delay_seconds)
        try:
            await self._do(verb)
            verdict = "applied late"
        except self._storm.refusal as refusal:
            verdict = f"refused late: {refusal}"
        self._note("a request applied late", verdict)

    def _note(self, summary: str, verdict: str) -> None:
        self._around.log.write(self._storm.gateway, "request", summary, verdict)
