"""The webhook log: what was told, to whom, how often tried; and telling it again."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from tongbao import webhooks
from tongbao.kit import clock, ids
from tongbao.kit.errors import Refusal
from tongbao.web.api.auth import authenticate_merchant
from tongbao.web.api.idempotency import asker, once
from tongbao.web.api.schemas import ReplayRequest, dump, parse, refusals, takes
from tongbao.web.context import context_of, read_body
from tongbao.webhooks import Delivery

router = APIRouter(prefix="/v1", tags=["webhooks"])


class DeliveryAnswer(BaseModel):
    """One event on its way to one endpoint."""

    event_id: str
    endpoint_id: str
    url: str
    type: str
    order_id: str
    state: str
    tries: int
    due_at: str | None
    created_at: str
    delivered_at: str | None


class EventAnswer(BaseModel):
    """An event as it was signed and sent, and each try to deliver it."""

    id: str
    payload: dict[str, Any]
    deliveries: list[dict[str, Any]]


_PROBLEMS = refusals(401, 403, 404)


@router.get(
    "/webhook-deliveries",
    summary="Read the webhook log",
    responses={200: {"model": list[DeliveryAnswer]}, **_PROBLEMS, **refusals(422)},
)
async def log(
    request: Request,
    order_id: Annotated[str | None, Query(pattern=r"^[a-z0-9]{1,32}$")] = None,
    event_id: Annotated[str | None, Query(pattern=r"^[a-z0-9]{1,32}$")] = None,
    state: Annotated[str | None, Query(pattern="^(pending|delivered|exhausted)$")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Deliveries, newest event first."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    found = await webhooks.deliveries_of(
        context.db, principal.merchant_id, order_id=order_id, event_id=event_id, state=state, limit=limit
    )
    return Response(dump([_view(delivery) for delivery in found]), media_type="application/json")


@router.get("/events/{event_id}", summary="Read an event", responses={200: {"model": EventAnswer}, **_PROBLEMS})
async def event(request: Request, event_id: str) -> Response:
    """The event's exact payload, and every try of every delivery of it."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    known = ids.is_id(event_id, "evt")
    payload = await webhooks.payload_of(context.db, principal.merchant_id, event_id) if known else None
    if payload is None:
        raise Refusal("unknown_event", 404, event_id=event_id)
    deliveries = []
    for delivery in await webhooks.deliveries_of(context.db, principal.merchant_id, event_id=event_id):
        tries = await webhooks.tries_of(context.db, principal.merchant_id, event_id, delivery.endpoint_id)
        log = [
            {"at": each.tried_at, "status": each.status, "outcome": each.outcome, "duration_ms": each.duration_ms}
            for each in tries
        ]
        deliveries.append(_view(delivery) | {"log": log})
    answer = {"id": event_id, "payload": orjson.loads(payload), "deliveries": deliveries}
    return Response(dump(answer), media_type="application/json")


@router.post(
    "/events/{event_id}/replay",
    status_code=202,
    summary="Send an event again",
    responses={
        202: {"description": "It is on its way, under the same webhook-id"},
        **_PROBLEMS,
        **refusals(400, 409, 413, 422),
    },
    openapi_extra=takes(ReplayRequest),
)
async def replay(request: Request, event_id: str) -> Response:
    """Deliver an event again, to one endpoint or to all it was for, with all its tries before it."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        if not ids.is_id(event_id, "evt"):
            raise Refusal("unknown_event", 404, event_id=event_id)
        body = parse(ReplayRequest, raw)
        async with context.db.tx() as tx:
            endpoint_ids = await webhooks.replay(tx, principal.merchant_id, event_id, body.endpoint_id, at=clock.now())
        answer = {"event_id": event_id, "endpoint_ids": endpoint_ids}
        return Response(dump(answer), 202, media_type="application/json")

    return await once(request, context, asker(principal), raw, act)


def _view(delivery: Delivery) -> dict[str, Any]:
    return {
        "event_id": delivery.event_id,
        "endpoint_id": delivery.endpoint_id,
        "url": delivery.url,
        "type": delivery.type,
        "order_id": delivery.order_id,
        "state": delivery.state,
        "tries": delivery.tries,
        "due_at": delivery.due_at,
        "created_at": delivery.created_at,
        "delivered_at": delivery.delivered_at,
    }
