"""PostgreSQL: a pool, and transactions that gather their writes.

A `Tx` reads at once and writes once. What the rooms write inside the block is gathered and leaves as ONE statement of
chained CTEs when the block ends: atomic by itself, so it needs neither BEGIN nor COMMIT, and a whole payment step costs
two round trips: read, then write. A write says how many rows it must touch; if somebody else was faster the whole
statement fails with `Conflict`, nothing is written, and `Db.run` decides again on fresh rows.

So inside one block: a row is written at most once, and a read does not see the block's own writes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
import orjson

from tongbao.kit.errors import TongbaoError
from tongbao.kit.pool import Pool, Use

Row = Mapping[str, Any]
"""One row, by column name."""

_PLACEHOLDER = re.compile(r"\$(\d+)")
_TRIES = 8
_SETTINGS = {"timezone": "UTC", "application_name": "tongbao", "statement_timeout": "30s", "jit": "off"}

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


class Db:
    """A pool of connections to one database."""

    def __init__(self, pool: Pool, url: str) -> None:
        self._pool = pool
        self.url = url

    @classmethod
    async def connect(cls, url: str, *, size: int = 10) -> Db:
        """Open a pool of up to `size` connections. Raises OSError or asyncpg.PostgresError when it cannot."""

        async def connect() -> Any:
            connection = await asyncpg.connect(
                url, timeout=10, command_timeout=30, statement_cache_size=256, server_settings=_SETTINGS
            )
            await _set_codecs(connection)
            return connection

        db = cls(Pool(connect, size), url)
        await db.ping()
        return db

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows of a query, outside any transaction."""
        async with self._pool.use() as connection:
            rows: list[Row] = await connection.fetch(sql, *args)
        return rows

    async def fetch_row(self, sql: str, *args: object) -> Row | None:
        """The first row of a query, outside any transaction, or None."""
        async with self._pool.use() as connection:
            row: Row | None = await connection.fetchrow(sql, *args)
        return row

    async def ping(self) -> None:
        """Ask the database for nothing, to see that it answers."""
        await self.fetch("SELECT 1")

    def tx(self) -> Transaction:
        """A transaction block: `async with db.tx() as tx:`.

        Leaving it normally writes all or nothing; leaving it by an exception writes nothing. Raises Conflict or
        AlreadyThere from its end.
        """
        return Transaction(self._pool)

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

    def connection(self) -> Use:
        """A bare connection, for what is neither a query nor a write: locks held by a session."""
        return self._pool.use()


class Transaction:
    """The block of one transaction."""

    __slots__ = ("_tx", "_use")

    def __init__(self, pool: Pool) -> None:
        self._use = pool.use()

    async def __aenter__(self) -> Tx:
        self._tx = Tx(await self._use.__aenter__())
        return self._tx

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                await self._tx.commit()
        except BaseException as failure:
            await self._use.__aexit__(type(failure), failure, None)
            raise
        await self._use.__aexit__(kind, error, trace)


async def _set_codecs(connection: Any) -> None:
    """Speak orjson for jsonb."""
    await connection.set_type_codec(
        "jsonb", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads, schema="pg_catalog"
    )
