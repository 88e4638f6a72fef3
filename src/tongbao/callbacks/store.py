"""The inbox's SQL."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter

from tongbao.callbacks.model import KeptNotice
from tongbao.kit.db import Db, Tx

_FIELDS = tuple(field.name for field in fields(KeptNotice))
_COLUMNS = ", ".join(_FIELDS)
_values = attrgetter(*_FIELDS)
_INSERT = f"INSERT INTO notices ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"


def insert(tx: Tx, notice: KeptNotice) -> None:
    tx.write(_INSERT, *_values(notice), rows=1)


async def of_order(db: Db, merchant_id: str, order_id: str) -> list[KeptNotice]:
    # The attempts' numbers as an array: a join would scan a merchant's every notice on a table never analysed.
    rows = await db.fetch(
        f"""
        SELECT {_COLUMNS} FROM notices WHERE merchant_id = $1 AND attempt_id = ANY (ARRAY(
            SELECT attempt_id FROM attempts WHERE order_id = $2 AND merchant_id = $1))
        ORDER BY notice_id
        """,
        merchant_id,
        order_id,
    )
    return [KeptNotice(**row) for row in rows]


async def notice(db: Db, merchant_id: str, notice_id: str) -> KeptNotice | None:
    sql = f"SELECT {_COLUMNS} FROM notices WHERE merchant_id = $1 AND notice_id = $2"
    row = await db.fetch_row(sql, merchant_id, notice_id)
    return KeptNotice(**row) if row else None
