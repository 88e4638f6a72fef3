"""The schema: numbered plain-SQL migrations, applied in order, once, by one process at a time."""

from __future__ import annotations

from pathlib import Path

import psycopg
import yoyo

MIGRATIONS = Path(__file__).parent.parent / "migrations"

_LOCK = 0x746F6E67_62616F  # "tongbao": any number will do, if it is always the same


def apply(url: str) -> list[str]:
    """Apply the migrations that are still missing and name them. Raises the driver's error if one fails: it is undone.

    `url` is any PostgreSQL address (`postgresql://…`). Every command asks this at its start, so what is up to date is
    seen without a lock; and the lock is the session's, so a process that dies while it migrates locks nobody out.
    """
    url = url.replace("postgres://", "postgresql://", 1)
    migrations = yoyo.read_migrations(str(MIGRATIONS))
    with psycopg.connect(url, autocommit=True) as connection:
        if {migration.id for migration in migrations} <= _applied(connection):
            return []
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        backend = yoyo.get_backend(url.replace("postgresql://", "postgresql+psycopg://", 1))
        try:
            missing = backend.to_apply(migrations)
            names = [migration.id for migration in missing]
            backend.apply_migrations(missing)
        finally:
            backend.connection.close()
    return names


def _applied(connection: psycopg.Connection[tuple[str]]) -> set[str]:
    try:
        return {name for (name,) in connection.execute("SELECT migration_id FROM _yoyo_migration")}
    except psycopg.errors.UndefinedTable:
        return set()
