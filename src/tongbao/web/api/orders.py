"""Orders: made by merchants' servers, paid by buyers, watched by both."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from tongbao import buyers, payments, webhooks
from tongbao.buyers import BuyerPrincipal
from tongbao.channels import Instalments, channel_names, channel_of_code
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.merchants import Principal
from tongbao.payments import Choice, Draft, Payer, Started
from tongbao.web.api import watching
from tongbao.web.api.auth import authenticate, authenticate_merchant, own_order
from tongbao.web.api.idempotency import asker, once
from tongbao.web.api.schemas import (
    CloseRequest,
    OpenedAnswer,
    OrderAnswer,
    OrderRequest,
    PaymentAnswer,
    PaymentRequest,
    answer,
    parse,
    refusals,
    takes,
)
from tongbao.web.context import Context, caller_address, context_of, read_body
from tongbao.web.problems import InvalidRequest

router = APIRouter(prefix="/v1", tags=["orders"])


_WAIT_LIMIT_SECONDS = 60
_WAIT = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to wait for a change",
    "schema": {"type": "integer", "minimum": 0, "maximum": _WAIT_LIMIT_SECONDS, "default": 0},
}


@router.post(
    "/orders",
    status_code=201,
    summary="Create an order",
    responses={
        200: {"model": OpenedAnswer, "description": "The same reference and content came before: the same order"},
        201: {"model": OpenedAnswer},
        **refusals(400, 401, 403, 409, 413, 422, 502),
    },
    openapi_extra=takes(OrderRequest),
)
async def create(request: Request) -> Response:
    """Open an order, with its first payment in the same request where `payment` says how."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(OrderRequest, raw)
        if body.notify is not None:
            await _make_endpoint(context, principal.merchant_id, body.notify)
        draft = _draft(principal, body)
        payer = await _payer_of(context.db, principal.merchant_id, body.buyer)
        first = (_choice(body.payment, request, principal), payer) if body.payment else None
        opened = await payments.create_order(context.db, context.directory, draft, first, prefetch=body.prefetch)
        view = watching.view(context, opened.order, opened.attempts)
        if opened.started:
            view |= _started(opened.started)
        return answer(view, 201 if opened.is_new else 200)

    return await once(request, context, asker(principal), raw, act)


@router.post(
    "/orders/{order_id}/payments",
    status_code=201,
    summary="Pay an order",
    responses={201: {"model": PaymentAnswer}, **refusals(400, 401, 403, 404, 409, 413, 422, 502)},
    openapi_extra=takes(PaymentRequest),
)
async def pay(request: Request, order_id: str) -> Response:
    """Start a payment, or go on with the one that is open, and give what the host's pay function takes."""
    context = context_of(request)
    principal = await authenticate(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(PaymentRequest, raw)
        if body.auth_code is not None:
            return await _collect(context, principal, order_id, body)
        payer = await _payer_for(context.db, principal, order_id)
        choice = _choice(body, request, principal)
        started = await payments.start(context.db, context.directory, principal.merchant_id, order_id, choice, payer)
        return answer(_started(started), 201)

    return await once(request, context, asker(principal), raw, act)


@router.get(
    "/orders/{order_id}",
    summary="Read an order, or wait for it to change",
    responses={200: {"model": OrderAnswer}, **refusals(401, 404, 422)},
    openapi_extra={"parameters": [_WAIT]},
)
async def read(request: Request, order_id: str) -> Response:
    """The order as it is now. With `?wait=25` the answer comes when it changes, at the latest after so many seconds."""
    context = context_of(request)
    principal = await authenticate(request, context.db)
    wait = _wait_seconds(request)
    order, attempts = await own_order(context.db, principal, order_id)
    if wait and order.status == payments.OrderStatus.OPEN:
        order, attempts = await watching.next_change(context, order, attempts, wait)
    return answer(watching.view(context, order, attempts))


@router.get(
    "/orders/{order_id}/events",
    summary="Follow an order (server-sent events)",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **refusals(401, 404)},
)
async def follow(request: Request, order_id: str) -> Response:
    """An `order` event with the whole order now and at every change, until it is paid or closed."""
    context = context_of(request)
    principal = await authenticate(request, context.db)
    order, attempts = await own_order(context.db, principal, order_id)
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(watching.events(context, order, attempts), 200, headers, "text/event-stream")


@router.post(
    "/orders/{order_id}/close",
    summary="Close an order",
    responses={200: {"model": OrderAnswer}, **refusals(400, 401, 403, 404, 409, 413, 422, 502)},
    openapi_extra=takes(CloseRequest, required=False),
)
async def close(request: Request, order_id: str) -> Response:
    """Close an order that is not paid: at the gateways first, so that it can never be paid, then here."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(CloseRequest, raw)
        await payments.close(context.db, context.directory, principal.merchant_id, order_id, body.reason)
        order, attempts = await payments.get_order(context.db, principal.merchant_id, order_id)
        return answer(watching.view(context, order, attempts))

    return await once(request, context, asker(principal), raw, act)


async def _collect(
    context: Context, principal: Principal | BuyerPrincipal, order_id: str, body: PaymentRequest
) -> Response:
    """The counter: the till scans the buyer's code, and its beginning tells the channel."""
    if isinstance(principal, BuyerPrincipal):
        raise Refusal("merchant_only", 403)
    assert body.auth_code is not None
    channel = body.channel or channel_of_code(body.auth_code)
    if channel is None:
        raise Refusal("unknown_wallet", 422, channels=", ".join(channel_names()))
    choice = Choice(channel, body.method, host=body.host)
    attempt = await payments.collect(
        context.db, context.directory, principal.merchant_id, order_id, choice, body.auth_code
    )
    return answer({"attempt": payments.attempt_view(attempt), "client_params": {}}, 201)


def _choice(body: PaymentRequest, request: Request, principal: Principal | BuyerPrincipal) -> Choice:
    """How it shall be paid. A buyer is on the host they logged in on, and at the address they call from."""
    if body.auth_code is not None:
        raise Refusal("auth_code_not_taken", 422, method=body.method)
    if body.channel is None:
        raise Refusal("channel_needed", 422)
    is_buyer = isinstance(principal, BuyerPrincipal)
    instalments = body.instalments and asdict(
        Instalments(body.instalments.number, seller_pays_fee=body.instalments.fee_by == "seller")
    )
    options = {
        "return_url": body.return_url,
        "payer_ip": caller_address(request) if is_buyer else body.payer_ip,
        "instalments": instalments,
        "only": sorted(body.only),
        "without": sorted(body.without),
    }
    return Choice(body.channel, body.method, body.fresh, None if is_buyer else body.host, options)


async def _make_endpoint(context: Context, merchant_id: str, url: str) -> None:
    """An order's own notify URL becomes a webhook endpoint, with a secret of its own. Twice is harmless."""
    async with context.db.tx() as tx:
        webhooks.ensure_order_endpoint(
            tx, context.sealer, merchant_id, url, allow_private=context.allow_private_webhooks, at=clock.now()
        )


def _draft(principal: Principal, body: OrderRequest) -> Draft:
    return Draft(
        merchant_id=principal.merchant_id,
        reference=body.reference,
        amount=body.amount,
        currency=body.currency,
        subject=body.subject,
        expires_in_seconds=body.expires_in,
        items=[item.model_dump() for item in body.items],
        metadata=body.metadata,
        buyer_id=body.buyer,
        notify_url=body.notify,
        return_url=body.return_url,
    )


async def _payer_of(db: Db, merchant_id: str, buyer_id: str | None) -> Payer | None:
    """How the host knows a buyer of this merchant. Raises Refusal(`unknown_buyer`, 422)."""
    if buyer_id is None:
        return None
    buyer = await buyers.identity_of(db, merchant_id, buyer_id)
    if buyer is None:
        raise Refusal("unknown_buyer", 422, buyer_id=buyer_id)
    return _payer(buyer)


def _payer(buyer: BuyerPrincipal) -> Payer:
    return Payer(buyer.buyer_id, buyer.host, buyer.app_id, buyer.subject, buyer.kind)


async def _payer_for(db: Db, principal: Principal | BuyerPrincipal, order_id: str) -> Payer | None:
    """Who pays: the buyer whose session it is (`payments.start` lets nobody pay another's order); else the buyer the
    merchant named."""
    if isinstance(principal, BuyerPrincipal):
        return _payer(principal)
    order, _ = await payments.get_order(db, principal.merchant_id, order_id)
    return await _payer_of(db, principal.merchant_id, order.buyer_id)


def _wait_seconds(request: Request) -> int:
    text = request.query_params.get("wait", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 3 and int(text) <= _WAIT_LIMIT_SECONDS):
        issue = f"must be a whole number of seconds from 0 to {_WAIT_LIMIT_SECONDS}"
        raise InvalidRequest([{"loc": ("query", "wait"), "msg": issue, "type": "wait"}])
    return int(text)


def _started(started: Started) -> dict[str, Any]:
    return {"attempt": payments.attempt_view(started.attempt), "client_params": started.client_params}
