"""PostgreSQL: a pool, and transactions that gather their writes.

A `Tx` reads at once and writes once. What the rooms write inside the block is gathered and leaves as ONE statement of
chained CTEs when the block ends: atomic by itself, so it needs neither BEGIN nor COMMIT, and a whole payment step costs
two round trips: read, then write. A write says how many rows it must touch; if somebody else was faster the whole
statement fails with `Conflict`, nothing is written, and `Db.run` decides again on fresh rows.

So inside one block: a row is written at most once, and a read does not see the block's own writes.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
import orjson

from tongbao.kit.errors import TongbaoError

Row = Mapping[str, Any]
"""One row, by column name."""

_PLACEHOLDER = re.compile(r"\$(\d+)")
_TRIES = 8

T = TypeVar("T")


class Conflict(TongbaoError):
    """The rows changed under us: nothing was written, decide again."""


class AlreadyThere(Conflict):
    """A unique key is taken: somebody was faster, or it is a repetition. `constraint` names it. Nothing was written."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class Tx:
    """One transaction: reads at once, writes gathered until the block ends."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._writes: list[tuple[str, int | None]] = []
        self._args: list[Any] = []
        self._after: list[Callable[[], None]] = []

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows of a query. It does not see this block's writes."""
        rows: list[Row] = await self._connection.fetch(sql, *args)
        return rows

    async def fetch_row(self, sql: str, *args: object) -> Row | None:
        """The first row of a query, or None."""
        row: Row | None = await self._connection.fetchrow(sql, *args)
        return row

    def write(self, sql: str, *args: object, rows: int | None = None) -> None:
        """Gather one INSERT, UPDATE or DELETE, without RETURNING. `rows`: how many it must touch, else Conflict."""
        self._writes.append((sql, rows))
        self._args.extend(args)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Have something done in this process once the writes are in: sending a signal, say. It must not fail."""
        self._after.append(act)

    async def commit(self) -> None:
        """Send the gathered writes. Called by the block's end."""
        if self._writes:
            try:
                await self._connection.fetch(_compose(tuple(self._writes)), *self._args)
            except asyncpg.SerializationError as error:
                raise Conflict(str(error)) from None
            except asyncpg.UniqueViolationError as error:
                raise AlreadyThere(error.constraint_name or "") from None
            self._writes.clear()
        for act in self._after:
            act()


@lru_cache(maxsize=512)
def _compose(writes: tuple[tuple[str, int | None], ...]) -> str:
    """Chain writes into one statement: their placeholders renumbered, their row counts checked by `expect_rows`."""
    if len(writes) == 1 and writes[0][1] is None:
        return writes[0][0]
    ctes, checks, offset = [], [], 0
    for number, (sql, rows) in enumerate(writes, 1):
        used = max((int(n) for n in _PLACEHOLDER.findall(sql)), default=0)
        shifted = _PLACEHOLDER.sub(lambda match, by=offset: f"${int(match[1]) + by}", sql)  # type: ignore[misc]
        ctes.append(f"w{number} AS ({shifted} RETURNING 1)")
        offset += used
        if rows is not None:
            checks.append(f"expect_rows((SELECT count(*) FROM w{number}), {rows}, 'w{number}')")
    return f"WITH {', '.join(ctes)} SELECT {', '.join(checks) or '1'}"


class _Connection(asyncpg.Connection):
    """We set nothing on a connection that would have to be reset, so giving one back costs no round trip."""

    def get_reset_query(self) -> str:
        return ""


class Db:
    """A pool of connections to one database."""

    def __init__(self, pool: Any, url: str) -> None:
        self._pool = pool
        self.url = url

    @classmethod
    async def connect(cls, url: str, *, size: int = 10) -> Db:
        """Open a pool of up to `size` connections. Raises OSError or asyncpg.PostgresError when it cannot."""
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            connection_class=_Connection,
            init=_set_codecs,
            command_timeout=30,
            server_settings={"timezone": "UTC", "application_name": "tongbao"},
        )
        return cls(pool, url)

    async def close(self) -> None:
        """Give all connections back and close them."""
        await self._pool.close()

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows of a query, outside any transaction."""
        rows: list[Row] = await self._pool.fetch(sql, *args)
        return rows

    async def fetch_row(self, sql: str, *args: object) -> Row | None:
        """The first row of a query, outside any transaction, or None."""
        row: Row | None = await self._pool.fetchrow(sql, *args)
        return row

    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for many rows, atomically."""
        await self._pool.executemany(sql, rows)

    async def ping(self) -> None:
        """Ask the database for nothing, to see that it answers."""
        await self._pool.fetchval("SELECT 1")

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        """A transaction block. Leaving it normally writes all or nothing; leaving it by an exception writes nothing.

        Raises Conflict or AlreadyThere from its end.
        """
        async with self._pool.acquire() as connection:
            tx = Tx(connection)
            yield tx
            await tx.commit()

    async def run(self, body: Callable[[Tx], Awaitable[T]]) -> T:
        """Run `body` in a transaction, again from the start for as long as others were faster (at most 8 times)."""
        for _ in range(_TRIES - 1):
            try:
                async with self.tx() as tx:
                    return await body(tx)
            except Conflict:
                continue
        async with self.tx() as tx:
            return await body(tx)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A bare connection, for what is neither a query nor a write: locks held by a session."""
        async with self._pool.acquire() as connection:
            yield connection


async def _set_codecs(connection: asyncpg.Connection) -> None:
    """Speak orjson for jsonb."""
    await connection.set_type_codec(
        "jsonb", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads, schema="pg_catalog"
    )
