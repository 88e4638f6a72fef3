"""A pool of database connections, kept thin.

asyncpg's own pool makes a task, a proxy and a shielded wait for every use: some 30 µs, six times a payment. Ours hands
a connection out and takes it back, last in, first out. We leave nothing on a connection that would have to be reset;
one that was interrupted in the middle of anything is closed instead of given to somebody else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

# A use lasts milliseconds, so whoever waits this long waits for somebody who waits in turn. An error ends that; the
# doors answer it with 503.
PATIENCE_SECONDS = 30.0
_INTERRUPTIONS = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.QueryCanceledError)


class Pool:
    """Up to `size` connections, opened when needed. `connect` opens one."""

    def __init__(
        self, connect: Callable[[], Awaitable[Any]], size: int, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._connect = connect
        self._size = size
        self._patience_seconds = patience_seconds
        self._open = 0
        self._free: list[Any] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def use(self) -> Use:
        """`async with pool.use() as connection:` has a connection to itself for as long as the block lasts."""
        return Use(self)

    async def close(self) -> None:
        """Close what is free now, and each other connection when it comes back."""
        self._closed = True
        while self._free:
            await self._free.pop().close(timeout=1)

    async def take(self) -> Any:
        """A connection: a free one, a new one, or the next that comes back. Raises TimeoutError where none does."""
        connection = self._next_free()
        if connection is None and self._open >= self._size:
            async with asyncio.timeout(self._patience_seconds):
                while connection is None and self._open >= self._size:
                    await self._turn()
                    connection = self._next_free()
        return connection if connection is not None else await self._open_one()

    def give_back(self, connection: Any, *, is_whole: bool) -> None:
        """Take a connection back; one that is not whole is thrown away."""
        if is_whole and not self._closed and not connection.is_closed():
            self._free.append(connection)
        else:
            self._open -= 1
            connection.terminate()
        self._wake_next()

    def _next_free(self) -> Any:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        return None

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake_next()
            raise

    async def _open_one(self) -> Any:
        self._open += 1
        try:
            return await self._connect()
        except BaseException:
            self._open -= 1
            self._wake_next()
            raise

    def _wake_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class Use:
    """One use of a connection."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Any:
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncpg.PostgresError):
            # PostgreSQL adds the row that broke a rule, with a buyer's openid, say: nothing that may end in a log.
            error.detail = None
        # Whoever was cancelled or timed out may have left an answer on its way; every other error ended cleanly.
        is_whole = isinstance(error, (Exception, type(None))) and not isinstance(error, _INTERRUPTIONS)
        self._pool.give_back(self._connection, is_whole=is_whole)
