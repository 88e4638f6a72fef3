"""The page of a static code: the buyer types the sum, and goes on to the page of an order over it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from tongbao import codes
from tongbao.codes import StaticCode
from tongbao.hosts import host_names
from tongbao.kit import links
from tongbao.kit.errors import Refusal
from tongbao.kit.links import Link
from tongbao.kit.money import yuan
from tongbao.web.cashier import addresses, forms
from tongbao.web.cashier.limits import Limit
from tongbao.web.cashier.places import place_of
from tongbao.web.cashier.render import for_people, page
from tongbao.web.context import Context, caller_address, context_of
from tongbao.web.messages import words_of
from tongbao.web.problems import wants_chinese

router = APIRouter(include_in_schema=False)

_ORDERS_A_MINUTE = 10
_ASK_AGAIN = frozenset({"amount_unreadable", "amount_too_small", "amount_too_large", "form_expired", "form_used"})
_LONGEST_ECHO = 20
_limit = Limit(_ORDERS_A_MINUTE)


@router.get("/code/{link}")
@for_people
async def show(request: Request, link: str) -> Response:
    """The page."""
    context = context_of(request)
    return _page(request, context, link, await _code(context, link))


@router.post("/code/{link}")
@for_people
async def open_order(request: Request, link: str) -> Response:
    """Make the order, once for each form however often it is sent, and go on to its page."""
    context = context_of(request)
    form = await forms.read_form(request)
    code = await _code(context, link)
    _limit.count((code.code_id, caller_address(request)))
    typed = form.get("amount", "")
    try:
        order_id = await _order(context, link, code, form.get("form", ""), typed)
    except Refusal as refusal:
        if refusal.code not in _ASK_AGAIN:
            raise
        return _page(request, context, link, code, typed[:_LONGEST_ECHO], refusal)
    to_pay = links.write(context.sealer, addresses.PAY, Link(code.merchant_id, order_id))
    path = addresses.path_of(context, f"pay/{to_pay}")
    if place_of(request.headers.get("user-agent", "")).host in host_names():
        # The next page sends the browser away to log in, where our policy lets no form lead, however indirectly.
        return page(request, "going.html", name=code.name, go_to=path, link=to_pay)
    return RedirectResponse(path, 303, {"cache-control": "no-store"})


async def _code(context: Context, link: str) -> StaticCode:
    """Raises Refusal: `bad_link`, `code_not_found` (404), `code_disabled` (410)."""
    found = addresses.read(context, addresses.CODE, link)
    code = await codes.get(context.db, found.owner_id, found.thing_id)
    if not code.is_active:
        raise Refusal("code_disabled", 410)
    return code


async def _order(context: Context, link: str, code: StaticCode, token: str, typed: str) -> str:
    form_id = forms.read_token(context.sealer, link, token)
    amount = codes.read_amount(code, typed)
    try:
        return (await codes.open_order(context.db, context.directory, code, amount, form_id)).order.order_id
    except Refusal as refusal:
        if refusal.code == "reference_conflict":
            raise Refusal("form_used", 422) from None
        raise


def _page(
    request: Request,
    context: Context,
    link: str,
    code: StaticCode,
    typed: str = "",
    refusal: Refusal | None = None,
) -> Response:
    error = words_of(refusal, chinese=wants_chinese(request)) if refusal else None
    return page(
        request,
        "code.html",
        refusal.status if refusal else 200,
        link=link,
        code=code,
        least=yuan(code.least),
        most=yuan(code.most),
        typed=typed,
        error=error,
        token=forms.new_token(context.sealer, link),
    )
