"""The SQL of explanations: whose a thing is, and the notices that nobody could attribute. It only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from tongbao.callbacks import KeptNotice
from tongbao.kit.db import Db

_NOTICE = ", ".join(field.name for field in fields(KeptNotice))


async def order_of(db: Db, some_id: str) -> tuple[str, str] | None:
    """The merchant and the order that an order's, attempt's, refund's or case's id leads to."""
    row = await db.fetch_row(
        """
        SELECT merchant_id, order_id FROM orders WHERE order_id = $1
        UNION ALL SELECT merchant_id, order_id FROM attempts WHERE attempt_id = $1
        UNION ALL SELECT merchant_id, order_id FROM refunds WHERE refund_id = $1
        UNION ALL SELECT merchant_id, order_id FROM cases WHERE case_id = $1
        LIMIT 1
        """,
        some_id,
    )
    return (row["merchant_id"], row["order_id"]) if row else None


async def merchant_of_notice(db: Db, notice_id: str) -> str | None:
    row = await db.fetch_row("SELECT merchant_id FROM notices WHERE notice_id = $1", notice_id)
    return str(row["merchant_id"]) if row else None


async def unproven(
    db: Db, merchant_id: str, account_ids: Sequence[str], since: datetime, until: datetime, limit: int
) -> list[KeptNotice]:
    """The last notices that came to these accounts and could not be proven, oldest first; without gateways' probes."""
    rows = await db.fetch(
        f"""
        SELECT {_NOTICE} FROM notices
        WHERE merchant_id = $1 AND received_at BETWEEN $3 AND $4 AND account_id = ANY ($2) AND attempt_id IS NULL
          AND verdict IN ('signature_missing', 'timestamp_stale', 'serial_unknown', 'signature_wrong',
                          'decryption_failed', 'malformed')
        ORDER BY received_at DESC LIMIT $5
        """,
        merchant_id,
        list(account_ids),
        since,
        until,
        limit,
    )
    return [KeptNotice(**row) for row in reversed(rows)]
