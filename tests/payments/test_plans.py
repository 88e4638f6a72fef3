"""On a database that was never analysed every hot statement must still go by its whole key.

An index that merely leads with `merchant_id` looks as good as the primary key to a planner without statistics. Once it
was taken, and a new installation made 20 payments a second until the first autoanalyze.
"""

from __future__ import annotations

import re

import psycopg
import pytest

from tongbao.payments import store

HOT = {
    "by attempt": store._BY_ATTEMPT,
    "by order": store._BY_ORDER,
    "pay": "UPDATE orders SET version = version + 1 WHERE merchant_id = $1 AND order_id = $2 AND version = $3",
    "move": "UPDATE attempts SET version = version + 1 WHERE merchant_id = $1 AND attempt_id = $2 AND version = $3",
    "postings": "SELECT * FROM postings WHERE merchant_id = $1 AND order_id = $2",
    "refund": "SELECT * FROM refunds WHERE merchant_id = $1 AND refund_id = $2",
    "refund by reference": "SELECT * FROM refunds WHERE merchant_id = $1 AND reference = $2",
    "refunds": "SELECT * FROM refunds WHERE merchant_id = $1 AND order_id = $2",
    "take back": "UPDATE attempts SET refunded = refunded + $3 WHERE merchant_id = $1 AND attempt_id = $2",
    "close case": "UPDATE cases SET status = 'closed' WHERE merchant_id = $1 AND key = $2 AND status = 'open'",
    "calls": "SELECT * FROM calls WHERE merchant_id = $1 AND order_id = $2",
    "notices": "SELECT * FROM notices WHERE merchant_id = $1 AND attempt_id = ANY (ARRAY("
    "SELECT attempt_id FROM attempts WHERE order_id = $2 AND merchant_id = $1))",
}


@pytest.mark.parametrize("statement", HOT.values(), ids=HOT.keys())
def test_a_cold_database_goes_by_the_whole_key(module_database_url: str, statement: str) -> None:
    with psycopg.connect(module_database_url) as connection:
        version = connection.info.server_version
        if version < 160000:
            pytest.skip("EXPLAIN (GENERIC_PLAN) came with PostgreSQL 16")
        rows = connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement}".encode()).fetchall()
    plan = "\n".join(str(row[0]) for row in rows)
    conditions = re.findall(r"Index Cond: (.*)", plan)
    assert "Seq Scan" not in plan, plan
    assert conditions, plan
    whole_key = re.compile(r"(order_id|attempt_id|refund_id|reference|key)\)? ?=")
    assert all(whole_key.search(condition) for condition in conditions), plan
