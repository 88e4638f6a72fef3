"""POST /v1/sessions: a mini-program's log-in."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request, Response

from tongbao import buyers
from tongbao.buyers import BuyerPrincipal
from tongbao.kit import clock
from tongbao.kit.errors import Refusal
from tongbao.web.api.auth import authenticate
from tongbao.web.api.idempotency import Asker, once
from tongbao.web.api.schemas import CurrentSession, SessionAnswer, SessionRequest, dump, parse, refusals, takes
from tongbao.web.context import context_of, read_body

router = APIRouter(prefix="/v1", tags=["buyers"])


@router.post(
    "/sessions",
    status_code=201,
    summary="Log a buyer in",
    responses={201: {"model": SessionAnswer}, **refusals(400, 401, 404, 409, 413, 422)},
    openapi_extra=takes(SessionRequest),
)
async def create_session(request: Request) -> Response:
    """Exchange the host's one-time code for a session of ours. A code is exchanged once; send the token as Bearer."""
    context = context_of(request)
    raw = await read_body(request)
    body = parse(SessionRequest, raw)
    app, host = await context.directory.host_for(body.host, body.app_id)

    async def act() -> Response:
        session = await buyers.log_in(
            context.db, context.sealer, host, app.merchant_id, body.host, body.app_id, body.code, clock.now()
        )
        answer = {"token": session.token, "buyer_id": session.buyer_id, "expires_at": session.expires_at}
        return Response(dump(answer), 201, media_type="application/json")

    # Nobody is known before the log-in; whoever sends the same code again is who sent it first.
    code_hash = hashlib.sha256(f"{body.host}:{body.app_id}:{body.code}".encode()).hexdigest()
    return await once(request, context, Asker(app.merchant_id, code_hash), raw, act, keeps_refusals=False)


@router.get(
    "/sessions/current",
    summary="Ask whose session it is",
    responses={200: {"model": CurrentSession}, **refusals(401)},
)
async def current_session(request: Request) -> Response:
    """For a merchant's own server, which gets the buyer's token from its mini-program: whose it is, if it is valid."""
    principal = await authenticate(request, context_of(request).db)
    if not isinstance(principal, BuyerPrincipal):
        raise Refusal("unauthorized", 401)
    answer = {"buyer_id": principal.buyer_id, "host": principal.host, "app_id": principal.app_id}
    return Response(dump(answer), media_type="application/json")
