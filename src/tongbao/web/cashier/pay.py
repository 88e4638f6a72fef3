"""The page of one order: shown, paid by the way that fits where it is opened, watched until it is paid.

Amount and subject are the order's; the way is one of those that the page offers. Nothing is taken from the query.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from tongbao import codes, merchants, payments
from tongbao.kit import clock
from tongbao.kit.errors import Refusal
from tongbao.payments import Attempt, Choice, Order, Started
from tongbao.web.api import watching
from tongbao.web.api.schemas import answer
from tongbao.web.cashier import addresses, forms, logins, places
from tongbao.web.cashier.places import Offer, Place
from tongbao.web.cashier.render import for_people, language_of, page
from tongbao.web.cashier.stages import PAYABLE, Stage, stage_of
from tongbao.web.context import Context, caller_address, context_of

router = APIRouter(include_in_schema=False)

_WAIT_SECONDS = 25.0
_CODE_PIXELS = 220
_GO_ON = ("h5_url", "url")
_SHOWN = ("code_url", "qr_code")
_BUSY = frozenset({"channel_unavailable", "channel_uncertain", "host_unavailable"})
_LOGIN = frozenset({"login_refused", "code_used", "invalid_code"})
_NOT_PAYABLE = frozenset({"order_paid", "order_closed", "order_expired", "payment_held"})


@dataclass(slots=True)
class Visit:
    """One browser at one order's page. `token` is the session of who pays, where the gateway must be told."""

    request: Request
    context: Context
    link: str
    order: Order
    attempts: tuple[Attempt, ...]
    place: Place
    offers: list[Offer]
    token: str | None = field(default=None, repr=False)

    @property
    def stage(self) -> Stage:
        """What the buyer is to be shown."""
        return stage_of(self.order, self.attempts, clock.now())

    @property
    def logs_in(self) -> str | None:
        """Under which app the buyer must be known here, if under any."""
        return next((offer.app_id for offer in self.offers if offer.app_id), None)


@router.get("/pay/{link}")
@for_people
async def show(request: Request, link: str) -> Response:
    """The page. Where the gateway must be told who pays, the browser goes to log in first, once."""
    visit = await _visit(request, link)
    if visit.stage in PAYABLE and visit.logs_in and visit.token is None:
        away = await logins.way_in(visit.context, visit.place.host, visit.logs_in, visit.order, link)
        if away:
            return RedirectResponse(away, 302, {"cache-control": "no-store"})
    return await _page(visit)


@router.get("/pay/{link}/back")
@for_people
async def come_back(request: Request, link: str) -> Response:
    """Back from the log-in. The page is shown at once: with cookies forbidden nobody is sent round and round."""
    visit = await _visit(request, link)
    if visit.logs_in is None:
        return RedirectResponse(addresses.path_of(visit.context, f"pay/{link}"), 302)
    if visit.token:
        return await _page(visit)
    try:
        visit.token = await logins.come_back(visit.context, request, visit.place.host, visit.logs_in, link)
    except Refusal as refusal:
        return await _page(visit, notice=_notice(refusal), status=refusal.status)
    response = await _page(visit)
    logins.remember(visit.context, response, visit.token)
    return response


@router.post("/pay/{link}")
@for_people
async def pay(request: Request, link: str) -> Response:
    """Start to pay, or go on: tapped twice it is one payment."""
    form = await forms.read_form(request)
    visit = await _visit(request, link)
    offer = next((offer for offer in visit.offers if offer.way.id == form.get("way")), None)
    if visit.stage not in PAYABLE:
        return await _page(visit)
    if offer is None:
        return await _page(visit, notice="way_gone", status=422)
    try:
        started = await _start(visit, offer)
    except Refusal as refusal:
        if refusal.code in _NOT_PAYABLE:
            return RedirectResponse(addresses.path_of(visit.context, f"pay/{link}"), 303)
        return await _page(visit, notice=_notice(refusal), status=refusal.status)
    if offer.way.code and "application/json" in request.headers.get("accept", ""):
        return answer({"picture": _picture(started)})
    return await _go_on(visit, offer, started)


@router.get("/pay/{link}/wait")
async def wait(request: Request, link: str) -> Response:
    """The stage once it is another than `seen`, at the latest after 25 s. The link is what one needs to ask."""
    context = context_of(request)
    found = addresses.read(context, addresses.PAY, link)
    order, attempts = await payments.get_order(context.db, found.owner_id, found.thing_id)
    seen, until = request.query_params.get("seen"), time.monotonic() + _WAIT_SECONDS
    while stage_of(order, attempts, clock.now()) == seen and time.monotonic() < until and not context.is_stopping():
        # Its time running out is a change that nobody signals.
        patience_seconds = min(until - time.monotonic(), _left_seconds(order) + 1)
        order, attempts = await watching.next_change(context, order, attempts, patience_seconds)
    return answer({"stage": stage_of(order, attempts, clock.now()), "left_seconds": _left_seconds(order)})


async def _visit(request: Request, link: str) -> Visit:
    """Raises Refusal `bad_link` or `order_not_found` (404)."""
    context = context_of(request)
    found = addresses.read(context, addresses.PAY, link)
    order, attempts = await payments.get_order(context.db, found.owner_id, found.thing_id)
    place = places.place_of(request.headers.get("user-agent", ""))
    offers = await places.offers(context, order.merchant_id, place)
    visit = Visit(request, context, link, order, attempts, place, offers)
    if visit.logs_in:
        visit.token = await logins.who(context, request, place.host, visit.logs_in, order.merchant_id)
    return visit


async def _start(visit: Visit, offer: Offer) -> Started:
    context, order = visit.context, visit.order
    payer = None
    if offer.app_id:
        if visit.token is None:
            raise Refusal("login_refused", 401, reason="cookie")
        payer = await logins.payer_of(context, visit.token, order)
    # From the gateway the buyer comes back to this page, which shows what came of it before the shop does.
    back = addresses.pay_url(context, order.merchant_id, order.order_id) if offer.returns else None
    options = {"payer_ip": caller_address(visit.request), "return_url": back}
    choice = Choice(offer.way.channel, offer.way.method, host=visit.place.host, options=options)
    return await payments.start(context.db, context.directory, order.merchant_id, order.order_id, choice, payer)


async def _go_on(visit: Visit, offer: Offer, started: Started) -> Response:
    """What there is to do now: go to the gateway, scan, or let the wallet open its sheet."""
    params = started.client_params
    if go_to := next((params[name] for name in _GO_ON if name in params), None):
        name = places.NAMES[offer.way.channel].speak(language_of(visit.request))
        return page(visit.request, "going.html", name=name, go_to=go_to, link=visit.link)
    if any(name in params for name in _SHOWN):
        return await _page(visit, pictures={offer.way.id: _picture(started)})
    return await _page(visit, sheet={"appId": offer.app_id} | dict(params))


def _picture(started: Started) -> str:
    """The code that the buyer scans, as an address of an image."""
    content = next(started.client_params[name] for name in _SHOWN if name in started.client_params)
    svg = codes.as_svg(content, (), pixels=_CODE_PIXELS, for_paper=False)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


async def _page(
    visit: Visit,
    *,
    notice: str | None = None,
    status: int = 200,
    pictures: dict[str, str] | None = None,
    sheet: dict[str, str | None] | None = None,
) -> Response:
    order, stage = visit.order, visit.stage
    is_payable = stage in PAYABLE
    elsewhere = await places.elsewhere(visit.context, order.merchant_id, visit.offers) if is_payable else []
    language = language_of(visit.request)
    return page(
        visit.request,
        "pay.html",
        status,
        link=visit.link,
        url=addresses.pay_url(visit.context, order.merchant_id, order.order_id),
        order=order,
        shop=await _shop(visit.context, order),
        stage=stage,
        is_payable=is_payable,
        left_seconds=_left_seconds(order),
        offers=visit.offers,
        names=places.NAMES,
        elsewhere=[places.NAMES[channel].speak(language) for channel in elsewhere],
        notice=notice,
        pictures=pictures or {},
        sheet=sheet,
    )


async def _shop(context: Context, order: Order) -> str:
    """Whom the buyer pays: the name on the code they scanned, else the merchant's."""
    code_id = order.metadata.get("code_id")
    if code_id is not None:
        try:
            return (await codes.get(context.db, order.merchant_id, code_id)).name
        except Refusal:
            pass  # The merchant's own metadata, that happens to be called so.
    return (await merchants.get_merchant(context.db, order.merchant_id)).name


def _left_seconds(order: Order) -> int:
    return max(0, int((order.expires_at - clock.now()).total_seconds()))


def _notice(refusal: Refusal) -> str:
    """What a buyer is told of a refusal: what the API says about it is for programmers."""
    if refusal.code in _BUSY:
        return "busy"
    if refusal.code in _LOGIN:
        return "log_in"
    return "refused" if refusal.code == "payment_rejected" else "way_gone"
