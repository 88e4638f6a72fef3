"""Money going back."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson


class RefundState(enum.StrEnum):
    """Where a refund stands.

    requested: set aside here, not known to be taken on by the gateway · sent: taken on, no final answer ·
    succeeded: the money is back · closed: it did not go back and the money is the merchant's again ·
    abnormal: it could not reach the buyer and waits at the gateway for a decision.
    """

    REQUESTED = "requested"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    ABNORMAL = "abnormal"


_S = RefundState
MOVES: Mapping[RefundState, frozenset[RefundState]] = {
    _S.REQUESTED: frozenset({_S.SENT, _S.SUCCEEDED, _S.CLOSED, _S.ABNORMAL}),
    _S.SENT: frozenset({_S.SUCCEEDED, _S.CLOSED, _S.ABNORMAL}),
    _S.ABNORMAL: frozenset({_S.SENT, _S.SUCCEEDED, _S.CLOSED}),
    # Money outranks our own belief that there is none: what we gave up may have gone back all the same.
    _S.CLOSED: frozenset({_S.SUCCEEDED, _S.ABNORMAL}),
    _S.SUCCEEDED: frozenset(),
}
"""The only moves a refund can make."""


class Origin(enum.StrEnum):
    """Who wanted it: the merchant, or ourselves, because the payment was not needed."""

    MERCHANT = "merchant"
    SURPLUS = "surplus"


@dataclass(frozen=True, slots=True)
class RefundDraft:
    """What a merchant wants to give back of a paid order. `amount` None: all that is left. `reference` is the
    merchant's own number for it, unique per merchant; `items` are kept and given back."""

    merchant_id: str
    reference: str
    amount: int | None
    reason: str
    items: list[dict[str, Any]] = field(default_factory=list)

    def content_hash(self, order_id: str) -> bytes:
        """What makes it the same refund when its reference comes again."""
        content = (order_id, self.amount, self.reason, self.items)
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(frozen=True, slots=True)
class Refund:
    """A sum of one payment on its way back. Field names are the columns' names."""

    merchant_id: str
    refund_id: str
    reference: str
    content_hash: bytes
    order_id: str
    attempt_id: str
    account_id: str
    channel: str
    origin: str
    amount: int
    payment_amount: int
    currency: str
    reason: str
    items: list[dict[str, Any]]
    notify_url: str
    state: str
    state_reason: str | None
    version: int
    in_doubt: bool
    gateway_refund_id: str | None
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    refunded_at: datetime | None
    ask_at: datetime | None
    asked: int


@dataclass(frozen=True, slots=True)
class Requested:
    """The answer to a draft: the refund, and whether it is new."""

    refund: Refund
    is_new: bool
