"""Who pays, where the gateway must be told: a silent log-in of the place that the page is opened in.

The browser goes to the host and comes back with a code; what stays in it is a cookie with a session of ours.
"""

from __future__ import annotations

import re
from typing import Protocol, runtime_checkable

from fastapi import Request, Response

from tongbao import buyers
from tongbao.buyers import BuyerPrincipal
from tongbao.kit import clock
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.payments import Order, Payer
from tongbao.web.cashier import addresses
from tongbao.web.context import Context

_COOKIE = "tongbao_buyer"
_COOKIE_SECONDS = 7 * 86_400
_STATE_SECONDS = 600
_STATE = re.compile(r"([0-9a-f]{8})([0-9a-f]{32})", re.ASCII)


@runtime_checkable
class PageHost(Protocol):
    """A host that pages log in on by a redirection."""

    def login_url(self, redirect_uri: str, state: str) -> str:
        """Where to send the browser."""
        ...


async def way_in(context: Context, host_name: str, app_id: str, order: Order, link: str) -> str | None:
    """Where to send the browser to log in; it comes back to the page's `/back`. None where the host has no such."""
    _, host = await context.directory.host_for(host_name, app_id)
    if not isinstance(host, PageHost):
        return None
    back = f"{addresses.pay_url(context, order.merchant_id, order.order_id)}/back"
    return host.login_url(back, _new_state(context.sealer, link))


async def come_back(context: Context, request: Request, host_name: str, app_id: str, link: str) -> str:
    """Exchange what the browser came back with; the token of the session. Raises Refusal as `buyers.log_in` does, or
    `login_refused` where it did not set out from this page within ten minutes."""
    state, code = (request.query_params.get(name, "") for name in ("state", "code"))
    if not code or not _is_our_state(context.sealer, link, state):
        raise Refusal("login_refused", 401, reason="state")
    app, host = await context.directory.host_for(host_name, app_id)
    session = await buyers.log_in(
        context.db, context.sealer, host, app.merchant_id, host_name, app_id, code, clock.now()
    )
    return session.token


def remember(context: Context, response: Response, token: str) -> None:
    """Keep the session in the browser, for our pay pages alone."""
    response.set_cookie(
        _COOKIE,
        token,
        max_age=_COOKIE_SECONDS,
        path=addresses.path_of(context, addresses.PAY),
        secure=context.directory.public_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


async def who(context: Context, request: Request, host_name: str, app_id: str, merchant_id: str) -> str | None:
    """The token in the browser, if it is a living session under this app."""
    token = request.cookies.get(_COOKIE, "")
    try:
        buyer = await buyers.authenticate(context.db, token, clock.now())
    except Refusal:
        return None
    return token if (buyer.host, buyer.app_id, buyer.merchant_id) == (host_name, app_id, merchant_id) else None


async def payer_of(context: Context, token: str, order: Order) -> Payer:
    """The person behind a session. Whoever was given an order's link may pay it, also for the buyer whose it is."""
    buyer: BuyerPrincipal = await buyers.authenticate(context.db, token, clock.now())
    return Payer(order.buyer_id or buyer.buyer_id, buyer.host, buyer.app_id, buyer.subject, buyer.kind)


def _new_state(sealer: Sealer, link: str) -> str:
    """Letters and digits alone, as WeChat wants it (网页授权, `state`)."""
    at = f"{clock.unix_seconds():08x}"
    return at + sealer.prove(_message(link, at)).hex()


def _is_our_state(sealer: Sealer, link: str, state: str) -> bool:
    match = _STATE.fullmatch(state)
    if not match or not sealer.is_proven(_message(link, match[1]), bytes.fromhex(match[2])):
        return False
    return clock.unix_seconds() <= int(match[1], 16) + _STATE_SECONDS


def _message(link: str, at: str) -> bytes:
    return "\n".join(("log-in", link, at)).encode()
