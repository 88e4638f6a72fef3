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
    SELECT 'attempt ' || a.attempt_id || ' is ' || a.state || ' of ' || coalesce(a.received_amount, a.amount)
           || ' fen, posted: ' || coalesce(sum(p.amount)::text, 'nothing') AS wrong
    FROM attempts a LEFT JOIN postings p
      ON p.merchant_id = a.merchant_id AND p.attempt_id = a.attempt_id AND p.key LIKE 'payment:%'
    WHERE a.merchant_id = $1
    GROUP BY a.merchant_id, a.attempt_id, a.state, a.amount, a.received_amount
    HAVING coalesce(sum(p.amount), 0)
        <> CASE WHEN a.state IN ('succeeded', 'surplus') THEN coalesce(a.received_amount, a.amount) ELSE 0 END
    UNION ALL
    SELECT 'posting ' || posting_id || ' moves from ' || debit_account || ' to ' || credit_account || ' for attempt '
           || attempt_id || ', which is ' || state
    FROM postings p JOIN attempts a USING (merchant_id, attempt_id)
    WHERE p.merchant_id = $1 AND p.key LIKE 'payment:%'
      AND (debit_account <> 'clearing:' || account_id
           OR credit_account <> CASE state WHEN 'succeeded' THEN 'merchant' ELSE 'surplus' END)
    UNION ALL
    SELECT 'order ' || o.order_id || ' of ' || o.amount || ' fen was paid by an attempt of ' || a.amount
    FROM orders o JOIN attempts a ON a.merchant_id = o.merchant_id AND a.attempt_id = o.paid_attempt_id
    WHERE o.merchant_id = $1 AND (o.amount, o.currency) <> (a.amount, a.currency)
"""

REFUNDED_WRONGLY = """
    SELECT 'attempt ' || a.attempt_id || ' (' || a.state || ') collected ' || coalesce(a.received_amount, a.amount)
           || ' fen, counts ' || a.refunded || ' as given back, and has refunds of ' || coalesce(sum(r.amount), 0)
           AS wrong
    FROM attempts a LEFT JOIN refunds r
      ON r.merchant_id = a.merchant_id AND r.attempt_id = a.attempt_id AND r.state <> 'closed'
    WHERE a.merchant_id = $1
    GROUP BY a.merchant_id, a.attempt_id, a.state, a.amount, a.received_amount, a.refunded
    HAVING a.refunded <> coalesce(sum(r.amount), 0)
        OR a.refunded
           > CASE WHEN a.state IN ('succeeded', 'surplus') THEN coalesce(a.received_amount, a.amount) ELSE 0 END
"""

# What a refund's postings must come to: out of what we owed, into what is on its way, at the end out of the gateway.
REFUND_POSTED_WRONGLY = """
    WITH moved AS (
        SELECT r.refund_id, r.state, r.state_reason, r.origin, r.amount,
               coalesce(sum(p.amount) FILTER (WHERE p.debit_account = owed), 0)
                 - coalesce(sum(p.amount) FILTER (WHERE p.credit_account = owed), 0) AS taken,
               coalesce(sum(p.amount) FILTER (WHERE p.credit_account = 'clearing:' || r.account_id), 0) AS gone
        FROM (SELECT *, CASE origin WHEN 'surplus' THEN 'surplus' ELSE 'merchant' END AS owed
              FROM refunds WHERE merchant_id = $1) r
        LEFT JOIN postings p
          ON p.merchant_id = r.merchant_id AND p.order_id = r.order_id AND p.key LIKE 'refund:' || r.refund_id || ':%'
        GROUP BY r.refund_id, r.state, r.state_reason, r.origin, r.amount
    )
    SELECT 'refund ' || refund_id || ' of ' || amount || ' fen is ' || state || ', and ' || taken
           || ' were taken from what we owe, ' || gone || ' left the gateway' AS wrong
    FROM moved
    WHERE taken <> CASE WHEN state = 'closed' OR state_reason = 'handled_outside' AND origin = 'merchant' THEN 0
                        ELSE amount END
       OR gone <> CASE state WHEN 'succeeded' THEN amount ELSE 0 END
"""

MOVED_WRONGLY = """
    SELECT 'attempt ' || attempt_id || ' is final (' || state || ') and still to be asked about' AS wrong
    FROM attempts
    WHERE merchant_id = $1 AND ask_at IS NOT NULL AND state IN ('succeeded', 'failed', 'surplus')
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
    UNION ALL
    SELECT 'refund ' || refund_id || ' is ' || state || CASE WHEN ask_at IS NULL THEN ' and nobody will ask about it'
           ELSE ' and still to be asked about' END
    FROM refunds
    WHERE merchant_id = $1 AND (ask_at IS NULL) <> (state IN ('succeeded', 'closed'))
    UNION ALL
    SELECT 'attempt ' || attempt_id || ' is surplus, and ' || coalesce(received_amount, amount) - refunded
           || ' fen of it are neither sent back nor anybody''s case'
    FROM attempts a
    WHERE merchant_id = $1 AND state = 'surplus' AND refunded < coalesce(received_amount, amount) AND return_at IS NULL
      AND NOT EXISTS (SELECT FROM cases c WHERE c.merchant_id = a.merchant_id AND c.attempt_id = a.attempt_id
                      AND c.order_id = a.order_id AND c.kind = 'payment_surplus'
                      AND (c.status = 'open' OR c.resolution = 'handled'))
"""

UNATTENDED = """
    SELECT 'attempt ' || attempt_id || ' is held, and no case is open' AS wrong
    FROM attempts a
    WHERE merchant_id = $1 AND state = 'held'
      AND NOT EXISTS (SELECT FROM cases c WHERE c.merchant_id = a.merchant_id AND c.attempt_id = a.attempt_id
                      AND c.order_id = a.order_id AND c.kind = 'payment_held' AND c.status = 'open')
    UNION ALL
    SELECT 'refund ' || refund_id || ' is abnormal, and no case is open'
    FROM refunds r
    WHERE merchant_id = $1 AND state = 'abnormal' AND state_reason IS DISTINCT FROM 'handled_outside'
      AND NOT EXISTS (SELECT FROM cases c WHERE c.merchant_id = r.merchant_id AND c.refund_id = r.refund_id
                      AND c.order_id = r.order_id AND c.kind = 'refund_abnormal' AND c.status = 'open')
    UNION ALL
    SELECT 'case ' || case_id || ' of payment ' || attempt_id || ' is open, and the payment is not held any more'
    FROM cases c JOIN attempts a USING (merchant_id, attempt_id)
    WHERE c.merchant_id = $1 AND c.status = 'open' AND c.kind = 'payment_held' AND a.state <> 'held'
    UNION ALL
    SELECT 'case ' || case_id || ' of refund ' || refund_id || ' is open, and the refund is ' || r.state
    FROM cases c JOIN refunds r USING (merchant_id, refund_id)
    WHERE c.merchant_id = $1 AND c.status = 'open' AND c.kind = 'refund_abnormal' AND r.state <> 'abnormal'
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

# What can come about twice (held again, failed again, sent again) has an event each time, under a key of its own.
TOLD_WRONGLY = """
    WITH changes AS (
        SELECT order_id, 'order.' || status || ':' || order_id AS change, 1 AS most FROM orders
        WHERE merchant_id = $1 AND status IN ('paid', 'closed')
        UNION ALL
        SELECT order_id, 'payment.' || state || ':' || attempt_id, CASE state WHEN 'surplus' THEN 1 END FROM attempts
        WHERE merchant_id = $1 AND state IN ('surplus', 'held', 'failed')
        UNION ALL
        SELECT order_id, 'refund.' || state || ':' || refund_id, CASE state WHEN 'succeeded' THEN 1 END FROM refunds
        WHERE merchant_id = $1
        UNION ALL
        SELECT order_id, 'refund.requested:' || refund_id, 1 FROM refunds
        WHERE merchant_id = $1 AND state <> 'requested'
    )
    SELECT change || ' happened and has ' || count(e.event_id) || ' events' AS wrong
    FROM changes LEFT JOIN events e
      ON e.merchant_id = $1 AND e.order_id = changes.order_id
     AND (e.change_key = change OR e.change_key LIKE change || ':%')
    GROUP BY change, most HAVING count(e.event_id) < 1 OR count(e.event_id) > most
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
