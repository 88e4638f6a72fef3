"""Cases: what they are about, until when they should be closed, and what was done about them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class Kind(enum.StrEnum):
    """What is out of the ordinary.

    payment_surplus: a payment that its order did not need; it goes back by itself · payment_held: a payment that does
    not match what was asked for · refund_abnormal: the money could not reach the buyer, and waits at the gateway ·
    refund_closed: the gateway closed a refund, the money is with the merchant · refund_blocked: the gateway refuses a
    refund for now · refund_mismatch: the gateway's word about a refund does not match what was asked for ·
    refund_too_much: more went back than should have · payment_mismatch: the gateway now says of a settled payment what
    it did not say before, or that it sent money back that nobody asked for here · payment_kept: the gateway refuses to
    undo a payment of a scanned code that nobody is sure of.
    """

    PAYMENT_SURPLUS = "payment_surplus"
    PAYMENT_HELD = "payment_held"
    REFUND_ABNORMAL = "refund_abnormal"
    REFUND_CLOSED = "refund_closed"
    REFUND_BLOCKED = "refund_blocked"
    REFUND_MISMATCH = "refund_mismatch"
    REFUND_TOO_MUCH = "refund_too_much"
    PAYMENT_MISMATCH = "payment_mismatch"
    PAYMENT_KEPT = "payment_kept"


@dataclass(frozen=True, slots=True)
class Case:
    """Something out of the ordinary. `key` names what it is the case of; `detail` is what one needs to know to decide.

    Field names are the columns' names.
    """

    merchant_id: str
    case_id: str
    kind: str
    key: str
    order_id: str
    attempt_id: str | None
    refund_id: str | None
    detail: dict[str, Any]
    status: str
    version: int
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None = None
    closed_by: str | None = None
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a case's history: who did what (`opened`, `noted`, `closed`), and why."""

    at: datetime
    who: str
    what: str
    note: str
