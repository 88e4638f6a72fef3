"""The record's own SQL: what still waits, and what was acknowledged and is not there."""

from __future__ import annotations

from datetime import datetime

from tongbao.kit.db import Db, Row

_WAITING = {
    "attempts that were paid": """
        SELECT count(*) AS count, min(ask_at) AS due_at FROM attempts
        WHERE attempt_id = ANY($1::text[]) AND state IN ('created', 'pending', 'failed', 'closed')
    """,
    "surplus to send back": """
        SELECT count(*) AS count, min(return_at) AS due_at FROM attempts
        WHERE return_at IS NOT NULL AND cardinality($1::text[]) >= 0
    """,
    "refunds": """
        SELECT count(*) AS count, min(ask_at) AS due_at FROM refunds
        WHERE state IN ('requested', 'sent') AND cardinality($1::text[]) >= 0
    """,
    "webhooks": """
        SELECT count(*) AS count, min(d.due_at) AS due_at FROM deliveries d
        JOIN webhook_endpoints USING (merchant_id, endpoint_id)
        WHERE d.state = 'pending' AND url = ANY($1::text[])
    """,
}


async def waiting(
    db: Db, paid_attempt_ids: list[str], living_urls: list[str]
) -> dict[str, tuple[int, datetime | None]]:
    """What is still under way."""
    found = {}
    for what, sql in _WAITING.items():
        row = await db.fetch_row(sql, living_urls if what == "webhooks" else paid_attempt_ids)
        if row and row["count"]:
            found[what] = (row["count"], row["due_at"])
    return found


async def missing(db: Db, kind: str, ids: list[tuple[str, str]]) -> list[str]:
    """Which of these (merchant, id) of kind `order`, `attempt` or `refund` are not there."""
    rows = await db.fetch(
        f"SELECT id FROM unnest($1::text[], $2::text[]) AS known (merchant_id, id)"
        f" WHERE NOT EXISTS (SELECT FROM {kind}s t WHERE t.merchant_id = known.merchant_id AND t.{kind}_id = known.id)",
        [merchant_id for merchant_id, _ in ids],
        [each for _, each in ids],
    )
    return [row["id"] for row in rows]


async def events_of(db: Db, merchant_id: str) -> list[Row]:
    """Every event of a merchant with the address and state of each of its deliveries (none where it has none)."""
    return await db.fetch(
        """
        SELECT event_id, type, payload, url, d.state FROM events
        LEFT JOIN deliveries d USING (merchant_id, event_id)
        LEFT JOIN webhook_endpoints USING (merchant_id, endpoint_id)
        WHERE events.merchant_id = $1 ORDER BY event_id
        """,
        merchant_id,
    )


async def refunds_sent(db: Db) -> list[tuple[str, str]]:
    """Every refund that is on its way, and the attempt it is of."""
    rows = await db.fetch("SELECT refund_id, attempt_id FROM refunds WHERE state = 'sent' ORDER BY refund_id")
    return [(row["refund_id"], row["attempt_id"]) for row in rows]


async def move_clocks(db: Db, offset_seconds: float) -> None:
    """Tell every running server to move its clock."""
    await db.fetch("SELECT pg_notify('tongbao', $1)", f"clock {offset_seconds:.3f}")


async def states(db: Db, table: str) -> dict[str, int]:
    """How many attempts or refunds are in each state."""
    rows = await db.fetch(f"SELECT state, count(*) AS count FROM {table} GROUP BY state ORDER BY state")
    return {row["state"]: row["count"] for row in rows}
