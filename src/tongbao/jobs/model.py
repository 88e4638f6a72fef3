"""What a worker does, over and over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Chore:
    """Something done whenever it is due.

    `work` handles a batch of due things and says how many it handled; while it handled some it is called again, else
    it rests until woken or for `every_seconds`. Between two starts lie at least `gather_seconds`, so that a busy chore
    takes many things at once instead of each alone. Running it twice, here or in another process, must be harmless.
    """

    name: str
    every_seconds: float
    work: Callable[[], Awaitable[int]]
    gather_seconds: float = 0.0
    woken: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def wake(self, _key: str = "") -> None:
        """There is something to do: do not rest. Takes a signal's key, so that it can be handed to `Signals.listen`."""
        self.woken.set()
