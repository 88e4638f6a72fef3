"""The auditor's SQL: each account of the ledger against the payments and refunds it should come to, in one look."""

from __future__ import annotations

from tongbao.kit.db import Db

_SUMS = """
    WITH lines AS (
        SELECT debit_account AS account, amount FROM postings WHERE merchant_id = $1
        UNION ALL SELECT credit_account, -amount FROM postings WHERE merchant_id = $1
    ),
    collected AS (
        SELECT account_id, coalesce(received_amount, amount) AS amount,
               CASE state WHEN 'succeeded' THEN 'merchant' ELSE 'surplus' END AS owed
        FROM attempts WHERE merchant_id = $1 AND state IN ('succeeded', 'surplus')
    ),
    given AS (
        SELECT account_id, amount, origin AS owed, state FROM refunds WHERE merchant_id = $1 AND state <> 'closed'
    ),
    wanted AS (
        SELECT 'clearing:' || account_id AS account, amount FROM collected
        UNION ALL SELECT owed, -amount FROM collected
        UNION ALL SELECT owed, amount FROM given
        UNION ALL SELECT CASE state WHEN 'succeeded' THEN 'clearing:' || account_id ELSE 'refunding' END, -amount
        FROM given
    ),
    sums AS (
        SELECT account, sum(ours)::bigint AS ours, sum(should)::bigint AS should FROM (
            SELECT account, amount AS ours, 0 AS should FROM lines
            UNION ALL SELECT account, 0, amount FROM wanted
        ) each GROUP BY account
    )
    SELECT 'account ' || account || ' holds ' || ours || ' fen and should hold ' || should AS wrong
    FROM sums WHERE ours <> should
    UNION ALL
    SELECT 'all accounts together hold ' || sum(ours) || ' fen' FROM sums HAVING sum(ours) <> 0
"""

_TAKEN = """
    SELECT 'attempt ' || attempt_id || ' of ' || a.amount || ' fen counts ' || a.refunded || ' as gone, its refunds '
           || coalesce(sum(r.amount), 0) AS wrong
    FROM attempts a LEFT JOIN (SELECT * FROM refunds WHERE state <> 'closed') r USING (merchant_id, attempt_id)
    WHERE a.merchant_id = $1
    GROUP BY merchant_id, attempt_id, a.amount, a.received_amount, a.refunded
    HAVING a.refunded <> coalesce(sum(r.amount), 0) OR a.refunded > coalesce(a.received_amount, a.amount)
"""


async def wrongs(db: Db, merchant_id: str) -> list[str]:
    """What does not add up at this moment. Each half is one statement, and so sees one moment."""
    return [row["wrong"] for sql in (_SUMS, _TAKEN) for row in await db.fetch(sql, merchant_id)]
