"""The SQL of the journal."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from tongbao.journal.model import Call
from tongbao.kit.db import Db, Tx

_FIELDS = tuple(field.name for field in fields(Call))
_INSERT = f"INSERT INTO calls ({', '.join(_FIELDS)}) VALUES ({', '.join(f'${n}' for n in range(1, len(_FIELDS) + 1))})"


def insert(tx: Tx, call: Call) -> None:
    tx.write(_INSERT, *(getattr(call, name) for name in _FIELDS), rows=1)


async def calls(db: Db, merchant_id: str, order_id: str) -> list[Call]:
    rows = await db.fetch(
        f"SELECT {', '.join(_FIELDS)} FROM calls WHERE merchant_id = $1 AND order_id = $2 ORDER BY asked_at, call_id",
        merchant_id,
        order_id,
    )
    return [Call(**row) for row in rows]


async def purge(db: Db, before: datetime, limit: int) -> int:
    rows = await db.fetch(
        """
        DELETE FROM calls WHERE (merchant_id, call_id) IN
            (SELECT merchant_id, call_id FROM calls WHERE asked_at < $1 ORDER BY asked_at LIMIT $2)
        RETURNING 1
        """,
        before,
        limit,
    )
    return len(rows)
