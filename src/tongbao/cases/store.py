"""The SQL of cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, fields
from datetime import datetime

from tongbao.cases.model import Case, Entry
from tongbao.kit import ids
from tongbao.kit.db import Db, Tx

_FIELDS = tuple(field.name for field in fields(Case))
_INSERT = f"INSERT INTO cases ({', '.join(_FIELDS)}) VALUES ({', '.join(f'${n}' for n in range(1, len(_FIELDS) + 1))})"
_SELECT = f"SELECT {', '.join(_FIELDS)} FROM cases "
_ENTRY = "INSERT INTO case_entries (merchant_id, case_id, entry_id, at, who, what, note)"


def insert(tx: Tx, case: Case) -> None:
    tx.write(_INSERT, *(getattr(case, name) for name in _FIELDS), rows=1)


def insert_entry(tx: Tx, merchant_id: str, case_id: str, entry: Entry) -> None:
    sql = _ENTRY + " VALUES ($1, $2, $3, $4, $5, $6, $7)"
    tx.write(sql, merchant_id, case_id, _entry_id(entry), *astuple(entry), rows=1)


def insert_closing_entry(tx: Tx, merchant_id: str, key: str, entry: Entry) -> None:
    """The entry of a case that `close_by_key` closes in the same statement: here it is open still."""
    tx.write(
        _ENTRY
        + " SELECT merchant_id, case_id, $3, $4, $5, $6, $7 FROM cases"
        + " WHERE merchant_id = $1 AND key = $2 AND status = 'open'",
        merchant_id,
        key,
        _entry_id(entry),
        *astuple(entry),
    )


def _entry_id(entry: Entry) -> str:
    """A case is opened once and closed once: of two who close it at the same moment one finds the entry there."""
    return ids.new("ent") if entry.what == "noted" else entry.what


def close(tx: Tx, case: Case, by: str, resolution: str, at: datetime) -> None:
    tx.write(
        """
        UPDATE cases SET status = 'closed', closed_at = $4, closed_by = $5, resolution = $6, version = version + 1
        WHERE merchant_id = $1 AND case_id = $2 AND version = $3 AND status = 'open'
        """,
        case.merchant_id,
        case.case_id,
        case.version,
        at,
        by,
        resolution,
        rows=1,
    )


def close_by_key(tx: Tx, merchant_id: str, key: str, by: str, resolution: str, at: datetime) -> None:
    tx.write(
        """
        UPDATE cases SET status = 'closed', closed_at = $3, closed_by = $4, resolution = $5, version = version + 1
        WHERE merchant_id = $1 AND key = $2 AND status = 'open'
        """,
        merchant_id,
        key,
        at,
        by,
        resolution,
    )


async def case(reader: Db | Tx, merchant_id: str, case_id: str) -> Case | None:
    row = await reader.fetch_row(_SELECT + "WHERE merchant_id = $1 AND case_id = $2", merchant_id, case_id)
    return Case(**row) if row else None


async def is_known(reader: Db | Tx, merchant_id: str, key: str) -> bool:
    return bool(await reader.fetch_row("SELECT 1 FROM cases WHERE merchant_id = $1 AND key = $2", merchant_id, key))


async def case_anywhere(db: Db, case_id: str) -> Case | None:
    row = await db.fetch_row(_SELECT + "WHERE case_id = $1", case_id)
    return Case(**row) if row else None


async def cases(db: Db, wanted: Mapping[str, str | None], limit: int) -> list[Case]:
    """Cases whose columns have the wanted values; None wants nothing."""
    given = {column: value for column, value in wanted.items() if value is not None}
    conditions = [f"{column} = ${number}" for number, column in enumerate(given, 1)]
    rows = await db.fetch(
        f"{_SELECT}WHERE {' AND '.join([*conditions, 'true'])}"
        f" ORDER BY status = 'closed', due_at, case_id LIMIT ${len(given) + 1}",
        *given.values(),
        limit,
    )
    return [Case(**row) for row in rows]


async def entries(db: Db, merchant_id: str, case_id: str) -> list[Entry]:
    # Of one moment: opened, noted, closed. The alphabet happens to have it the other way round.
    rows = await db.fetch(
        """
        SELECT at, who, what, note FROM case_entries WHERE merchant_id = $1 AND case_id = $2
        ORDER BY at, what DESC, entry_id
        """,
        merchant_id,
        case_id,
    )
    return [Entry(**row) for row in rows]


async def backlog(db: Db, now: datetime) -> list[tuple[str, int, int]]:
    rows = await db.fetch(
        """
        SELECT kind, count(*) AS open, count(*) FILTER (WHERE due_at < $1) AS overdue
        FROM cases WHERE status = 'open' GROUP BY kind ORDER BY kind
        """,
        now,
    )
    return [(row["kind"], row["open"], row["overdue"]) for row in rows]
