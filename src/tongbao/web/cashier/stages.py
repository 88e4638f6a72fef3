"""What a buyer is to be shown of an order. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

from tongbao.payments import Attempt, AttemptState, Order, OrderStatus

EXPIRED_REASON = "expired"


class Stage(enum.StrEnum):
    """open: to be paid · failed: so too, and the last try failed · checking: perhaps paid, somebody looks · paid ·
    expired · closed."""

    OPEN = "open"
    FAILED = "failed"
    CHECKING = "checking"
    PAID = "paid"
    EXPIRED = "expired"
    CLOSED = "closed"


PAYABLE = frozenset({Stage.OPEN, Stage.FAILED})


def stage_of(order: Order, attempts: Sequence[Attempt], now: datetime) -> Stage:
    """The stage of an order, whose attempts come oldest first."""
    if order.status == OrderStatus.PAID:
        return Stage.PAID
    if any(attempt.state == AttemptState.HELD for attempt in attempts):
        return Stage.CHECKING
    if order.status == OrderStatus.CLOSED:
        return Stage.EXPIRED if order.close_reason == EXPIRED_REASON else Stage.CLOSED
    if order.expires_at <= now:
        return Stage.EXPIRED
    is_failed = bool(attempts) and attempts[-1].state == AttemptState.FAILED
    return Stage.FAILED if is_failed else Stage.OPEN
