"""The SQL of `jobs`: a lock that a database session holds."""

from __future__ import annotations

from typing import Any


async def try_lock(connection: Any, name: str) -> bool:
    """Take the lock of this name for this connection, or see that another has it."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", f"tongbao {name}"))


async def unlock(connection: Any, name: str) -> None:
    """Give the lock back. A connection that breaks gives it back by itself."""
    await connection.fetchval("SELECT pg_advisory_unlock(hashtextextended($1, 0))", f"tongbao {name}")
