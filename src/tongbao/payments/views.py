"""Orders and attempts as merchants see them: in the API's answers and in webhooks. No openid, no gateway token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tongbao.channels import Option
from tongbao.kit import clock
from tongbao.payments.model import Attempt, Order


def order_view(order: Order, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """An order with its attempts, oldest first. Amounts are fen; times RFC 3339 in UTC."""
    return {
        "id": order.order_id,
        "reference": order.reference,
        "amount": order.amount,
        "currency": order.currency,
        "subject": order.subject,
        "items": order.items,
        "metadata": order.metadata,
        "buyer_id": order.buyer_id,
        "status": order.status,
        "created_at": clock.text(order.created_at),
        "expires_at": clock.text(order.expires_at),
        "paid_at": clock.text(order.paid_at),
        "closed_at": clock.text(order.closed_at),
        "close_reason": order.close_reason,
        "refunded": sum(each.refunded for each in attempts if each.attempt_id == order.paid_attempt_id),
        "payments": [attempt_view(attempt) for attempt in attempts],
    }


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """One attempt. `host` is where the buyer was, `options` what was asked for beside the sum; `transaction_id` is the
    gateway's number for it, `reason` why it did not simply succeed."""
    return {
        "id": attempt.attempt_id,
        "order_id": attempt.order_id,
        "channel": attempt.channel,
        "method": attempt.method,
        "host": attempt.host,
        "options": {name.value: attempt.options[name] for name in Option if name in attempt.options},
        "state": attempt.state,
        "reason": attempt.reason,
        "amount": attempt.amount,
        "currency": attempt.currency,
        "refunded": attempt.refunded,
        "transaction_id": attempt.transaction_id,
        "created_at": clock.text(attempt.created_at),
        "paid_at": clock.text(attempt.paid_at),
    }
