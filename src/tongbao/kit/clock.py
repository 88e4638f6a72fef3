"""The one clock. SQL never asks PostgreSQL for the time: it is handed ours, so that tests can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_offset_seconds = 0.0


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.fromtimestamp(time.time() + _offset_seconds, UTC)


def unix_seconds() -> int:
    """The present moment as whole Unix seconds: what gateways sign."""
    return int(time.time() + _offset_seconds)


def in_seconds(seconds: float) -> datetime:
    """The moment so many seconds from now."""
    return now() + timedelta(seconds=seconds)


def text(moment: datetime | None) -> str | None:
    """A moment as our answers and webhooks show it: RFC 3339 in UTC, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def move(offset_seconds: float) -> None:
    """Set how far our clock is from the machine's. For tests and simulated time only."""
    global _offset_seconds
    _offset_seconds = offset_seconds
