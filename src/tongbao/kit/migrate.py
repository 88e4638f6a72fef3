"""The schema: numbered plain-SQL migrations, applied in order, once, by one process at a time."""

from __future__ import annotations

from pathlib import Path

import yoyo

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def apply(url: str) -> list[str]:
    """Apply the migrations that are still missing and name them. Raises the driver's error if one fails: it is undone.

    `url` is any PostgreSQL address (`postgresql://…`).
    """
    backend = yoyo.get_backend(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with backend.lock():
        missing = backend.to_apply(yoyo.read_migrations(str(MIGRATIONS)))
        names = [migration.id for migration in missing]
        backend.apply_migrations(missing)
    backend.connection.close()
    return names
