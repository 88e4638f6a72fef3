"""Orders, and the attempts to collect them."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson


class OrderStatus(enum.StrEnum):
    """An order is open until it is paid or closed. Paid is final; a closed one can still be paid where its merchant's
    policy is to revive it, or a person decides so."""

    OPEN = "open"
    PAID = "paid"
    CLOSED = "closed"


class AttemptState(enum.StrEnum):
    """Where one attempt to collect stands.

    created: remembered here, not known to be at the gateway · pending: at the gateway, no final answer ·
    succeeded: it paid the order · failed, closed: it did not and cannot ·
    surplus: it was paid, but the order did not need it ·
    held: the gateway's word does not match what we asked for, a person must look.
    """

    CREATED = "created"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"
    SURPLUS = "surplus"
    HELD = "held"


_S = AttemptState
MOVES: Mapping[AttemptState, frozenset[AttemptState]] = {
    _S.CREATED: frozenset({_S.PENDING, _S.SUCCEEDED, _S.FAILED, _S.CLOSED, _S.SURPLUS, _S.HELD}),
    _S.PENDING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.CLOSED, _S.SURPLUS, _S.HELD}),
    _S.HELD: frozenset({_S.SUCCEEDED, _S.SURPLUS, _S.FAILED, _S.CLOSED}),
    # Money outranks our own belief that there is none: a gateway may report success after a failure or a close.
    _S.FAILED: frozenset({_S.SUCCEEDED, _S.SURPLUS, _S.HELD}),
    _S.CLOSED: frozenset({_S.SUCCEEDED, _S.SURPLUS, _S.HELD}),
    _S.SUCCEEDED: frozenset(),
    _S.SURPLUS: frozenset(),
}
"""The only moves an attempt can make."""

OPEN_STATES = frozenset({_S.CREATED, _S.PENDING, _S.HELD})
"""Attempts without a final answer: the chase asks about them."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a merchant asks us to collect. The amount is the merchant's server's word, never the mini-program's.

    `reference` is the merchant's own number, unique per merchant. `items` and `metadata` are kept and given back.
    """

    merchant_id: str
    reference: str
    amount: int
    currency: str
    subject: str
    expires_in_seconds: int
    items: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    buyer_id: str | None = None
    notify_url: str | None = None
    return_url: str | None = None

    def content_hash(self) -> bytes:
        """What makes it the same order when its reference comes again."""
        content: tuple[object, ...] = (
            self.amount,
            self.currency,
            self.subject,
            self.expires_in_seconds,
            self.items,
            self.metadata,
            self.buyer_id,
            self.notify_url,
        )
        if self.return_url:  # What came later is left out where it is not there: older orders keep their hash.
            content = (*content, self.return_url)
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(frozen=True, slots=True)
class Order:
    """A sum to be collected once. Field names are the columns' names."""

    merchant_id: str
    order_id: str
    reference: str
    content_hash: bytes
    amount: int
    currency: str
    subject: str
    items: list[dict[str, Any]]
    metadata: dict[str, str]
    buyer_id: str | None
    notify_url: str | None
    status: str
    version: int
    created_at: datetime
    expires_at: datetime
    expire_due_at: datetime | None
    paid_at: datetime | None
    paid_attempt_id: str | None
    closed_at: datetime | None
    close_reason: str | None
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to collect an order through one channel. Field names are the columns' names.

    `host` is where the buyer was when it was started, `options` what the gateway is told beside the sum.
    """

    merchant_id: str
    attempt_id: str
    order_id: str
    account_id: str
    channel: str
    method: str
    app_id: str
    payer: str | None
    amount: int
    currency: str
    state: str
    version: int
    token: str | None
    token_until: datetime | None
    transaction_id: str | None
    reason: str | None
    created_at: datetime
    prepared_at: datetime | None
    settled_at: datetime | None
    paid_at: datetime | None
    ask_at: datetime | None
    asked: int
    received_amount: int | None = None
    refunded: int = 0
    return_at: datetime | None = None
    host: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    refresh_at: datetime | None = None

    @property
    def collected(self) -> int:
        """What the gateway collected, once it did: what was asked for, unless it said otherwise."""
        return self.amount if self.received_amount is None else self.received_amount

    @property
    def refundable(self) -> int:
        """What can still go back."""
        return self.collected - self.refunded


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: `subject` is the host's name for them under `app_id`, and `kind` says which of its names."""

    buyer_id: str
    host: str
    app_id: str
    subject: str
    kind: str


@dataclass(frozen=True, slots=True)
class Choice:
    """How it shall be paid. `fresh`: by a new attempt, though an open one could be gone on with.

    `host` is where the buyer is, where that is not the host they logged in on. `options` are in our words:
    `return_url`, `payer_ip`, `instalments` ({`number`, `seller_pays_fee`}), `only` and `without` (lists of means).
    """

    channel: str
    method: str
    fresh: bool = False
    host: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt that the buyer can now pay, and what the host's pay function takes."""

    attempt: Attempt
    client_params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer to a draft: the order, whether it is new, and its first payment where one was asked for."""

    order: Order
    attempts: tuple[Attempt, ...]
    is_new: bool
    started: Started | None = None
