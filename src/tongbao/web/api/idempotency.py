"""The Idempotency-Key header: the first answer is kept for 30 days, sealed, and given again.

The same key with another body is refused (422), and while the first request is in flight so is the second (409).
Answers that promise nothing (5xx, and 4xx that only say "not now") are not kept: the request may be sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request, Response

from tongbao.buyers import BuyerPrincipal
from tongbao.kit import clock
from tongbao.kit.db import AlreadyThere, Conflict
from tongbao.kit.errors import Refusal
from tongbao.merchants import Principal
from tongbao.web.api import store
from tongbao.web.context import Context
from tongbao.web.problems import problem

_KEPT = timedelta(days=30)
_ABANDONED = timedelta(seconds=60)
_NOT_NOW = frozenset({401, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose keys they are: keys of two askers never meet."""

    merchant_id: str
    name: str


def asker(principal: Principal | BuyerPrincipal) -> Asker:
    """A merchant's API key, or a buyer."""
    name = principal.buyer_id if isinstance(principal, BuyerPrincipal) else principal.key_id
    return Asker(principal.merchant_id, name)


async def once(
    request: Request,
    context: Context,
    asker: Asker,
    raw_body: bytes,
    act: Callable[[], Awaitable[Response]],
    *,
    keeps_refusals: bool = True,
) -> Response:
    """Do `act`, or answer as it was answered the first time under this Idempotency-Key.

    Where anybody may ask, refusals are not kept: they would fill the database.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return await act()
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise Refusal("invalid_idempotency_key", 400)
    slot = (asker.merchant_id, asker.name, key)
    request_hash = hashlib.sha256(b"\n".join((request.method.encode(), request.url.path.encode(), raw_body))).digest()
    started_at = clock.now()
    kept = await _claim(context, slot, request_hash, started_at)
    if kept is not None:
        return kept
    return await _act_and_keep(request, context, slot, started_at, act, 500 if keeps_refusals else 400)


async def _claim(context: Context, slot: store.Slot, request_hash: bytes, now: datetime) -> Response | None:
    """Take the slot, or give the answer that is kept in it. Raises Refusal while it is another's."""
    db = context.db
    try:
        async with db.tx() as tx:
            store.claim(tx, slot, request_hash, now, now + _KEPT)
        return None
    except AlreadyThere:
        row = await store.find(db, slot)
    in_flight = Refusal("idempotency_in_flight", 409)
    if row is None:
        raise in_flight
    is_over = row["expires_at"] <= now or (row["status"] is None and row["started_at"] <= now - _ABANDONED)
    if not is_over:
        if row["request_hash"] != request_hash:
            raise Refusal("idempotency_mismatch", 422)
        if row["status"] is None:
            raise in_flight
        return _replayed(row["status"], context.sealer.open(row["sealed_body"], _seal_context(slot)))
    try:
        async with db.tx() as tx:
            store.take_over(tx, slot, row["started_at"], request_hash, now, now + _KEPT)
    except Conflict:
        raise in_flight from None
    return None


async def _act_and_keep(
    request: Request,
    context: Context,
    slot: store.Slot,
    started_at: datetime,
    act: Callable[[], Awaitable[Response]],
    kept_below: int,
) -> Response:
    db = context.db
    try:
        response = await act()
    except Refusal as refusal:
        response = problem(refusal, request)
    except BaseException:
        async with db.tx() as tx:
            store.release(tx, slot, started_at)
        raise
    async with db.tx() as tx:
        if response.status_code >= kept_below or response.status_code in _NOT_NOW or "retry-after" in response.headers:
            store.release(tx, slot, started_at)
        else:
            # An answer may carry a session's token, which is kept nowhere in the open.
            sealed = context.sealer.seal(bytes(response.body), _seal_context(slot))
            store.keep_answer(tx, slot, started_at, response.status_code, sealed)
    return response


def _seal_context(slot: store.Slot) -> str:
    return "answer:" + ":".join(slot)


def _replayed(status: int, body: bytes) -> Response:
    media_type = "application/problem+json" if status >= 400 else "application/json"
    return Response(body, status, {"idempotency-replayed": "true"}, media_type)
