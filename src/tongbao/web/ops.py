"""For whoever runs it: is it alive, can it work, how is it doing."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from tongbao import payments
from tongbao.kit import clock
from tongbao.web.api.schemas import dump
from tongbao.web.context import context_of

router = APIRouter(tags=["operations"])
_backlog = Gauge("tongbao_backlog", "Work that is due and waits, by kind", ["kind"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Response:
    """Always 200 while the process answers at all."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get("/readyz", summary="Can it take requests?")
async def readyz(request: Request) -> Response:
    """200 when the database answers within two seconds, else 503 with the reason."""
    context = context_of(request)
    try:
        await asyncio.wait_for(context.db.ping(), 2)
    except Exception as error:
        reason = f"the database does not answer: {type(error).__name__}"
        return Response(dump({"status": "not ready", "reason": reason}), 503, media_type="application/json")
    if context.is_stopping():
        return Response(dump({"status": "not ready", "reason": "stopping"}), 503, media_type="application/json")
    return Response(b'{"status":"ready"}', media_type="application/json")


@router.get("/metrics", summary="Prometheus metrics")
async def metrics(request: Request) -> Response:
    """Counters of this process, and the backlog of the database."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        waiting = await payments.backlog(context_of(request).db, clock.now())
        for kind, count in (waiting or {}).items():
            _backlog.labels(kind).set(count)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
