"""The rows of the record, in its order. Each module holds one, as `ROW`."""

from __future__ import annotations

from importlib import import_module

from reliability.model import Row

_MODULES = (
    "kill_server",
    "crash_points",
    "kill_postgres",
    "notifications",
    "gateway_weather",
    "refund_races",
    "webhooks_down",
    "fuzz_callbacks",
    "fuzz_api",
    "stateful",
    "webhook_urls",
    "bank",
)


def all_rows() -> tuple[Row, ...]:
    """Every row."""
    return tuple(import_module(f"reliability.rows.{name}").ROW for name in _MODULES)
