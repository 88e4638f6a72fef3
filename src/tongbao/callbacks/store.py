"""The inbox's SQL."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter

from tongbao.callbacks.model import KeptNotice
from tongbao.kit.db import Db, Tx

_FIELDS = tuple(field.name for field in fields(KeptNotice))
_COLUMNS = ", ".join(_FIELDS)
_values = attrgetter(*_FIELDS)
_INSERT = f"INSERT INTO notices ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"


def insert(tx: Tx, notice: KeptNotice) -> None:
    tx.write(_INSERT, *_values(notice), rows=1)


async def of_attempt(db: Db, merchant_id: str, attempt_id: str) -> list[KeptNotice]:
    sql = f"SELECT {_COLUMNS} FROM notices WHERE merchant_id = $1 AND attempt_id = $2 ORDER BY notice_id"
    return [KeptNotice(**row) for row in await db.fetch(sql, merchant_id, attempt_id)]
