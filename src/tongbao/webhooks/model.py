"""What this room keeps: endpoints, deliveries of events to them, and every try of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that a merchant wants told. `per_order`: made for orders that name it, told of those orders only.

    Until `previous_until` the secret before the last rotation signs beside the present one.
    """

    merchant_id: str
    endpoint_id: str
    url: str
    status: str
    per_order: bool
    previous_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `state`: pending, delivered, or exhausted (we have given up).

    `tries` counts those since it was published or replayed; `due_at` is when it is tried next, None once final.
    """

    merchant_id: str
    event_id: str
    endpoint_id: str
    url: str
    type: str
    order_id: str
    attempt_id: str | None
    state: str
    tries: int
    due_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a delivery. `status` is the HTTP status answered, if any; `outcome` is a word, see `rules.judge`."""

    tried_at: datetime
    status: int | None
    outcome: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that this worker holds until `held_until`: no other worker sends it before then."""

    merchant_id: str
    event_id: str
    endpoint_id: str
    tries: int
    payload: str
    held_until: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a parcel: the try, and the state and due time the delivery has from it."""

    parcel: Parcel
    tried: Try
    state: str
    due_at: datetime | None
