"""The SQL of idempotency keys."""

from __future__ import annotations

from datetime import datetime

from tongbao.kit.db import Db, Row, Tx

Slot = tuple[str, str, str]
"""Merchant, principal, key."""


def claim(tx: Tx, slot: Slot, request_hash: bytes, now: datetime, expires_at: datetime) -> None:
    tx.write(
        """
        INSERT INTO idempotency_keys (merchant_id, principal, key, request_hash, started_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        *slot,
        request_hash,
        now,
        expires_at,
        rows=1,
    )


async def find(db: Db, slot: Slot) -> Row | None:
    return await db.fetch_row(
        "SELECT * FROM idempotency_keys WHERE merchant_id = $1 AND principal = $2 AND key = $3", *slot
    )


def take_over(
    tx: Tx, slot: Slot, started_at: datetime, request_hash: bytes, now: datetime, expires_at: datetime
) -> None:
    """Claim a slot whose owner is gone, or whose time is over."""
    tx.write(
        """
        UPDATE idempotency_keys
        SET started_at = $5, request_hash = $6, expires_at = $7, status = NULL, sealed_body = NULL
        WHERE merchant_id = $1 AND principal = $2 AND key = $3 AND started_at = $4
        """,
        *slot,
        started_at,
        now,
        request_hash,
        expires_at,
        rows=1,
    )


def keep_answer(tx: Tx, slot: Slot, started_at: datetime, status: int, sealed_body: bytes) -> None:
    tx.write(
        """
        UPDATE idempotency_keys SET status = $5, sealed_body = $6
        WHERE merchant_id = $1 AND principal = $2 AND key = $3 AND started_at = $4
        """,
        *slot,
        started_at,
        status,
        sealed_body,
    )


def release(tx: Tx, slot: Slot, started_at: datetime) -> None:
    tx.write(
        """
        DELETE FROM idempotency_keys
        WHERE merchant_id = $1 AND principal = $2 AND key = $3 AND started_at = $4 AND status IS NULL
        """,
        *slot,
        started_at,
    )


async def purge(db: Db, now: datetime) -> int:
    rows = await db.fetch("DELETE FROM idempotency_keys WHERE expires_at < $1 RETURNING 1", now)
    return len(rows)
