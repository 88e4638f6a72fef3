"""The SQL of refunds."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from operator import attrgetter

from tongbao.kit.db import Db, Row, Tx
from tongbao.refunds.model import Refund

_FIELDS = tuple(field.name for field in fields(Refund))
_COLUMNS = ", ".join(_FIELDS)
_values = attrgetter(*_FIELDS)
_INSERT = f"INSERT INTO refunds ({_COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, len(_FIELDS) + 1))})"
_SELECT = f"SELECT {_COLUMNS} FROM refunds WHERE merchant_id = $1 AND "


def _refund(row: Row | None) -> Refund | None:
    return Refund(*row.values()) if row else None


def insert(tx: Tx, refund: Refund) -> None:
    tx.write(_INSERT, *_values(refund), rows=1)


async def refund(reader: Db | Tx, merchant_id: str, refund_id: str) -> Refund | None:
    return _refund(await reader.fetch_row(_SELECT + "refund_id = $2", merchant_id, refund_id))


async def by_reference(reader: Db | Tx, merchant_id: str, reference: str) -> Refund | None:
    return _refund(await reader.fetch_row(_SELECT + "reference = $2", merchant_id, reference))


async def of_order(reader: Db | Tx, merchant_id: str, order_id: str) -> list[Refund]:
    rows = await reader.fetch(_SELECT + "order_id = $2 ORDER BY refund_id", merchant_id, order_id)
    return [Refund(*row.values()) for row in rows]


def move(tx: Tx, before: Refund, after: Refund) -> None:
    """Write what changed; whoever decided on the refund as it was before finds it changed."""
    tx.write(
        """
        UPDATE refunds SET state = $4, state_reason = $5, in_doubt = $6, gateway_refund_id = $7, sent_at = $8,
                           settled_at = $9, refunded_at = $10, ask_at = $11, version = version + 1
        WHERE merchant_id = $1 AND refund_id = $2 AND version = $3
        """,
        before.merchant_id,
        before.refund_id,
        before.version,
        after.state,
        after.state_reason,
        after.in_doubt,
        after.gateway_refund_id,
        after.sent_at,
        after.settled_at,
        after.refunded_at,
        after.ask_at,
        rows=1,
    )


async def refunds_to_ask(db: Db, now: datetime, limit: int) -> list[tuple[str, str]]:
    rows = await db.fetch(
        "SELECT merchant_id, refund_id FROM refunds WHERE ask_at <= $1 ORDER BY ask_at LIMIT $2", now, limit
    )
    return [(row["merchant_id"], row["refund_id"]) for row in rows]


def plan_ask(tx: Tx, refund: Refund, ask_at: datetime) -> None:
    """Claim the asking: of two workers one finds the count changed. The version stays, asking decides nothing."""
    tx.write(
        """
        UPDATE refunds SET ask_at = $4, asked = asked + 1
        WHERE merchant_id = $1 AND refund_id = $2 AND asked = $3 AND ask_at IS NOT NULL
        """,
        refund.merchant_id,
        refund.refund_id,
        refund.asked,
        ask_at,
        rows=1,
    )


async def backlog(db: Db, now: datetime) -> tuple[int, datetime | None]:
    row = await db.fetch_row("SELECT count(*) AS n, min(ask_at) AS since FROM refunds WHERE ask_at <= $1", now)
    return (row["n"], row["since"]) if row else (0, None)
