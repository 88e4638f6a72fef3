"""The SQL of orders and attempts. Every statement on the money path names its merchant."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from itertools import islice
from operator import attrgetter

from tongbao.kit.db import Db, Row, Tx
from tongbao.payments.model import Attempt, AttemptState, Order

_ORDER_FIELDS = tuple(field.name for field in fields(Order))
_ATTEMPT_FIELDS = tuple(field.name for field in fields(Attempt))


_order_values = attrgetter(*_ORDER_FIELDS)
_attempt_values = attrgetter(*_ATTEMPT_FIELDS)


def _values(count: int) -> str:
    return ", ".join(f"${number}" for number in range(1, count + 1))


_INSERT_ORDER = f"INSERT INTO orders ({', '.join(_ORDER_FIELDS)}) VALUES ({_values(len(_ORDER_FIELDS))})"
_INSERT_ATTEMPT = f"INSERT INTO attempts ({', '.join(_ATTEMPT_FIELDS)}) VALUES ({_values(len(_ATTEMPT_FIELDS))})"
_ORDER_WITH_ATTEMPTS = f"""
    SELECT {", ".join(f"o.{name} AS o_{name}" for name in _ORDER_FIELDS)},
           {", ".join(f"a.{name} AS a_{name}" for name in _ATTEMPT_FIELDS)}
    FROM orders o LEFT JOIN attempts a USING (merchant_id, order_id)
    WHERE o.merchant_id = $1 AND """
_BY_ORDER = _ORDER_WITH_ATTEMPTS + "o.order_id = $2 ORDER BY a.attempt_id"
_BY_REFERENCE = _ORDER_WITH_ATTEMPTS + "o.reference = $2 ORDER BY a.attempt_id"
# The order's number is looked up first: without it a table that was never analysed is joined by its merchant alone.
_BY_ATTEMPT = _ORDER_WITH_ATTEMPTS + (
    "o.order_id = (SELECT order_id FROM attempts WHERE merchant_id = $1 AND attempt_id = $2)"
    " AND a.attempt_id = $2 AND a.merchant_id = $1"
)


def _order(row: Row) -> Order:
    """The order that the first columns of a row make; those after them are an attempt's."""
    return Order(*islice(row.values(), len(_ORDER_FIELDS)))


def _attempt(row: Row) -> Attempt:
    return Attempt(*islice(row.values(), len(_ORDER_FIELDS), None))


def _with_attempts(rows: list[Row]) -> tuple[Order, tuple[Attempt, ...]] | None:
    if not rows:
        return None
    return _order(rows[0]), tuple(_attempt(row) for row in rows if row["a_attempt_id"] is not None)


def insert_order(tx: Tx, order: Order) -> None:
    tx.write(_INSERT_ORDER, *_order_values(order), rows=1)


def insert_attempt(tx: Tx, attempt: Attempt) -> None:
    tx.write(_INSERT_ATTEMPT, *_attempt_values(attempt), rows=1)


async def order(db: Db | Tx, merchant_id: str, order_id: str) -> tuple[Order, tuple[Attempt, ...]] | None:
    return _with_attempts(await db.fetch(_BY_ORDER, merchant_id, order_id))


async def order_by_reference(db: Db, merchant_id: str, reference: str) -> tuple[Order, tuple[Attempt, ...]] | None:
    return _with_attempts(await db.fetch(_BY_REFERENCE, merchant_id, reference))


async def attempt(db: Db | Tx, merchant_id: str, attempt_id: str) -> tuple[Order, Attempt] | None:
    rows = await db.fetch(_BY_ATTEMPT, merchant_id, attempt_id)
    return (_order(rows[0]), _attempt(rows[0])) if rows else None


def touch_order(tx: Tx, order: Order, buyer_id: str | None) -> None:
    """Raise the version, so that whoever decided on the order as it was before finds it changed.

    An order that named no buyer belongs from now on to the first who starts to pay it.
    """
    tx.write(
        """
        UPDATE orders SET version = version + 1, buyer_id = coalesce(buyer_id, $4)
        WHERE merchant_id = $1 AND order_id = $2 AND version = $3
        """,
        order.merchant_id,
        order.order_id,
        order.version,
        buyer_id,
        rows=1,
    )


def mark_paid(tx: Tx, order: Order, attempt_id: str, paid_at: datetime) -> None:
    tx.write(
        """
        UPDATE orders SET status = 'paid', paid_at = $4, paid_attempt_id = $5, expire_due_at = NULL,
                          version = version + 1
        WHERE merchant_id = $1 AND order_id = $2 AND version = $3
        """,
        order.merchant_id,
        order.order_id,
        order.version,
        paid_at,
        attempt_id,
        rows=1,
    )


def mark_closed(tx: Tx, order: Order, reason: str, at: datetime) -> None:
    tx.write(
        """
        UPDATE orders SET status = 'closed', closed_at = $4, close_reason = $5, expire_due_at = NULL,
                          version = version + 1
        WHERE merchant_id = $1 AND order_id = $2 AND version = $3
        """,
        order.merchant_id,
        order.order_id,
        order.version,
        at,
        reason,
        rows=1,
    )


def mark_prepared(
    tx: Tx,
    attempt: Attempt,
    token: str | None,
    token_until: datetime | None,
    at: datetime,
    refresh_at: datetime | None = None,
) -> None:
    tx.write(
        """
        UPDATE attempts SET state = 'pending', token = $4, token_until = $5, prepared_at = $6, refresh_at = $7,
                            version = version + 1
        WHERE merchant_id = $1 AND attempt_id = $2 AND version = $3 AND state IN ('created', 'pending')
        """,
        attempt.merchant_id,
        attempt.attempt_id,
        attempt.version,
        token,
        token_until,
        at,
        refresh_at,
        rows=1,
    )


def move_attempt(
    tx: Tx,
    attempt: Attempt,
    state: AttemptState,
    *,
    reason: str | None = None,
    at: datetime,
    ask_at: datetime | None = None,
    transaction_id: str | None = None,
    paid_at: datetime | None = None,
    received_amount: int | None = None,
    return_at: datetime | None = None,
) -> None:
    tx.write(
        """
        UPDATE attempts SET state = $4, reason = $5, settled_at = $6, ask_at = $7,
                            transaction_id = coalesce($8, transaction_id), paid_at = coalesce($9, paid_at),
                            received_amount = $10, return_at = $11, refresh_at = NULL, version = version + 1
        WHERE merchant_id = $1 AND attempt_id = $2 AND version = $3
        """,
        attempt.merchant_id,
        attempt.attempt_id,
        attempt.version,
        state,
        reason,
        at,
        ask_at,
        transaction_id,
        paid_at,
        received_amount,
        return_at,
        rows=1,
    )


async def attempts_to_return(db: Db, now: datetime, limit: int) -> list[tuple[str, str]]:
    rows = await db.fetch(
        "SELECT merchant_id, attempt_id FROM attempts WHERE return_at <= $1 ORDER BY return_at LIMIT $2", now, limit
    )
    return [(row["merchant_id"], row["attempt_id"]) for row in rows]


def take_back(tx: Tx, attempt: Attempt, amount: int) -> None:
    """Set money of a payment aside for a refund: never more than it collected, whoever asks at the same time.

    Relative, and without the version: of two at once the second waits for the first and then sees what is left.
    """
    tx.write(
        """
        UPDATE attempts SET refunded = refunded + $3, return_at = NULL
        WHERE merchant_id = $1 AND attempt_id = $2 AND state IN ('succeeded', 'surplus')
          AND refunded + $3 <= coalesce(received_amount, amount)
        """,
        attempt.merchant_id,
        attempt.attempt_id,
        amount,
        rows=1,
    )


def change_refunded(tx: Tx, merchant_id: str, attempt_id: str, amount: int) -> None:
    """A refund did not go back after all (a negative amount), or did although we had given it up."""
    tx.write(
        "UPDATE attempts SET refunded = refunded + $3 WHERE merchant_id = $1 AND attempt_id = $2",
        merchant_id,
        attempt_id,
        amount,
        rows=1,
    )


async def attempts_to_ask(db: Db, now: datetime, limit: int) -> list[tuple[str, str, str]]:
    """The attempts whose time has come: merchant, attempt and account."""
    sql = "SELECT merchant_id, attempt_id, account_id FROM attempts WHERE ask_at <= $1 ORDER BY ask_at LIMIT $2"
    return [(*row.values(),) for row in await db.fetch(sql, now, limit)]


def plan_ask(tx: Tx, attempt: Attempt, ask_at: datetime) -> None:
    """Claim the asking: of two workers one finds the count changed. The version stays, asking decides nothing."""
    tx.write(
        """
        UPDATE attempts SET ask_at = $4, asked = asked + 1
        WHERE merchant_id = $1 AND attempt_id = $2 AND asked = $3 AND ask_at IS NOT NULL
        """,
        attempt.merchant_id,
        attempt.attempt_id,
        attempt.asked,
        ask_at,
        rows=1,
    )


def mark_reversing(tx: Tx, attempt: Attempt, reason: str | None) -> None:
    """Remember that the gateway is asked to undo a payment, or that it refused; unless that has moved meanwhile."""
    tx.write(
        """
        UPDATE attempts SET reason = $4, version = version + 1
        WHERE merchant_id = $1 AND attempt_id = $2 AND version = $3 AND state IN ('created', 'pending')
        """,
        attempt.merchant_id,
        attempt.attempt_id,
        attempt.version,
        reason,
        rows=1,
    )


def look_at(tx: Tx, attempt: Attempt, at: datetime | None) -> None:
    """Ask about an attempt that has ended once more; or no more. Twice is harmless, so any number of rows will do."""
    sql = "UPDATE attempts SET ask_at = $4 WHERE merchant_id = $1 AND attempt_id = $2 AND version = $3"
    tx.write(sql, attempt.merchant_id, attempt.attempt_id, attempt.version, at)


async def attempts_to_refresh(db: Db, now: datetime, limit: int) -> list[tuple[str, str]]:
    rows = await db.fetch(
        "SELECT merchant_id, attempt_id FROM attempts WHERE refresh_at <= $1 ORDER BY refresh_at LIMIT $2", now, limit
    )
    return [(row["merchant_id"], row["attempt_id"]) for row in rows]


def plan_refresh(tx: Tx, attempt: Attempt, refresh_at: datetime | None) -> None:
    """Claim the preparing: of two workers one finds the time moved."""
    tx.write(
        "UPDATE attempts SET refresh_at = $4 WHERE merchant_id = $1 AND attempt_id = $2 AND refresh_at = $3",
        attempt.merchant_id,
        attempt.attempt_id,
        attempt.refresh_at,
        refresh_at,
        rows=1,
    )


async def orders_to_expire(db: Db, now: datetime, limit: int) -> list[tuple[str, str, datetime]]:
    rows = await db.fetch(
        """
        SELECT merchant_id, order_id, expire_due_at FROM orders
        WHERE expire_due_at <= $1 ORDER BY expire_due_at LIMIT $2
        """,
        now,
        limit,
    )
    return [(row["merchant_id"], row["order_id"], row["expire_due_at"]) for row in rows]


def plan_expiry(tx: Tx, merchant_id: str, order_id: str, due_at: datetime, again_at: datetime) -> None:
    """Claim the expiring: of two workers one finds the time moved."""
    tx.write(
        "UPDATE orders SET expire_due_at = $4 WHERE merchant_id = $1 AND order_id = $2 AND expire_due_at = $3",
        merchant_id,
        order_id,
        due_at,
        again_at,
        rows=1,
    )


async def backlog(db: Db, now: datetime) -> dict[str, tuple[int, float]]:
    """What is due and waits, by kind: how many, and for how many seconds the oldest has waited."""
    rows = await db.fetch(
        """
        SELECT 'chase' AS kind, count(*) AS n, min(ask_at) AS since FROM attempts WHERE ask_at <= $1
        UNION ALL SELECT 'expiry', count(*), min(expire_due_at) FROM orders WHERE expire_due_at <= $1
        UNION ALL SELECT 'prefetch', count(*), min(refresh_at) FROM attempts WHERE refresh_at <= $1
        UNION ALL SELECT 'surplus', count(*), min(return_at) FROM attempts WHERE return_at <= $1
        """,
        now,
    )
    return {row["kind"]: (row["n"], (now - row["since"]).total_seconds() if row["since"] else 0.0) for row in rows}
