"""What every payment channel speaks: the verbs, and the frozen values they take and give.

A channel object is bound to one merchant account at one gateway. It has no database and knows no orders.
Amounts are integers in the currency's smallest unit (fen for CNY); times are aware UTC.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tongbao.kit.errors import Rejected


class PaymentState(enum.StrEnum):
    """What a gateway can say of a payment. A word that a channel does not know becomes PENDING, with a warning."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment to be prepared.

    `attempt_id` is our number for it at the gateway (its merchant order number): the idempotency key.
    `payer` is the gateway's name for the buyer under `app_id` (an openid), where the method needs one.
    """

    attempt_id: str
    method: str
    amount: int
    currency: str
    subject: str
    expires_at: datetime
    notify_url: str
    app_id: str
    payer: str | None = None
    payer_ip: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A payment the gateway is ready to collect: its token for it, and until when the token can be used."""

    token: str
    usable_until: datetime


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A gateway's word about one payment, whichever way it came: notice, query or bill.

    Only `attempt_id` and `state` are always there; the rest is there once the gateway knows it.
    `merchant_number` and `app_id` are whom the gateway says it collected for: they are compared, never trusted.
    `raw_state` is the gateway's own word for the state.
    """

    attempt_id: str
    state: PaymentState
    raw_state: str
    merchant_number: str
    app_id: str | None = None
    amount: int | None = None
    payer_amount: int | None = None
    currency: str | None = None
    transaction_id: str | None = None
    paid_at: datetime | None = None
    payer: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified, decrypted notification. `notice_id` is the gateway's own id of it; `fact` is None
    for an event that says nothing about a payment."""

    notice_id: str
    kind: str
    fact: PaymentFact | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The exact bytes a gateway expects as our answer to its notification."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class PlatformKey:
    """A public key of the gateway by which it proves its words, found by `serial`."""

    serial: str
    certificate_pem: str
    usable_from: datetime
    usable_until: datetime


class Channel(Protocol):
    """The verbs of a gateway. Network verbs raise Rejected, Unavailable, Uncertain or Untrusted, and nothing else."""

    name: str
    methods: frozenset[str]
    merchant_number: str

    async def prepare(self, charge: Charge) -> Prepared:
        """Ask the gateway to be ready to collect. Twice with the same charge is harmless."""
        ...

    def client_params(self, charge: Charge, prepared: Prepared) -> Mapping[str, str]:
        """What the host's pay function takes, signed now. Pure but for clock and nonce."""
        ...

    async def query(self, attempt_id: str) -> PaymentFact:
        """Ask what became of a payment. An unknown number is Rejected with code `ORDER_NOT_EXIST` or alike,
        recognised by `is_unknown_payment`."""
        ...

    async def close(self, attempt_id: str) -> None:
        """Close a payment so that it can never succeed. Closing a closed one is harmless;
        a paid one raises Rejected, recognised by `is_already_paid`."""
        ...

    def is_unknown_payment(self, error: Rejected) -> bool:
        """Whether a Rejected says that the gateway has never heard of this payment: up to now. After an Uncertain
        `prepare` it may still appear a moment later."""
        ...

    def is_already_paid(self, error: Rejected) -> bool:
        """Whether a Rejected says that the payment has been paid already (so: query it)."""
        ...

    async def fetch_platform_keys(self) -> tuple[PlatformKey, ...]:
        """The gateway's present certificates, each proven. Empty where the gateway has none to give
        (public-key merchants). The caller stores them and hands them back in the account's configuration."""
        ...

    def parse_notify(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify over the raw bytes, then decrypt, then read. Header names are lower-case.

        Raises Untrusted with a code that says which of it failed: `signature_missing`, `signature_probe`,
        `timestamp_stale`, `serial_unknown`, `signature_wrong`, `decryption_failed`; Rejected(`malformed`) for a
        body that is proven theirs but cannot be read.
        """
        ...

    def acknowledge(self, accepted: bool, reason: str = "") -> Answer:
        """The answer the gateway takes for yes, or for no (send again)."""
        ...
