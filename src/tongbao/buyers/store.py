"""The SQL of buyers and their sessions."""

from __future__ import annotations

from datetime import datetime

from tongbao.buyers.model import BuyerPrincipal
from tongbao.hosts import SubjectKind
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
        SELECT merchant_id, buyer_id, host, app_id, subject, kind FROM buyer_identities
        WHERE merchant_id = $1 AND buyer_id = $2 ORDER BY created_at LIMIT 1
        """,
        merchant_id,
        buyer_id,
    )
    return _principal(row) if row else None


def insert_buyer(tx: Tx, buyer: BuyerPrincipal, union_subject: str | None, at: datetime) -> None:
    tx.write(
        "INSERT INTO buyers (merchant_id, buyer_id, created_at) VALUES ($1, $2, $3)",
        buyer.merchant_id,
        buyer.buyer_id,
        at,
    )
    tx.write(
        """
        INSERT INTO buyer_identities (merchant_id, buyer_id, host, app_id, subject, kind, union_subject, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        buyer.merchant_id,
        buyer.buyer_id,
        buyer.host,
        buyer.app_id,
        buyer.subject,
        buyer.kind,
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
        INSERT INTO sessions (merchant_id, token_hash, buyer_id, host, app_id, subject, kind, sealed_session_key,
                              created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        buyer.merchant_id,
        token_hash,
        buyer.buyer_id,
        buyer.host,
        buyer.app_id,
        buyer.subject,
        buyer.kind,
        sealed_session_key,
        at,
        until,
    )


async def session(db: Db, merchant_id: str, token_hash: bytes) -> tuple[BuyerPrincipal, datetime] | None:
    """Whose session it is, and until when."""
    row = await db.fetch_row(
        """
        SELECT merchant_id, buyer_id, host, app_id, subject, kind, expires_at FROM sessions
        WHERE merchant_id = $1 AND token_hash = $2
        """,
        merchant_id,
        token_hash,
    )
    return (_principal(row), row["expires_at"]) if row else None


def _principal(row: Row) -> BuyerPrincipal:
    named = (row["merchant_id"], row["buyer_id"], row["host"], row["app_id"], row["subject"])
    return BuyerPrincipal(*named, SubjectKind(row["kind"]))


def delete_sessions(tx: Tx, expired_before: datetime) -> None:
    tx.write("DELETE FROM sessions WHERE expires_at < $1", expired_before)


def delete_codes(tx: Tx, used_before: datetime) -> None:
    tx.write("DELETE FROM login_codes WHERE used_at < $1", used_before)


# Phone numbers ----------------------------------------------------------------------------------------------------


def keep_phone(tx: Tx, merchant_id: str, buyer_id: str, sealed_phone: bytes, at: datetime) -> None:
    tx.write(
        "UPDATE buyers SET sealed_phone = $3, phone_at = $4 WHERE merchant_id = $1 AND buyer_id = $2",
        merchant_id,
        buyer_id,
        sealed_phone,
        at,
        rows=1,
    )


async def phone(db: Db, merchant_id: str, buyer_id: str) -> Row | None:
    """Null in both columns: the buyer has shown none."""
    sql = "SELECT sealed_phone, phone_at FROM buyers WHERE merchant_id = $1 AND buyer_id = $2"
    return await db.fetch_row(sql, merchant_id, buyer_id)


async def phones_sealed_otherwise(db: Db, key_id: str, limit: int) -> list[Row]:
    """Numbers that are not under this master key."""
    return await db.fetch(
        """
        SELECT merchant_id, buyer_id, sealed_phone FROM buyers
        WHERE substring(sealed_phone FROM 2 FOR get_byte(sealed_phone, 0)) <> $1 LIMIT $2
        """,
        key_id.encode(),
        limit,
    )


def exchange_phone_seal(tx: Tx, before: Row, sealed_phone: bytes) -> None:
    """Put the same number, sealed anew; Conflict when another came in meanwhile."""
    tx.write(
        "UPDATE buyers SET sealed_phone = $4 WHERE merchant_id = $1 AND buyer_id = $2 AND sealed_phone = $3",
        before["merchant_id"],
        before["buyer_id"],
        before["sealed_phone"],
        sealed_phone,
        rows=1,
    )
