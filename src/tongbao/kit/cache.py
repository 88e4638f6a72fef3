"""What was looked up, kept for a few seconds: bounded, asked once for many who wait, and forgotten on demand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps what `load` found for `ttl_seconds`, and that it found nothing (None) just as long.

    Found and missing are bounded apart, `size` each, so that a flood of unknown keys cannot push out what is in use.
    """

    def __init__(self, ttl_seconds: float = 5.0, size: int = 10_000) -> None:
        self._ttl_seconds = ttl_seconds
        self._size = size
        self._found: dict[K, tuple[float, V]] = {}
        self._missing: dict[K, float] = {}
        self._loading: dict[K, asyncio.Task[V | None]] = {}

    async def get(self, key: K, load: Callable[[V | None], Awaitable[V | None]]) -> V | None:
        """What is kept for `key`, else what `load` finds.

        `load` is handed what was found the last time, so that it need not build again what has not changed.
        What it raises is raised here and not kept.
        """
        now = time.monotonic()
        fresh_until, found = self._found.get(key, (0.0, None))
        if fresh_until > now:
            return found
        if self._missing.get(key, 0.0) > now:
            return None
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = asyncio.ensure_future(self._load(key, found, load))
        return await asyncio.shield(loading)

    def forget(self) -> None:
        """Look everything up again, also what is being looked up now: that answer may be too old already."""
        self._found = {key: (0.0, value) for key, (_, value) in self._found.items()}
        self._missing.clear()
        self._loading.clear()

    async def _load(self, key: K, known: V | None, load: Callable[[V | None], Awaitable[V | None]]) -> V | None:
        me = asyncio.current_task()
        try:
            value = await load(known)
            if self._loading.get(key) is me:
                self._keep(key, value)
            return value
        finally:
            if self._loading.get(key) is me:
                del self._loading[key]

    def _keep(self, key: K, value: V | None) -> None:
        until = time.monotonic() + self._ttl_seconds
        # Put at the end, so that the first key is the one refreshed longest ago: it makes room.
        self._found.pop(key, None)
        self._missing.pop(key, None)
        if value is None:
            _make_room(self._missing, self._size)
            self._missing[key] = until
        else:
            _make_room(self._found, self._size)
            self._found[key] = (until, value)


def _make_room(kept: dict[K, V], size: int) -> None:
    if len(kept) >= size:
        del kept[next(iter(kept))]
