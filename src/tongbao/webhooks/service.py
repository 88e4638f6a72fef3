"""Publishing events, and what merchants do with their endpoints. Delivering is in `courier.py`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

import orjson

from tongbao.kit import egress, ids, signals
from tongbao.kit.db import Conflict, Db, Tx
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.webhooks import signing, store
from tongbao.webhooks.model import Delivery, Endpoint, Try

TOPIC = "webhooks"
"""The signal that something is due."""

_BATCH = 100
_PREVIOUS_SIGNS_FOR = timedelta(hours=24)


def publish(
    tx: Tx,
    *,
    merchant_id: str,
    type: str,
    order_id: str,
    attempt_id: str | None,
    change_key: str,
    data: Mapping[str, object],
    notify_url: str | None,
    at: datetime,
) -> str:
    """Tell a merchant of one state change, once the transaction commits. Returns the event's id, its `webhook-id`.

    The body is fixed here, once: `{"type", "timestamp", "data"}` (Standard Webhooks, "Payload structure").
    It goes to all active endpoints of the merchant, and to `notify_url` if `ensure_order_endpoint` has made one of it.
    A second event for the same `change_key` fails the transaction with AlreadyThere `events_change`.
    """
    event_id = ids.new("evt")
    payload = orjson.dumps({"type": type, "timestamp": at, "data": data}, option=orjson.OPT_UTC_Z).decode()
    store.add_event(tx, merchant_id, event_id, type, order_id, attempt_id, change_key, payload, at)
    store.add_deliveries(tx, merchant_id, event_id, notify_url, at)
    tx.after_commit(_wake_couriers)
    return event_id


async def add_endpoint(
    tx: Tx, sealer: Sealer, merchant_id: str, url: str, *, allow_private: bool, at: datetime, per_order: bool = False
) -> tuple[Endpoint, str]:
    """Have a URL told of everything, or with `per_order` of the orders that name it. Returns its secret, `whsec_…`.

    Raises Refusal: `egress_forbidden` (422) or `webhook_url_taken` (409, with `endpoint_id`).
    """
    egress.check_url(url, allow_private)
    there = await store.endpoint_at(tx, merchant_id, url)
    if there:
        raise Refusal("webhook_url_taken", 409, endpoint_id=there.endpoint_id)
    return _add(tx, sealer, merchant_id, url, per_order, at)


def ensure_order_endpoint(
    tx: Tx, sealer: Sealer, merchant_id: str, url: str, *, allow_private: bool, at: datetime
) -> None:
    """Make an endpoint of an order's own notify URL, unless the merchant has that URL already, in whatever state.

    It has a secret of its own like every endpoint: `reveal_secret` shows it, and `add_endpoint(…, per_order=True)`
    makes it beforehand. Raises Refusal `egress_forbidden` (422).
    """
    egress.check_url(url, allow_private)
    _add(tx, sealer, merchant_id, url, True, at)


async def rotate_secret(tx: Tx, sealer: Sealer, merchant_id: str, endpoint_id: str, at: datetime) -> str:
    """Give an endpoint a new secret and return it. The old one signs beside it for 24 hours.

    Raises Refusal `unknown_webhook_endpoint` (404).
    """
    await _existing(tx, merchant_id, endpoint_id)
    key = signing.new_key()
    sealed = sealer.seal(key, secret_context(merchant_id, endpoint_id))
    store.rotate_secret(tx, merchant_id, endpoint_id, sealed, at + _PREVIOUS_SIGNS_FOR)
    return signing.secret_text(key)


async def enable_endpoint(tx: Tx, merchant_id: str, endpoint_id: str) -> None:
    """Have an endpoint told again, of what happens from now on. Raises Refusal `unknown_webhook_endpoint` (404)."""
    await _existing(tx, merchant_id, endpoint_id)
    store.set_status(tx, merchant_id, endpoint_id, "active")


async def disable_endpoint(tx: Tx, merchant_id: str, endpoint_id: str) -> None:
    """Stop telling an endpoint; what waits for it is given up and can be replayed once it is enabled again.

    Raises Refusal `unknown_webhook_endpoint` (404).
    """
    await _existing(tx, merchant_id, endpoint_id)
    store.set_status(tx, merchant_id, endpoint_id, "disabled")
    store.exhaust(tx, merchant_id, endpoint_id)


async def list_endpoints(db: Db, merchant_id: str) -> list[Endpoint]:
    """A merchant's endpoints, oldest first."""
    return await store.endpoints(db, merchant_id)


async def reveal_secret(db: Db, sealer: Sealer, merchant_id: str, endpoint_id: str) -> str:
    """An endpoint's present secret, `whsec_…`. Raises Refusal `unknown_webhook_endpoint` (404), or SealBroken."""
    sealed = await store.sealed_secret(db, merchant_id, endpoint_id)
    if sealed is None:
        raise Refusal("unknown_webhook_endpoint", 404, endpoint_id=endpoint_id)
    return signing.secret_text(sealer.open(sealed, secret_context(merchant_id, endpoint_id)))


async def deliveries_of(
    db: Db,
    merchant_id: str,
    *,
    order_id: str | None = None,
    event_id: str | None = None,
    endpoint_id: str | None = None,
    state: str | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """The log: a merchant's deliveries, newest event first, narrowed by what is given."""
    return await store.deliveries(db, merchant_id, order_id, event_id, endpoint_id, state, limit)


async def tries_of(db: Db, merchant_id: str, event_id: str, endpoint_id: str) -> list[Try]:
    """Every try of one delivery, oldest first."""
    return await store.tries(db, merchant_id, event_id, endpoint_id)


async def payload_of(db: Db, merchant_id: str, event_id: str) -> str | None:
    """The body of an event, as it was signed and sent on every try; None if there is no such event."""
    return await store.payload(db, merchant_id, event_id)


async def replay(tx: Tx, merchant_id: str, event_id: str, endpoint_id: str | None = None, *, at: datetime) -> list[str]:
    """Deliver an event again under the same `webhook-id`, with all its tries before it. Returns the endpoints' ids.

    Without `endpoint_id` it goes where it went before, to those endpoints that are still active; with it, there, also
    for the first time. Raises Refusal: `unknown_event`, `unknown_webhook_endpoint` (404), `webhook_endpoint_disabled`
    or `nowhere_to_replay` (409).
    """
    if not await store.is_event(tx, merchant_id, event_id):
        raise Refusal("unknown_event", 404, event_id=event_id)
    if endpoint_id is None:
        recipients = await store.active_recipients(tx, merchant_id, event_id)
    elif (await _existing(tx, merchant_id, endpoint_id)).status == "active":
        recipients = [endpoint_id]
    else:
        raise Refusal("webhook_endpoint_disabled", 409, endpoint_id=endpoint_id)
    if not recipients:
        raise Refusal("nowhere_to_replay", 409, event_id=event_id)
    for recipient in recipients:
        store.add_delivery_again(tx, merchant_id, event_id, recipient, at)
    tx.after_commit(_wake_couriers)
    return recipients


async def backlog(db: Db, now: datetime) -> dict[str, tuple[int, float]]:
    """What is due and waits: how many deliveries, and for how many seconds the oldest has waited."""
    count, since = await store.backlog(db, now)
    return {"webhooks": (count, (now - since).total_seconds() if since else 0.0)}


async def purge(db: Db, before: datetime, limit: int = 1000) -> int:
    """Forget up to `limit` finished deliveries made before then, with their tries. Events are never forgotten.

    Returns how many: call again while there are any. Forgetting twice is harmless: what is gone is not found.
    """
    return await store.purge(db, before, limit)


async def reseal(db: Db, sealer: Sealer) -> int:
    """Seal every secret that is under an older master key under the current one; returns of how many endpoints.

    Twice is harmless: the second time finds nothing. Raises SealBroken where the older key is missing.
    """
    resealed = 0
    while batch := await store.sealed_otherwise(db, sealer.current, _BATCH):
        for row in batch:
            context = secret_context(row["merchant_id"], row["endpoint_id"])
            sealed = sealer.seal(sealer.open(row["sealed_secret"], context), context)
            previous = row["sealed_previous"] and sealer.seal(sealer.open(row["sealed_previous"], context), context)
            with suppress(Conflict):  # rotated meanwhile: the next batch has it again, if need be
                async with db.tx() as tx:
                    store.exchange_seals(tx, row, sealed, previous)
                resealed += 1
    return resealed


def secret_context(merchant_id: str, endpoint_id: str) -> str:
    """What an endpoint's sealed secrets are bound to."""
    return f"webhook:{merchant_id}:{endpoint_id}"


def _add(tx: Tx, sealer: Sealer, merchant_id: str, url: str, per_order: bool, at: datetime) -> tuple[Endpoint, str]:
    new = Endpoint(merchant_id, ids.new("whe"), url, "active", per_order, None, at)
    key = signing.new_key()
    store.add_endpoint(tx, new, sealer.seal(key, secret_context(merchant_id, new.endpoint_id)))
    return new, signing.secret_text(key)


async def _existing(tx: Tx, merchant_id: str, endpoint_id: str) -> Endpoint:
    found = await store.endpoint(tx, merchant_id, endpoint_id)
    if not found:
        raise Refusal("unknown_webhook_endpoint", 404, endpoint_id=endpoint_id)
    return found


def _wake_couriers() -> None:
    signals.send(TOPIC)
