"""The sandbox's clock: real time plus an offset that can be moved, and sleepers that notice when it is."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))


class Clock:
    """Real time plus `offset_seconds`. Times are Unix seconds."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.offset_seconds = offset_seconds
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """The sandbox's present, in Unix seconds."""
        return time.time() + self.offset_seconds

    def move_to(self, offset_seconds: float) -> None:
        """Set the offset from real time; whoever is due by the new time wakes at once."""
        self.offset_seconds = offset_seconds
        self._wake_due()

    async def sleep(self, seconds: float) -> None:
        """Sleep for so many seconds of this clock, which may pass faster than real ones."""
        await self.sleep_until(self.now() + seconds)

    async def sleep_until(self, when: float) -> None:
        """Sleep until this clock shows `when` (Unix seconds)."""
        if when <= self.now():
            return
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._numbers), sleeper))
        if self._sleepers[0][2] is sleeper:
            self._wake_due()
        await sleeper

    def _wake_due(self) -> None:
        """Wake everybody who is due and set one alarm for the next."""
        while self._sleepers and (self._sleepers[0][0] <= self.now() or self._sleepers[0][2].done()):
            sleeper = heapq.heappop(self._sleepers)[2]
            if not sleeper.done():
                sleeper.set_result(None)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._sleepers:
            # A millisecond late rather than early: an early alarm would find nobody due and be set again.
            delay = self._sleepers[0][0] - self.now() + 0.001
            self._alarm = asyncio.get_running_loop().call_later(delay, self._wake_due)


def rfc3339(when: float) -> str:
    """Unix seconds as gateways in China write them: `2018-06-08T10:34:56+08:00`."""
    return datetime.fromtimestamp(int(when), BEIJING).isoformat()


def utc(when: float) -> str:
    """Unix seconds as the control API writes them: `2018-06-08T02:34:56.123Z`."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
