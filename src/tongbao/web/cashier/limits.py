"""How often somebody may do something: so many times a minute, counted in this process, in a bounded memory."""

from __future__ import annotations

import time
from collections.abc import Hashable

from tongbao.kit.errors import Refusal


class Limit:
    """Counts per key and minute; with too many keys the oldest are forgotten, which only lets somebody try again."""

    def __init__(self, most: int, *, seconds: float = 60.0, size: int = 10_000) -> None:
        self._most = most
        self._seconds = seconds
        self._size = size
        self._counts: dict[Hashable, tuple[float, int]] = {}

    def count(self, key: Hashable) -> None:
        """Count one more. Raises Refusal `too_many_tries` (429)."""
        now = time.monotonic()
        began, count = self._counts.pop(key, (now, 0))
        if now >= began + self._seconds:
            began, count = now, 0
        self._counts[key] = (began, count + 1)
        if len(self._counts) > self._size:
            del self._counts[next(iter(self._counts))]
        if count >= self._most:
            raise Refusal("too_many_tries", 429)
