"""The SQL of static codes."""

from __future__ import annotations

from dataclasses import astuple, fields

from tongbao.codes.model import StaticCode
from tongbao.kit.db import Db, Tx

_COLUMNS = tuple(field.name for field in fields(StaticCode))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM static_codes WHERE merchant_id = $1"
_INSERT = f"INSERT INTO static_codes ({', '.join(_COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"


def insert(tx: Tx, code: StaticCode) -> None:
    tx.write(_INSERT, *astuple(code), rows=1)


async def code(reader: Db | Tx, merchant_id: str, code_id: str) -> StaticCode | None:
    row = await reader.fetch_row(f"{_SELECT} AND code_id = $2", merchant_id, code_id)
    return StaticCode(*row.values()) if row else None


async def codes(db: Db, merchant_id: str) -> list[StaticCode]:
    rows = await db.fetch(f"{_SELECT} ORDER BY code_id", merchant_id)
    return [StaticCode(*row.values()) for row in rows]


def disable(tx: Tx, code: StaticCode) -> None:
    sql = "UPDATE static_codes SET status = 'disabled' WHERE merchant_id = $1 AND code_id = $2"
    tx.write(sql, code.merchant_id, code.code_id, rows=1)
