"""Buyers: their log-ins, and what they consent to show."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request, Response

from tongbao import buyers
from tongbao.buyers import BuyerPrincipal, Session
from tongbao.kit import clock
from tongbao.kit.errors import Refusal
from tongbao.web.api import schemas_buyers as bodies
from tongbao.web.api.auth import authenticate, authenticate_merchant
from tongbao.web.api.idempotency import Asker, asker, once
from tongbao.web.api.schemas import answer, parse, refusals, takes
from tongbao.web.context import Context, context_of, read_body

router = APIRouter(prefix="/v1", tags=["buyers"])


@router.post(
    "/sessions",
    status_code=201,
    summary="Log a buyer in",
    responses={201: {"model": bodies.SessionAnswer}, **refusals(400, 401, 404, 409, 413, 422)},
    openapi_extra=takes(bodies.SessionRequest),
)
async def create_session(request: Request) -> Response:
    """Exchange the host's one-time code for a session of ours. A code is exchanged once; send the token as Bearer."""
    context = context_of(request)
    raw = await read_body(request)
    body = parse(bodies.SessionRequest, raw)
    app, host = await context.directory.host_for(body.host, body.app_id)

    async def act() -> Response:
        whose, now = (app.merchant_id, body.host, body.app_id), clock.now()
        session = await buyers.log_in(context.db, context.sealer, host, *whose, body.code, now, profile=body.profile)
        return answer(_opened(session), 201)

    # Nobody is known before the log-in; whoever sends the same code again is who sent it first.
    code_hash = hashlib.sha256(f"{body.host}:{body.app_id}:{body.code}".encode()).hexdigest()
    return await once(request, context, Asker(app.merchant_id, code_hash), raw, act, keeps_refusals=False)


@router.get(
    "/sessions/current",
    summary="Ask whose session it is",
    responses={200: {"model": bodies.CurrentSession}, **refusals(401)},
)
async def current_session(request: Request) -> Response:
    """For a merchant's own server, which gets the buyer's token from its mini-program: whose it is, if it is valid."""
    buyer = await _buyer(request, context_of(request))
    return answer({"buyer_id": buyer.buyer_id, "host": buyer.host, "app_id": buyer.app_id})


@router.post(
    "/sessions/current/phone",
    summary="Show a phone number",
    responses={200: {"model": bodies.MaskedPhone}, **refusals(400, 401, 404, 409, 413, 422)},
    openapi_extra=takes(bodies.PhoneRequest),
)
async def keep_phone(request: Request) -> Response:
    """Take the buyer's consent to show the phone number. The number goes to the merchant's server; the phone sees it
    masked."""
    context = context_of(request)
    buyer = await _buyer(request, context)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(bodies.PhoneRequest, raw)
        _, host = await context.directory.host_for(buyer.host, buyer.app_id)
        phone = await buyers.keep_phone(context.db, context.sealer, host, buyer, body.consent, clock.now())
        return answer({"masked": phone.masked})

    return await once(request, context, asker(buyer), raw, act)


@router.get(
    "/buyers/{buyer_id}/phone",
    summary="Read a buyer's phone number",
    responses={200: {"model": bodies.PhoneAnswer}, **refusals(401, 403, 404)},
)
async def read_phone(request: Request, buyer_id: str) -> Response:
    """The whole number, for the merchant's own server only; it was the buyer who consented, at `consented_at`."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    phone, at = await buyers.phone_of(context.db, context.sealer, principal.merchant_id, buyer_id)
    return answer({"country_code": phone.country_code, "number": phone.number, "consented_at": clock.text(at)})


async def _buyer(request: Request, context: Context) -> BuyerPrincipal:
    principal = await authenticate(request, context.db)
    if not isinstance(principal, BuyerPrincipal):
        raise Refusal("unauthorized", 401)
    return principal


def _opened(session: Session) -> dict[str, object]:
    seen = session.profile
    return {
        "token": session.token,
        "buyer_id": session.buyer_id,
        "expires_at": session.expires_at,
        "profile": {name: seen.get(name) for name in bodies.ProfileAnswer.model_fields} if seen else None,
    }
