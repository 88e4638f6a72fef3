"""The SQL of `webhooks`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from tongbao.kit.db import Db, Row, Tx
from tongbao.webhooks.model import Delivery, Endpoint, Parcel, Result, Try

_ENDPOINT = "merchant_id, endpoint_id, url, status, per_order, previous_until, created_at"

# Endpoints ----------------------------------------------------------------------------------------------------------


async def endpoint(tx: Tx, merchant_id: str, endpoint_id: str) -> Endpoint | None:
    row = await tx.fetch_row(
        f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE merchant_id = $1 AND endpoint_id = $2",
        merchant_id,
        endpoint_id,
    )
    return Endpoint(**row) if row else None


async def endpoint_at(tx: Tx, merchant_id: str, url: str) -> Endpoint | None:
    row = await tx.fetch_row(
        f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE merchant_id = $1 AND url = $2", merchant_id, url
    )
    return Endpoint(**row) if row else None


async def endpoints(db: Db, merchant_id: str) -> list[Endpoint]:
    rows = await db.fetch(
        f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE merchant_id = $1 ORDER BY endpoint_id", merchant_id
    )
    return [Endpoint(**row) for row in rows]


async def sealed_secret(db: Db, merchant_id: str, endpoint_id: str) -> bytes | None:
    row = await db.fetch_row(
        "SELECT sealed_secret FROM webhook_endpoints WHERE merchant_id = $1 AND endpoint_id = $2",
        merchant_id,
        endpoint_id,
    )
    return row["sealed_secret"] if row else None


def add_endpoint(tx: Tx, new: Endpoint, sealed: bytes) -> None:
    """For an order's own URL one that is there already stays as it is."""
    tx.write(
        "INSERT INTO webhook_endpoints (merchant_id, endpoint_id, url, status, per_order, created_at, sealed_secret)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
        + (" ON CONFLICT (merchant_id, url) DO NOTHING" if new.per_order else ""),
        new.merchant_id,
        new.endpoint_id,
        new.url,
        new.status,
        new.per_order,
        new.created_at,
        sealed,
    )


def rotate_secret(tx: Tx, merchant_id: str, endpoint_id: str, sealed: bytes, previous_until: datetime) -> None:
    tx.write(
        "UPDATE webhook_endpoints SET sealed_secret = $3, sealed_previous = sealed_secret, previous_until = $4"
        " WHERE merchant_id = $1 AND endpoint_id = $2",
        merchant_id,
        endpoint_id,
        sealed,
        previous_until,
        rows=1,
    )


def set_status(tx: Tx, merchant_id: str, endpoint_id: str, status: str) -> None:
    tx.write(
        "UPDATE webhook_endpoints SET status = $3 WHERE merchant_id = $1 AND endpoint_id = $2",
        merchant_id,
        endpoint_id,
        status,
        rows=1,
    )


def exhaust(tx: Tx, merchant_id: str, endpoint_id: str) -> None:
    """Give up what waits for an endpoint."""
    tx.write(
        "UPDATE deliveries SET state = 'exhausted', due_at = NULL"
        " WHERE merchant_id = $1 AND endpoint_id = $2 AND due_at IS NOT NULL",
        merchant_id,
        endpoint_id,
    )


async def sealed_otherwise(db: Db, key_id: str, limit: int) -> list[Row]:
    """Endpoints with a secret that is not under this master key."""
    return await db.fetch(
        "SELECT merchant_id, endpoint_id, sealed_secret, sealed_previous FROM webhook_endpoints"
        " WHERE substring(sealed_secret FROM 2 FOR get_byte(sealed_secret, 0)) <> $1"
        " OR substring(sealed_previous FROM 2 FOR get_byte(sealed_previous, 0)) <> $1 LIMIT $2",
        key_id.encode(),
        limit,
    )


def exchange_seals(tx: Tx, before: Row, sealed: bytes, sealed_previous: bytes | None) -> None:
    """Put the same secrets, sealed anew; Conflict when they were rotated meanwhile."""
    tx.write(
        "UPDATE webhook_endpoints SET sealed_secret = $4, sealed_previous = $5"
        " WHERE merchant_id = $1 AND endpoint_id = $2 AND sealed_secret = $3",
        before["merchant_id"],
        before["endpoint_id"],
        before["sealed_secret"],
        sealed,
        sealed_previous,
        rows=1,
    )


# Events and their deliveries ----------------------------------------------------------------------------------------


def add_event(
    tx: Tx,
    merchant_id: str,
    event_id: str,
    type: str,
    order_id: str,
    attempt_id: str | None,
    change_key: str,
    payload: str,
    at: datetime,
) -> None:
    tx.write(
        "INSERT INTO events (merchant_id, event_id, type, order_id, attempt_id, change_key, payload, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        merchant_id,
        event_id,
        type,
        order_id,
        attempt_id,
        change_key,
        payload,
        at,
        rows=1,
    )


def add_deliveries(tx: Tx, merchant_id: str, event_id: str, notify_url: str | None, at: datetime) -> None:
    """One for each endpoint that is to be told, chosen by the database: the hot path asks for no list."""
    tx.write(
        "INSERT INTO deliveries (merchant_id, event_id, endpoint_id, state, due_at, created_at)"
        " SELECT merchant_id, $2::text, endpoint_id, 'pending', $3::timestamptz, $3::timestamptz"
        " FROM webhook_endpoints WHERE merchant_id = $1 AND NOT per_order AND status = 'active'"
        " UNION ALL SELECT merchant_id, $2, endpoint_id, 'pending', $3, $3"
        " FROM webhook_endpoints WHERE merchant_id = $1 AND url = $4 AND per_order AND status = 'active'",
        merchant_id,
        event_id,
        at,
        notify_url,
    )


def add_delivery_again(tx: Tx, merchant_id: str, event_id: str, endpoint_id: str, at: datetime) -> None:
    """Make a delivery due, from its first try on, whether it was there or not."""
    tx.write(
        "INSERT INTO deliveries (merchant_id, event_id, endpoint_id, state, due_at, created_at)"
        " VALUES ($1, $2, $3, 'pending', $4, $4) ON CONFLICT (merchant_id, event_id, endpoint_id)"
        " DO UPDATE SET state = 'pending', due_at = excluded.due_at, tries = 0, delivered_at = NULL",
        merchant_id,
        event_id,
        endpoint_id,
        at,
        rows=1,
    )


async def is_event(tx: Tx, merchant_id: str, event_id: str) -> bool:
    row = await tx.fetch_row("SELECT 1 FROM events WHERE merchant_id = $1 AND event_id = $2", merchant_id, event_id)
    return row is not None


async def active_recipients(tx: Tx, merchant_id: str, event_id: str) -> list[str]:
    """The endpoints an event went to, those that are still active."""
    rows = await tx.fetch(
        "SELECT endpoint_id FROM deliveries JOIN webhook_endpoints USING (merchant_id, endpoint_id)"
        " WHERE merchant_id = $1 AND event_id = $2 AND status = 'active' ORDER BY endpoint_id",
        merchant_id,
        event_id,
    )
    return [row["endpoint_id"] for row in rows]


# The log ------------------------------------------------------------------------------------------------------------


async def deliveries(
    db: Db,
    merchant_id: str,
    order_id: str | None,
    event_id: str | None,
    endpoint_id: str | None,
    state: str | None,
    limit: int,
) -> list[Delivery]:
    rows = await db.fetch(
        "SELECT merchant_id, event_id, endpoint_id, url, type, order_id, attempt_id, state, tries, due_at,"
        " deliveries.created_at, delivered_at"
        " FROM deliveries JOIN events USING (merchant_id, event_id)"
        " JOIN webhook_endpoints USING (merchant_id, endpoint_id)"
        " WHERE merchant_id = $1 AND ($2::text IS NULL OR order_id = $2) AND ($3::text IS NULL OR event_id = $3)"
        " AND ($4::text IS NULL OR endpoint_id = $4) AND ($5::text IS NULL OR state = $5)"
        " ORDER BY event_id DESC, endpoint_id LIMIT $6",
        merchant_id,
        order_id,
        event_id,
        endpoint_id,
        state,
        limit,
    )
    return [Delivery(**row) for row in rows]


async def tries(db: Db, merchant_id: str, event_id: str, endpoint_id: str) -> list[Try]:
    rows = await db.fetch(
        "SELECT tried_at, status, outcome, duration_ms FROM delivery_tries"
        " WHERE merchant_id = $1 AND event_id = $2 AND endpoint_id = $3 ORDER BY tried_at",
        merchant_id,
        event_id,
        endpoint_id,
    )
    return [Try(**row) for row in rows]


async def payload(db: Db, merchant_id: str, event_id: str) -> str | None:
    row = await db.fetch_row(
        "SELECT payload FROM events WHERE merchant_id = $1 AND event_id = $2", merchant_id, event_id
    )
    return row["payload"] if row else None


async def purge(db: Db, before: datetime, limit: int) -> int:
    """Forget final deliveries with their tries. The oldest lie first in the table, so a full batch is found quickly."""
    rows = await db.fetch(
        "WITH old AS (SELECT merchant_id, event_id, endpoint_id FROM deliveries"
        " WHERE due_at IS NULL AND created_at < $1 LIMIT $2), forgotten AS (DELETE FROM delivery_tries"
        " WHERE (merchant_id, event_id, endpoint_id) IN (SELECT merchant_id, event_id, endpoint_id FROM old))"
        " DELETE FROM deliveries WHERE (merchant_id, event_id, endpoint_id)"
        " IN (SELECT merchant_id, event_id, endpoint_id FROM old) RETURNING 1",
        before,
        limit,
    )
    return len(rows)


async def backlog(db: Db, now: datetime) -> tuple[int, datetime | None]:
    """How many deliveries are due, and since when the oldest of them is."""
    row = await db.fetch_row("SELECT count(*) AS due, min(due_at) AS since FROM deliveries WHERE due_at <= $1", now)
    return (row["due"], row["since"]) if row else (0, None)


# Delivering ---------------------------------------------------------------------------------------------------------


_LANE = "merchant_id, endpoint_id, url, status, sealed_secret, sealed_previous, previous_until"


async def lanes_due(db: Db, now: datetime, limit: int) -> list[Row]:
    """The endpoints of the `limit` deliveries that have been due longest, and how many each has among them (`due`)."""
    return await db.fetch(
        "WITH longest AS (SELECT merchant_id, endpoint_id, due_at FROM deliveries WHERE due_at <= $1"
        " ORDER BY due_at LIMIT $2), lane AS (SELECT merchant_id, endpoint_id, min(due_at) AS due_at, count(*) AS due"
        " FROM longest GROUP BY merchant_id, endpoint_id)"
        f" SELECT {_LANE}, due FROM lane JOIN webhook_endpoints USING (merchant_id, endpoint_id) ORDER BY due_at",
        now,
        limit,
    )


async def all_lanes_due(db: Db, now: datetime) -> list[Row]:
    """All endpoints for which something is due, however much is due for some.

    The recursion jumps along the index from one endpoint to the next, so its cost grows with the endpoints that wait
    for something, not with what waits for them: a backlog of a million for one dead endpoint is a single jump.
    """
    return await db.fetch(
        "WITH RECURSIVE lane AS ("
        " (SELECT merchant_id, endpoint_id, due_at FROM deliveries WHERE due_at IS NOT NULL"
        "  ORDER BY endpoint_id, due_at LIMIT 1)"
        " UNION ALL SELECT further.* FROM lane CROSS JOIN LATERAL"
        " (SELECT merchant_id, endpoint_id, due_at FROM deliveries WHERE due_at IS NOT NULL"
        "  AND endpoint_id > lane.endpoint_id ORDER BY endpoint_id, due_at LIMIT 1) AS further)"
        f" SELECT {_LANE} FROM lane JOIN webhook_endpoints USING (merchant_id, endpoint_id)"
        " WHERE due_at <= $1 ORDER BY due_at",
        now,
    )


_HOLD = (
    "WITH picked AS MATERIALIZED (SELECT due.* FROM unnest($1::text[], $2::int[]) AS lane (endpoint_id, room)"
    " CROSS JOIN LATERAL (SELECT ctid AS place FROM deliveries WHERE due_at IS NOT NULL"
    "  AND (endpoint_id, due_at) >= (lane.endpoint_id, '-infinity'::timestamptz)"
    "  AND (endpoint_id, due_at) <= (lane.endpoint_id, $3) ORDER BY endpoint_id, due_at LIMIT lane.room"
    "  FOR UPDATE SKIP LOCKED) AS due)"
    " UPDATE deliveries AS d SET due_at = $4 WHERE d.ctid = ANY (ARRAY(SELECT place FROM picked))"
    " RETURNING d.merchant_id, d.event_id, d.endpoint_id, d.tries,"
    " (SELECT payload FROM events AS e WHERE e.merchant_id = d.merchant_id AND e.event_id = d.event_id) AS payload"
)


async def claim(db: Db, rooms: Sequence[tuple[str, int]], now: datetime, held_until: datetime) -> list[Parcel]:
    """Hold due deliveries: of each (endpoint, how many) the longest waiting, passing by what others hold.

    The comparison of pairs leaves PostgreSQL one way to go, the index of the endpoint: it has only what is due, which
    the statement must say too, and it names no merchant, whose every delivery might be read. With two plain conditions
    it may walk through everybody's queue instead, and one long queue would slow all others down. What was picked is
    updated where it lies: by its key the planner would read the whole table for it.
    """
    rows = await db.fetch(
        _HOLD,
        [endpoint_id for endpoint_id, _ in rooms],
        [room for _, room in rooms],
        now,
        held_until,
    )
    return [Parcel(**row, held_until=held_until) for row in rows]


async def record(db: Db, results: Iterable[Result]) -> None:
    """Write many tries, and the state each leaves its delivery in, as one statement.

    A delivery that was replayed or taken over meanwhile is no longer ours and stays as it is."""
    columns = zip(
        *(
            (
                *(result.parcel.merchant_id, result.parcel.event_id, result.parcel.endpoint_id),
                *(result.parcel.held_until, result.state, result.due_at),
                *(result.tried.tried_at, result.tried.status, result.tried.outcome, result.tried.duration_ms),
            )
            for result in results
        ),
        strict=True,
    )
    await db.fetch(
        "WITH result AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[],"
        " $6::timestamptz[], $7::timestamptz[], $8::int[], $9::text[], $10::int[])"
        " AS r (merchant_id, event_id, endpoint_id, held_until, state, due_at,"
        " tried_at, status, outcome, duration_ms)),"
        " logged AS (INSERT INTO delivery_tries"
        " (merchant_id, event_id, endpoint_id, tried_at, status, outcome, duration_ms)"
        " SELECT merchant_id, event_id, endpoint_id, tried_at, status, outcome, duration_ms FROM result"
        " ON CONFLICT DO NOTHING)"
        " UPDATE deliveries AS d SET state = r.state, due_at = r.due_at, tries = d.tries + 1,"
        " delivered_at = CASE WHEN r.state = 'delivered' THEN r.tried_at END"
        " FROM result AS r WHERE d.merchant_id = r.merchant_id AND d.event_id = r.event_id"
        " AND d.endpoint_id = r.endpoint_id AND d.due_at = r.held_until",
        *columns,
    )
