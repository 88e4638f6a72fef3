"""The SQL of the invariants. Each query returns what is wrong, so an empty answer is the good one."""

from __future__ import annotations

from tongbao.kit.db import Db, Row

UNBALANCED = """
    SELECT currency || ': debits and credits differ by ' || sum(side) AS wrong FROM (
        SELECT currency, amount AS side FROM postings WHERE merchant_id = $1
        UNION ALL SELECT currency, -amount FROM postings WHERE merchant_id = $1
    ) sides GROUP BY currency HAVING sum(side) <> 0
"""

PAID_WRONGLY = """
    SELECT 'order ' || o.order_id || ' is ' || o.status || ' with ' || count(a.attempt_id)
           || ' succeeded attempts' AS wrong
    FROM orders o LEFT JOIN attempts a
      ON a.merchant_id = o.merchant_id AND a.order_id = o.order_id AND a.state = 'succeeded'
    WHERE o.merchant_id = $1
    GROUP BY o.merchant_id, o.order_id, o.status, o.paid_attempt_id
    HAVING count(a.attempt_id) <> CASE WHEN o.status = 'paid' THEN 1 ELSE 0 END
        OR (o.status = 'paid' AND max(a.attempt_id) IS DISTINCT FROM o.paid_attempt_id)
"""

POSTED_WRONGLY = """
    SELECT 'attempt ' || a.attempt_id || ' is ' || a.state || ' of ' || a.amount || ' fen, posted: '
           || coalesce(sum(p.amount)::text, 'nothing') AS wrong
    FROM attempts a LEFT JOIN postings p USING (merchant_id, attempt_id)
    WHERE a.merchant_id = $1
    GROUP BY a.merchant_id, a.attempt_id, a.state, a.amount
    HAVING coalesce(sum(p.amount), 0) <> CASE WHEN a.state IN ('succeeded', 'surplus') THEN a.amount ELSE 0 END
    UNION ALL
    SELECT 'posting ' || posting_id || ' moves from ' || debit_account || ' to ' || credit_account || ' for attempt '
           || attempt_id || ', which is ' || state
    FROM postings p JOIN attempts a USING (merchant_id, attempt_id)
    WHERE p.merchant_id = $1
      AND (debit_account <> 'clearing:' || account_id
           OR credit_account <> CASE state WHEN 'succeeded' THEN 'merchant' ELSE 'surplus' END)
    UNION ALL
    SELECT 'order ' || o.order_id || ' of ' || o.amount || ' fen was paid by an attempt of ' || a.amount
    FROM orders o JOIN attempts a ON a.merchant_id = o.merchant_id AND a.attempt_id = o.paid_attempt_id
    WHERE o.merchant_id = $1 AND (o.amount, o.currency) <> (a.amount, a.currency)
"""

MOVED_WRONGLY = """
    SELECT 'attempt ' || attempt_id || ' is final (' || state || ') and still to be asked about' AS wrong
    FROM attempts
    WHERE merchant_id = $1 AND ask_at IS NOT NULL AND state IN ('succeeded', 'failed', 'closed', 'surplus')
    UNION ALL
    SELECT 'attempt ' || attempt_id || ' is open (' || state || ') and nobody will ask about it'
    FROM attempts WHERE merchant_id = $1 AND ask_at IS NULL AND state IN ('created', 'pending', 'held')
    UNION ALL
    SELECT 'order ' || order_id || ' is open and nobody will close it when it expires'
    FROM orders WHERE merchant_id = $1 AND status = 'open' AND expire_due_at IS NULL
    UNION ALL
    SELECT 'order ' || o.order_id || ' is ' || o.status || ' and attempt ' || a.attempt_id || ' of it is open'
    FROM orders o JOIN attempts a USING (merchant_id, order_id)
    WHERE o.merchant_id = $1 AND o.status = 'closed' AND a.state IN ('created', 'pending')
"""

FROM_NOTHING = """
    SELECT 'posting ' || posting_id || ' of ' || p.amount || ' fen (' || key || ') is of no attempt' AS wrong
    FROM postings p LEFT JOIN attempts a USING (merchant_id, order_id, attempt_id)
    WHERE p.merchant_id = $1 AND a.attempt_id IS NULL
    UNION ALL
    SELECT 'event ' || event_id || ' is to be delivered and is not there'
    FROM deliveries LEFT JOIN events USING (merchant_id, event_id)
    WHERE deliveries.merchant_id = $1 AND events.event_id IS NULL
    UNION ALL
    SELECT 'event ' || event_id || ' is of order ' || order_id || ', which is not there'
    FROM events LEFT JOIN orders USING (merchant_id, order_id)
    WHERE events.merchant_id = $1 AND orders.order_id IS NULL
"""

TOLD_WRONGLY = """
    WITH changes AS (
        SELECT 'order.' || status || ':' || order_id AS change FROM orders
        WHERE merchant_id = $1 AND status IN ('paid', 'closed')
        UNION ALL
        SELECT 'payment.' || state || ':' || attempt_id FROM attempts
        WHERE merchant_id = $1 AND state IN ('surplus', 'held', 'failed')
    )
    SELECT change || ' happened and has ' || count(e.event_id) || ' events' AS wrong
    FROM changes LEFT JOIN events e
      ON e.merchant_id = $1 AND (e.change_key = change OR e.change_key LIKE change || ':%')
    GROUP BY change HAVING count(e.event_id) <> 1
    UNION ALL
    SELECT 'event ' || event_id || ' waits for nothing' FROM deliveries
    WHERE merchant_id = $1 AND state = 'pending' AND due_at IS NULL
"""


async def wrongs(db: Db, query: str, merchant_id: str) -> list[str]:
    return [row["wrong"] for row in await db.fetch(query, merchant_id)]


async def cleared(db: Db, merchant_id: str, clearing_account: str) -> list[Row]:
    """What the clearing account holds of each attempt."""
    return await db.fetch(
        """
        SELECT attempt_id, sum(CASE WHEN debit_account = $2 THEN amount ELSE -amount END)::bigint AS amount
        FROM postings WHERE merchant_id = $1 AND $2 IN (debit_account, credit_account)
        GROUP BY attempt_id
        """,
        merchant_id,
        clearing_account,
    )
