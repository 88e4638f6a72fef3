"""Who we collect for. Secrets are here only sealed or hashed, and in no repr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Merchant:
    """Someone we collect money for.

    `late_payment` says what becomes of money that comes in after its order was closed: `return` it, or `revive` the
    order.
    """

    merchant_id: str
    name: str
    created_at: datetime
    late_payment: str = "return"


@dataclass(frozen=True, slots=True)
class App:
    """A merchant's mini-program on a host platform. `settings` is what the host needs beside id and secret."""

    merchant_id: str
    host: str
    app_id: str
    settings: Mapping[str, Any]
    sealed_secret: bytes = field(repr=False)
    created_at: datetime

    @property
    def seal_context(self) -> str:
        """What its sealed secret is bound to."""
        return f"app:{self.merchant_id}:{self.host}:{self.app_id}"


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant's account at a payment gateway, where the merchant goes by `merchant_number`.

    `settings` is what anyone may read of its configuration; its optional `app_ids` names the only apps that may pay
    through it. A disabled account starts no payment, but what was started is still asked about and heard of.
    `platform_keys` are the gateway's certificates as we fetched them; `keys_due_at` is when we fetch them again.
    `late_payment` is the merchant's, read with the account so that settling a payment needs no other query.
    """

    merchant_id: str
    account_id: str
    channel: str
    merchant_number: str
    settings: Mapping[str, Any]
    sealed_secret: bytes = field(repr=False)
    platform_keys: Sequence[Mapping[str, str]] = field(repr=False)
    keys_due_at: datetime = field(compare=False)
    status: str
    version: int
    created_at: datetime
    late_payment: str = "return"

    @property
    def seal_context(self) -> str:
        """What its sealed secret is bound to."""
        return f"account:{self.merchant_id}:{self.account_id}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key to our API. Its text is shown once, when it is made; we keep its SHA-256."""

    merchant_id: str
    key_id: str
    name: str
    secret_hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """A merchant's program that proved who it is with an API key."""

    merchant_id: str
    key_id: str
