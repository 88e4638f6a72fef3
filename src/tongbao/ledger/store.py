"""The ledger's SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter

from tongbao.kit.db import Db, Row, Tx
from tongbao.ledger.model import Posting

_FIELDS = tuple(field.name for field in fields(Posting))
_COLUMNS = ", ".join(_FIELDS)
_values = attrgetter(*_FIELDS)
_INSERT = f"INSERT INTO postings ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"


def _posting(row: Row) -> Posting:
    return Posting(*row.values())


def insert(tx: Tx, posting: Posting) -> None:
    tx.write(_INSERT, *_values(posting), rows=1)


async def of_order(db: Db, merchant_id: str, order_id: str) -> list[Posting]:
    sql = f"SELECT {_COLUMNS} FROM postings WHERE merchant_id = $1 AND order_id = $2 ORDER BY posting_id"
    return [_posting(row) for row in await db.fetch(sql, merchant_id, order_id)]


async def balances(db: Db, merchant_id: str) -> list[Row]:
    """Per account and currency: debits, credits. Read from the postings themselves; no balance is kept anywhere."""
    return await db.fetch(
        """
        SELECT account, currency, sum(debit)::bigint AS debit, sum(credit)::bigint AS credit FROM (
            SELECT debit_account AS account, currency, amount AS debit, 0 AS credit
            FROM postings WHERE merchant_id = $1
            UNION ALL
            SELECT credit_account, currency, 0, amount FROM postings WHERE merchant_id = $1
        ) sides GROUP BY account, currency ORDER BY account, currency
        """,
        merchant_id,
    )


async def merchants_to_seal(db: Db, until: datetime) -> list[str]:
    """Merchants with postings that no seal covers. The hour of overlap finds what was committed late."""
    rows = await db.fetch(
        """
        SELECT m.merchant_id FROM merchants m
        LEFT JOIN LATERAL (SELECT through FROM seals s WHERE s.merchant_id = m.merchant_id
                           ORDER BY number DESC LIMIT 1) last ON true
        WHERE EXISTS (
            SELECT FROM postings p LEFT JOIN sealed_postings sp USING (merchant_id, posting_id)
            WHERE p.merchant_id = m.merchant_id AND sp.posting_id IS NULL AND p.posted_at <= $1
              AND (last.through IS NULL OR p.posted_at > least(last.through, $1) - interval '1 hour'))
        """,
        until,
    )
    return [row["merchant_id"] for row in rows]


async def last_seal(tx: Tx, merchant_id: str) -> Row | None:
    return await tx.fetch_row("SELECT * FROM seals WHERE merchant_id = $1 ORDER BY number DESC LIMIT 1", merchant_id)


async def unsealed(tx: Tx, merchant_id: str, since: datetime | None, until: datetime, limit: int) -> list[Posting]:
    rows = await tx.fetch(
        f"""
        SELECT {", ".join(f"p.{name}" for name in _FIELDS)}
        FROM postings p LEFT JOIN sealed_postings sp USING (merchant_id, posting_id)
        WHERE p.merchant_id = $1 AND sp.posting_id IS NULL AND p.posted_at <= $3
          AND ($2::timestamptz IS NULL OR p.posted_at > least($2, $3) - interval '1 hour')
        ORDER BY p.posted_at, p.posting_id LIMIT $4
        """,
        merchant_id,
        since,
        until,
        limit,
    )
    return [_posting(row) for row in rows]


def insert_seal(
    tx: Tx,
    merchant_id: str,
    number: int,
    hashes: tuple[bytes, bytes, bytes],
    posting_ids: Sequence[str],
    through: datetime,
    at: datetime,
) -> None:
    tx.write(
        """
        INSERT INTO seals (merchant_id, number, previous_hash, merkle_root, hash, leaves, through, sealed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        merchant_id,
        number,
        *hashes,
        len(posting_ids),
        through,
        at,
        rows=1,
    )
    tx.write(
        """
        INSERT INTO sealed_postings (merchant_id, posting_id, seal_number, leaf)
        SELECT $1, posting_id, $2, leaf - 1 FROM unnest($3::text[]) WITH ORDINALITY AS leaves (posting_id, leaf)
        """,
        merchant_id,
        number,
        list(posting_ids),
        rows=len(posting_ids),
    )


async def seals(db: Db, merchant_id: str) -> list[Row]:
    return await db.fetch("SELECT * FROM seals WHERE merchant_id = $1 ORDER BY number", merchant_id)


async def sealed(db: Db, merchant_id: str, number: int) -> list[Posting]:
    rows = await db.fetch(
        f"""
        SELECT {", ".join(f"p.{name}" for name in _FIELDS)}
        FROM sealed_postings sp JOIN postings p USING (merchant_id, posting_id)
        WHERE sp.merchant_id = $1 AND sp.seal_number = $2 ORDER BY sp.leaf
        """,
        merchant_id,
        number,
    )
    return [_posting(row) for row in rows]


async def count_unsealed_before(db: Db, merchant_id: str, moment: datetime) -> int:
    row = await db.fetch_row(
        """
        SELECT count(*) AS n FROM postings p LEFT JOIN sealed_postings sp USING (merchant_id, posting_id)
        WHERE p.merchant_id = $1 AND sp.posting_id IS NULL AND p.posted_at < $2
        """,
        merchant_id,
        moment,
    )
    return int(row["n"]) if row else 0
