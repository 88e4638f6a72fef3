"""Waiting for an order to change: woken by signals, and looking every two seconds, for a signal may be lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from tongbao import payments
from tongbao.payments import Attempt, Order, OrderStatus
from tongbao.web.api.schemas import dump
from tongbao.web.cashier.addresses import pay_url
from tongbao.web.context import Context

_LOOK_SECONDS = 2.0
_HEARTBEAT_SECONDS = 15.0

Seen = tuple[Order, tuple[Attempt, ...]]


async def next_change(context: Context, order: Order, attempts: tuple[Attempt, ...], wait_seconds: float) -> Seen:
    """The order once it, or an attempt of it, has moved on; as it is when the time is over or the server stops."""
    deadline = time.monotonic() + wait_seconds
    before = _moves(order, attempts)
    while True:
        # We listen from before we look: a change between the two ends the wait.
        with context.signals.watch("order", order.order_id) as changed:
            order, attempts = await payments.get_order(context.db, order.merchant_id, order.order_id)
            left_seconds = deadline - time.monotonic()
            if _moves(order, attempts) != before or left_seconds <= 0 or context.is_stopping():
                return order, attempts
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_seconds, _LOOK_SECONDS)):
                    await changed.wait()


async def events(context: Context, order: Order, attempts: tuple[Attempt, ...]) -> AsyncIterator[bytes]:
    """The order as server-sent events: now, and at every change, until it is final."""
    yield _event(context, order, attempts)
    while order.status == OrderStatus.OPEN and not context.is_stopping():
        before = _moves(order, attempts)
        order, attempts = await next_change(context, order, attempts, _HEARTBEAT_SECONDS)
        yield b": still here\n\n" if _moves(order, attempts) == before else _event(context, order, attempts)


def view(context: Context, order: Order, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """An order as the API shows it: as merchants are told of it, and the address of our page for it."""
    return payments.order_view(order, attempts) | {"pay_url": pay_url(context, order.merchant_id, order.order_id)}


def _event(context: Context, order: Order, attempts: Sequence[Attempt]) -> bytes:
    return b"event: order\ndata: " + dump(view(context, order, attempts)) + b"\n\n"


def _moves(order: Order, attempts: Sequence[Attempt]) -> tuple[str, ...]:
    return (order.status, *(attempt.state for attempt in attempts))
