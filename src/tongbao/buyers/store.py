"""The SQL of buyers and their sessions."""

from __future__ import annotations

from datetime import datetime

from tongbao.buyers.model import BuyerPrincipal
from tongbao.kit.db import Db, Row, Tx


def claim_code(tx: Tx, merchant_id: str, host: str, app_id: str, code_hash: bytes, at: datetime) -> None:
    """Use up a log-in code. AlreadyThere from the end of the block when it was used before."""
    sql = "INSERT INTO login_codes (merchant_id, host, app_id, code_hash, used_at) VALUES ($1, $2, $3, $4, $5)"
    tx.write(sql, merchant_id, host, app_id, code_hash, at)


def release_code(tx: Tx, merchant_id: str, host: str, app_id: str, code_hash: bytes) -> None:
    sql = "DELETE FROM login_codes WHERE merchant_id = $1 AND host = $2 AND app_id = $3 AND code_hash = $4"
    tx.write(sql, merchant_id, host, app_id, code_hash)


async def identity(tx: Tx, merchant_id: str, host: str, app_id: str, subject: str) -> Row | None:
    return await tx.fetch_row(
        """
        SELECT buyer_id, union_subject FROM buyer_identities
        WHERE merchant_id = $1 AND host = $2 AND app_id = $3 AND subject = $4
        """,
        merchant_id,
        host,
        app_id,
        subject,
    )


async def buyer(db: Db, merchant_id: str, buyer_id: str) -> BuyerPrincipal | None:
    row = await db.fetch_row(
        """
        SELECT merchant_id, buyer_id, host, app_id, subject FROM buyer_identities
        WHERE merchant_id = $1 AND buyer_id = $2 ORDER BY created_at LIMIT 1
        """,
        merchant_id,
        buyer_id,
    )
    return BuyerPrincipal(*row.values()) if row else None


def insert_buyer(tx: Tx, buyer: BuyerPrincipal, union_subject: str | None, at: datetime) -> None:
    tx.write(
        "INSERT INTO buyers (merchant_id, buyer_id, created_at) VALUES ($1, $2, $3)",
        buyer.merchant_id,
        buyer.buyer_id,
        at,
    )
    tx.write(
        """
        INSERT INTO buyer_identities (merchant_id, buyer_id, host, app_id, subject, union_subject, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        buyer.merchant_id,
        buyer.buyer_id,
        buyer.host,
        buyer.app_id,
        buyer.subject,
        union_subject,
        at,
    )


def set_union_subject(tx: Tx, buyer: BuyerPrincipal, union_subject: str) -> None:
    tx.write(
        """
        UPDATE buyer_identities SET union_subject = $5
        WHERE merchant_id = $1 AND host = $2 AND app_id = $3 AND subject = $4
        """,
        buyer.merchant_id,
        buyer.host,
        buyer.app_id,
        buyer.subject,
        union_subject,
    )


def insert_session(
    tx: Tx, buyer: BuyerPrincipal, token_hash: bytes, sealed_session_key: bytes | None, at: datetime, until: datetime
) -> None:
    tx.write(
        """
        INSERT INTO sessions (merchant_id, token_hash, buyer_id, host, app_id, subject, sealed_session_key,
                              created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        buyer.merchant_id,
        token_hash,
        buyer.buyer_id,
        buyer.host,
        buyer.app_id,
        buyer.subject,
        sealed_session_key,
        at,
        until,
    )


async def session(db: Db, merchant_id: str, token_hash: bytes) -> tuple[BuyerPrincipal, datetime] | None:
    """Whose session it is, and until when."""
    row = await db.fetch_row(
        """
        SELECT merchant_id, buyer_id, host, app_id, subject, expires_at FROM sessions
        WHERE merchant_id = $1 AND token_hash = $2
        """,
        merchant_id,
        token_hash,
    )
    if row is None:
        return None
    *buyer, expires_at = row.values()
    return BuyerPrincipal(*buyer), expires_at


def delete_sessions(tx: Tx, expired_before: datetime) -> None:
    tx.write("DELETE FROM sessions WHERE expires_at < $1", expired_before)


def delete_codes(tx: Tx, used_before: datetime) -> None:
    tx.write("DELETE FROM login_codes WHERE used_at < $1", used_before)
