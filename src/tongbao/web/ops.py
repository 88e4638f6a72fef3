"""For whoever runs it: is it alive, can it work, how is it doing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime

import asyncpg
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from tongbao import cases, payments, refunds, webhooks
from tongbao.cases import Kind
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.web.api.schemas import dump
from tongbao.web.context import context_of

router = APIRouter(tags=["operations"])
_backlog = Gauge("tongbao_backlog", "Work that is due and waits, by kind", ["kind"])
_backlog_age = Gauge("tongbao_backlog_age_seconds", "How long the oldest of it has waited", ["kind"])
_cases_open = Gauge("tongbao_cases_open", "Cases that nobody has closed, by kind", ["kind"])
_cases_overdue = Gauge("tongbao_cases_overdue", "Those of them that should be closed by now", ["kind"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Response:
    """Always 200 while the process answers at all."""
    return Response(b'{"status":"ok"}', media_type="application/json")


_NOT_READY = {"description": "Not now, and why", "content": {"application/json": {}}}


@router.get("/readyz", summary="Can it take requests?", responses={503: _NOT_READY})
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


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=PlainTextResponse,
)
async def metrics(request: Request) -> Response:
    """Counters of this process, and the backlog of the database."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await _look(context_of(request).db, clock.now())
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _look(db: Db, now: datetime) -> None:
    """Set the gauges of what the database knows. A kind of case that is open nowhere counts none."""
    for room in (payments, refunds, webhooks):
        for kind, (count, age_seconds) in (await room.backlog(db, now)).items():
            _backlog.labels(kind).set(count)
            _backlog_age.labels(kind).set(age_seconds)
    counts = {kind: (count, overdue) for kind, count, overdue in await cases.backlog(db, now)}
    for kind in {*Kind, *counts}:
        count, overdue = counts.get(kind, (0, 0))
        _cases_open.labels(kind).set(count)
        _cases_overdue.labels(kind).set(overdue)
