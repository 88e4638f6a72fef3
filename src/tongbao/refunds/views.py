"""Refunds as merchants see them: in the API's answers and in webhooks."""

from __future__ import annotations

from typing import Any

from tongbao.kit import clock
from tongbao.refunds.model import Refund


def refund_view(refund: Refund) -> dict[str, Any]:
    """A refund. `payment_id` is the attempt whose money goes back; `state_reason` why it is not simply on its way."""
    return {
        "id": refund.refund_id,
        "order_id": refund.order_id,
        "payment_id": refund.attempt_id,
        "reference": refund.reference,
        "origin": refund.origin,
        "amount": refund.amount,
        "currency": refund.currency,
        "reason": refund.reason,
        "items": refund.items,
        "state": refund.state,
        "state_reason": refund.state_reason,
        "channel": refund.channel,
        "gateway_refund_id": refund.gateway_refund_id,
        "created_at": clock.text(refund.created_at),
        "sent_at": clock.text(refund.sent_at),
        "settled_at": clock.text(refund.settled_at),
        "refunded_at": clock.text(refund.refunded_at),
    }
