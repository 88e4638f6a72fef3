"""Refunds: asked for by merchants' servers, seen by their buyers too."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from tongbao import refunds
from tongbao.refunds import RefundDraft
from tongbao.web.api.auth import authenticate, authenticate_merchant, own_order
from tongbao.web.api.idempotency import asker, once
from tongbao.web.api.schemas import answer, parse, refusals, takes
from tongbao.web.api.schemas_money_back import RedirectRequest, RefundAnswer, RefundRequest
from tongbao.web.context import context_of, read_body

router = APIRouter(prefix="/v1", tags=["refunds"])


@router.post(
    "/orders/{order_id}/refunds",
    status_code=201,
    summary="Refund an order",
    responses={
        200: {"model": RefundAnswer, "description": "The same reference and content came before: the same refund"},
        201: {"model": RefundAnswer},
        **refusals(400, 401, 403, 404, 409, 413, 422),
    },
    openapi_extra=takes(RefundRequest),
)
async def create(request: Request, order_id: str) -> Response:
    """Give back all or part of a paid order. Whatever the gateway says so far, the money is set aside: `state` tells
    how far it is, and we go on until it is final."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(RefundRequest, raw)
        items = [item.model_dump() for item in body.items]
        draft = RefundDraft(principal.merchant_id, body.reference, body.sum_to_refund(), body.reason, items)
        requested = await refunds.request(context.db, context.directory, order_id, draft)
        return answer(refunds.refund_view(requested.refund), 201 if requested.is_new else 200)

    return await once(request, context, asker(principal), raw, act)


@router.get(
    "/orders/{order_id}/refunds",
    summary="List an order's refunds",
    responses={200: {"model": list[RefundAnswer]}, **refusals(401, 404)},
)
async def of_order(request: Request, order_id: str) -> Response:
    """The refunds of an order, oldest first: those its merchant asked for, and what goes back by itself."""
    context = context_of(request)
    principal = await authenticate(request, context.db)
    await own_order(context.db, principal, order_id)
    found = await refunds.refunds_of(context.db, principal.merchant_id, order_id)
    return answer([refunds.refund_view(refund) for refund in found])


@router.get(
    "/refunds/{refund_id}",
    summary="Read a refund",
    responses={200: {"model": RefundAnswer}, **refusals(401, 403, 404)},
)
async def read(request: Request, refund_id: str) -> Response:
    """The refund as it is now."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    return answer(refunds.refund_view(await refunds.get_refund(context.db, principal.merchant_id, refund_id)))


@router.post(
    "/refunds/{refund_id}/redirect",
    summary="Send an abnormal refund elsewhere",
    responses={200: {"model": RefundAnswer}, **refusals(400, 401, 403, 404, 409, 413, 422, 502)},
    openapi_extra=takes(RedirectRequest),
)
async def redirect(request: Request, refund_id: str) -> Response:
    """Send money that could not reach the buyer to another card of the buyer's, or back to the merchant's own."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(RedirectRequest, raw)
        refund = await refunds.redirect(
            context.db,
            context.directory,
            principal.merchant_id,
            refund_id,
            body.to,
            body.bank,
            body.card_number,
            body.card_holder,
        )
        return answer(refunds.refund_view(refund))

    # A card's number could be guessed from the hash of the body that holds it, so a key is kept without the body's.
    return await once(request, context, asker(principal), b"", act)
