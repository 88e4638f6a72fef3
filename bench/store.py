"""The bench's own SQL: databases made, and orders made to be paid."""

from __future__ import annotations

from typing import LiteralString

import psycopg

FIRST_NUMBER = 10**18


def create_database(url: str, name: LiteralString) -> str:
    """Make an empty database beside the one at `url`, and give its address."""
    with psycopg.connect(_beside(url, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return _beside(url, name)


def analyze(url: str) -> None:
    """Let the planner know what is in the tables, as autovacuum does within a minute of their first rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def postmaster_child(connection: psycopg.Connection) -> int:
    """The pid of the server process behind a connection."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def copy_order(url: str, numbers: range) -> None:
    """Copy the one order that Tongbao made with a payment, and its attempt, under each of these numbers.

    Whatever columns the tables have: each row is the old one with a few of its fields replaced.
    """
    with psycopg.connect(url) as connection:
        connection.execute(
            """
            INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', n, 'reference', n))).*
            FROM orders o JOIN attempts a USING (merchant_id, order_id), generate_series(%s::bigint, %s) n
            WHERE attempt_id LIKE 'pay%%'
            """,
            (numbers[0], numbers[-1]),
        )
        connection.execute(
            """
            INSERT INTO attempts SELECT (jsonb_populate_record(a, jsonb_build_object('order_id', n, 'attempt_id', n))).*
            FROM attempts a, generate_series(%s::bigint, %s) n WHERE attempt_id LIKE 'pay%%'
            """,
            (numbers[0], numbers[-1]),
        )


def count_paid(url: str) -> tuple[int, int, int]:
    """How many of Tongbao's orders are paid, how many postings say so, and how many notices were kept."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            """
            SELECT (SELECT count(*) FROM orders WHERE status = 'paid'), (SELECT count(*) FROM postings),
                   (SELECT count(*) FROM notices)
            """
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def copy_tutorial_orders(url: str, numbers: range, amount: int) -> None:
    """Orders for the tutorial server to be paid."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO orders (out_trade_no, subject, amount, status)"
            " SELECT n, 'Latte', %s, 'NOTPAY' FROM generate_series(%s::bigint, %s) n",
            (amount, numbers[0], numbers[-1]),
        )


def _beside(url: str, database: str) -> str:
    return url.replace("/tongbao?", f"/{database}?")
