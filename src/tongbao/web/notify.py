"""The gateways' door."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from tongbao import callbacks
from tongbao.web.api.schemas import refusals
from tongbao.web.context import context_of, read_body

router = APIRouter(tags=["gateways"])
_FORMS: dict[str, Any] = {"application/json": {}, "text/plain": {}}  # each gateway has its own form of an answer


@router.post(
    "/notify/{channel}/{account}",
    summary="Take in a gateway's notification",
    responses={
        200: {"description": "Taken in", "content": _FORMS},
        400: {"description": "Not taken in: the gateway sends it again", "content": _FORMS},
        **refusals(404, 409, 413, 500, 503),
    },
)
async def notify(request: Request, channel: str, account: str) -> Response:
    """Verified over its raw bytes, kept with a verdict, settled, and answered in the gateway's own form."""
    context = context_of(request)
    body = await read_body(request)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw}
    answer = await callbacks.receive(context.db, context.directory, channel, account, headers, body)
    return Response(answer.body, answer.status, media_type=answer.content_type)
