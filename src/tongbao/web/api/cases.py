"""Cases: what is out of the ordinary, seen and decided by the merchant's people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from tongbao import cases, decisions
from tongbao.cases import Case, Kind
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.web.api.auth import authenticate_merchant
from tongbao.web.api.idempotency import asker, once
from tongbao.web.api.schemas import answer, parse, refusals, takes
from tongbao.web.api.schemas_money_back import CaseAnswer, CaseCloseRequest, CaseNoteRequest, CaseWithHistoryAnswer
from tongbao.web.context import context_of, read_body

router = APIRouter(prefix="/v1", tags=["cases"])


@router.get(
    "/cases",
    summary="List cases",
    responses={200: {"model": list[CaseAnswer]}, **refusals(401, 403, 422)},
)
async def of_merchant(
    request: Request,
    status: Annotated[Literal["open", "closed"] | None, Query()] = None,
    kind: Annotated[Kind | None, Query()] = None,
    order_id: Annotated[str | None, Query(pattern=r"^[a-z0-9]{1,32}$")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What is out of the ordinary: open cases first, of those the one that is due first."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    found = await cases.list_cases(
        context.db, principal.merchant_id, status=status, kind=kind, order_id=order_id, limit=limit
    )
    return answer([_view(case) for case in found])


@router.get(
    "/cases/{case_id}",
    summary="Read a case",
    responses={200: {"model": CaseWithHistoryAnswer}, **refusals(401, 403, 404)},
)
async def read(request: Request, case_id: str) -> Response:
    """A case, what can be decided about it, and all that was done about it."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    return answer(await _with_history(context.db, principal.merchant_id, case_id))


@router.post(
    "/cases/{case_id}/notes",
    status_code=201,
    summary="Write something down on a case",
    responses={201: {"model": CaseWithHistoryAnswer}, **refusals(400, 401, 403, 404, 409, 413, 422)},
    openapi_extra=takes(CaseNoteRequest),
)
async def note(request: Request, case_id: str) -> Response:
    """Add a note to the case's history, whether it is open or closed. Nothing else changes."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(CaseNoteRequest, raw)
        decisions.check_name(body.by)
        async with context.db.tx() as tx:
            await cases.get_case(tx, principal.merchant_id, case_id)
            cases.add_note(tx, principal.merchant_id, case_id, body.by, body.note, clock.now())
        return answer(await _with_history(context.db, principal.merchant_id, case_id), 201)

    return await once(request, context, asker(principal), raw, act)


@router.post(
    "/cases/{case_id}/close",
    summary="Decide a case",
    responses={200: {"model": CaseWithHistoryAnswer}, **refusals(400, 401, 403, 404, 409, 413, 422, 502)},
    openapi_extra=takes(CaseCloseRequest),
)
async def close(request: Request, case_id: str) -> Response:
    """Close a case by one of its `resolutions`, and have done what follows from it."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(CaseCloseRequest, raw)
        await decisions.close_case(
            context.db,
            context.directory,
            principal.merchant_id,
            case_id,
            body.resolution,
            body.by,
            body.note or "",
        )
        return answer(await _with_history(context.db, principal.merchant_id, case_id))

    return await once(request, context, asker(principal), raw, act)


async def _with_history(db: Db, merchant_id: str, case_id: str) -> dict[str, Any]:
    case = await cases.get_case(db, merchant_id, case_id)
    history = await cases.history_of(db, merchant_id, case_id)
    return _view(case) | {"history": history}


def _view(case: Case) -> dict[str, Any]:
    return {
        "id": case.case_id,
        "kind": case.kind,
        "order_id": case.order_id,
        "payment_id": case.attempt_id,
        "refund_id": case.refund_id,
        "detail": case.detail,
        "status": case.status,
        "resolutions": decisions.resolutions_of(case),
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "closed_at": case.closed_at,
        "closed_by": case.closed_by,
        "resolution": case.resolution,
    }
