"""Hints between processes: something of a topic changed, look now. Losing one is only a delay, for every waiter polls.

A NOTIFY inside a transaction makes PostgreSQL commit one transaction at a time, so ours are sent after the commit, on a
connection of their own, gathered: at most one statement every 50 ms carries all that was said meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
import structlog

_GATHER_SECONDS = 0.05
_PAYLOAD_LIMIT_BYTES = 7900
_QUEUE_LIMIT = 10_000
_RECONNECT_SECONDS = (0.1, 5.0)
_BROKEN = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_CHANNEL = "tongbao"
_NOTIFY = f"SELECT pg_notify('{_CHANNEL}', line) FROM unnest($1::text[]) AS line"

_log = structlog.get_logger(__name__)
_started: set[Signals] = set()


def send(topic: str, key: str = "") -> None:
    """Send through whatever this process has started; nothing, if it has not. For `tx.after_commit`: it cannot fail."""
    for signals in _started:
        signals.send(topic, key)


class Signals:
    """One process's ear and mouth. Topics and keys are single words."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._own_pid = 0
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        self._watchers: dict[tuple[str, str], set[asyncio.Event]] = {}
        self._queue: dict[str, None] = {}
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, and keep connected until `stop`. Raises OSError or asyncpg.PostgresError if that fails at first."""
        await self._connect()
        self._task = asyncio.create_task(self._keep_sending(), name="signals")
        _started.add(self)

    async def stop(self) -> None:
        """Send what is queued, if it can be sent, and disconnect."""
        _started.discard(self)
        if not self._task:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(*_BROKEN):
            await self._flush()
        with suppress(*_BROKEN):
            await self._connection.close(timeout=1)

    def send(self, topic: str, key: str = "") -> None:
        """Wake who waits in this process at once, and those in others within some 50 ms. Returns at once."""
        self._hear(topic, key)
        if len(self._queue) < _QUEUE_LIMIT:
            self._queue[f"{topic} {key}"] = None
        self._work.set()

    def listen(self, topic: str, callback: Callable[[str], None]) -> None:
        """Call back with the key of every signal of a topic. The callback must be quick and must not fail."""
        self._listeners.setdefault(topic, []).append(callback)

    @contextmanager
    def watch(self, topic: str, key: str) -> Iterator[asyncio.Event]:
        """An event that the next signal of this topic and key sets. Open it before reading, and nothing is missed."""
        heard = asyncio.Event()
        watchers = self._watchers.setdefault((topic, key), set())
        watchers.add(heard)
        try:
            yield heard
        finally:
            watchers.discard(heard)
            if not watchers:
                self._watchers.pop((topic, key), None)

    async def wait(self, topic: str, key: str, timeout_seconds: float) -> bool:
        """Wait for the next signal of this topic and key; False when none came in time."""
        with self.watch(topic, key) as heard, suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                return await heard.wait()
        return False

    def _hear(self, topic: str, key: str) -> None:
        for heard in self._watchers.get((topic, key), ()):
            heard.set()
        for callback in self._listeners.get(topic, ()):
            callback(key)

    def _on_notify(self, _connection: object, pid: int, _channel: str, payload: object) -> None:
        if pid == self._own_pid:
            return
        for line in str(payload).split("\n"):
            topic, _, key = line.partition(" ")
            self._hear(topic, key)

    async def _connect(self) -> None:
        # A lost hint is harmless, so no commit of ours waits for the disk.
        settings = {"application_name": "tongbao signals", "synchronous_commit": "off"}
        connection = await asyncpg.connect(self._url, command_timeout=10, server_settings=settings)
        await connection.add_listener(_CHANNEL, self._on_notify)
        connection.add_termination_listener(lambda _: self._work.set())
        self._connection, self._own_pid = connection, connection.get_server_pid()

    async def _keep_sending(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                if self._connection.is_closed():
                    await self._reconnect()
                await self._flush()
            except _BROKEN:
                self._connection.terminate()
                self._work.set()
            await asyncio.sleep(_GATHER_SECONDS)

    async def _reconnect(self) -> None:
        pause_seconds, longest_seconds = _RECONNECT_SECONDS
        _log.warning("signals_disconnected")
        while True:
            with suppress(*_BROKEN):
                return await self._connect()
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, longest_seconds)

    async def _flush(self) -> None:
        if self._queue:
            lines, self._queue = self._queue, {}
            try:
                await self._connection.execute(_NOTIFY, list(_packed(lines)))
            except BaseException:
                # Not known to be sent: twice is harmless, never is a delay.
                self._queue = {**lines, **self._queue}
                raise


def _packed(lines: Iterable[str]) -> Iterator[str]:
    """Lines joined into payloads that NOTIFY can carry."""
    payload: list[str] = []
    length = 0
    for line in lines:
        size = len(line.encode()) + 1
        if payload and length + size > _PAYLOAD_LIMIT_BYTES:
            yield "\n".join(payload)
            payload, length = [], 0
        payload.append(line)
        length += size
    if payload:
        yield "\n".join(payload)
