"""Codes to scan: a shop's own on paper, and that of one order. Both open our page, which any phone can pay on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from tongbao import codes, merchants
from tongbao.codes import MOST_PIXELS, USUAL_LEAST, USUAL_MOST, StaticCode
from tongbao.kit import clock
from tongbao.kit.db import Tx
from tongbao.kit.money import yuan
from tongbao.web.api.auth import authenticate_merchant, own_order
from tongbao.web.api.idempotency import asker, once
from tongbao.web.api.schemas import Amount, Body, PlainText, answer, parse, refusals, takes
from tongbao.web.cashier.addresses import code_url, pay_url
from tongbao.web.context import Context, context_of, read_body

router = APIRouter(prefix="/v1", tags=["codes"])


class CodeRequest(Body):
    """A shop's own code: buyers type the sum."""

    name: Annotated[PlainText, StringConstraints(min_length=1, max_length=60)] = Field(
        description="the shop's name, as buyers see it", examples=["豆子咖啡南京西路店"]
    )
    subject: Annotated[PlainText, StringConstraints(min_length=1, max_length=127)] = Field(
        description="shown on the buyer's bill", examples=["Coffee"]
    )
    least: Amount = USUAL_LEAST
    most: Amount = USUAL_MOST


class CodeAnswer(BaseModel):
    """A shop's own code. `url` is what it opens: print it with `/v1/codes/{id}.svg` or `.png`."""

    id: str
    name: str
    subject: str
    least: int
    most: int
    status: Literal["active", "disabled"]
    url: str
    created_at: str


class DisableRequest(Body):
    """Nothing to say."""


Format = Annotated[Literal["png", "svg"], Path()]
Size = Annotated[int, Query(ge=128, le=MOST_PIXELS, description="width in pixels")]
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": {"image/png": {}, "image/svg+xml": {}}}
}
_PICTURES: dict[int | str, dict[str, Any]] = {**_PICTURE, **refusals(401, 403, 404, 422)}


@router.post(
    "/codes",
    status_code=201,
    summary="Make a shop's own code",
    responses={201: {"model": CodeAnswer}, **refusals(400, 401, 403, 409, 413, 422)},
    openapi_extra=takes(CodeRequest),
)
async def create(request: Request) -> Response:
    """A code to print once: whoever scans it types a sum from `least` to `most`, and pays an order over it."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        body = parse(CodeRequest, raw)

        async def make(tx: Tx) -> StaticCode:
            return await codes.create(tx, principal.merchant_id, body.name, body.subject, body.least, body.most)

        return answer(_view(context, await context.db.run(make)), 201)

    return await once(request, context, asker(principal), raw, act)


@router.get(
    "/codes",
    summary="List a shop's codes",
    responses={200: {"model": list[CodeAnswer]}, **refusals(401, 403)},
)
async def of_merchant(request: Request) -> Response:
    """All of them, oldest first."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    return answer([_view(context, code) for code in await codes.list_codes(context.db, principal.merchant_id)])


@router.post(
    "/codes/{code_id}/disable",
    summary="Disable a code",
    responses={200: {"model": CodeAnswer}, **refusals(400, 401, 403, 404, 409, 413, 422)},
    openapi_extra=takes(DisableRequest, required=False),
)
async def disable(request: Request, code_id: str) -> Response:
    """Let nobody pay to it any more. Orders made by it before can still be paid. Twice is harmless."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    raw = await read_body(request)

    async def act() -> Response:
        parse(DisableRequest, raw)
        code = await context.db.run(lambda tx: codes.disable(tx, principal.merchant_id, code_id))
        return answer(_view(context, code))

    return await once(request, context, asker(principal), raw, act)


@router.get(
    "/codes/{code_id}.{form}",
    summary="Print a shop's own code",
    response_class=Response,
    responses=_PICTURES,
)
async def picture(request: Request, code_id: str, form: Format, size: Size = 1024) -> Response:
    """The code with the shop's name under it, to be printed: a third of it may be covered and it is still read."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    code = await codes.get(context.db, principal.merchant_id, code_id)
    return _drawn(
        code_url(context.sealer, context.directory, code.merchant_id, code.code_id),
        [code.name],
        form,
        size,
        for_paper=True,
    )


@router.get(
    "/orders/{order_id}/code.{form}",
    summary="Show an order's code",
    response_class=Response,
    responses=_PICTURES,
)
async def picture_of_order(request: Request, order_id: str, form: Format, size: Size = 512) -> Response:
    """One code for every wallet: it opens the order's page, `pay_url`. With the shop's name and the sum under it."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    order, _ = await own_order(context.db, principal, order_id)
    shop = (await merchants.get_merchant(context.db, order.merchant_id)).name
    lines = [shop, f"¥{yuan(order.amount)}"]
    return _drawn(pay_url(context, order.merchant_id, order.order_id), lines, form, size, for_paper=False)


def _drawn(address: str, lines: list[str], form: str, size: int, *, for_paper: bool) -> Response:
    draw, media_type = (codes.as_png, "image/png") if form == "png" else (codes.as_svg, "image/svg+xml")
    headers = {"cache-control": "private, no-store", "content-security-policy": "default-src 'none'"}
    return Response(draw(address, lines, pixels=size, for_paper=for_paper), 200, headers, media_type)


def _view(context: Context, code: StaticCode) -> dict[str, Any]:
    return {
        "id": code.code_id,
        "name": code.name,
        "subject": code.subject,
        "least": code.least,
        "most": code.most,
        "status": code.status,
        "url": code_url(context.sealer, context.directory, code.merchant_id, code.code_id),
        "created_at": clock.text(code.created_at),
    }
