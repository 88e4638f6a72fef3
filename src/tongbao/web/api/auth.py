"""Who is asking: a merchant's server with an API key, or a buyer with a session; and which orders they may see."""

from __future__ import annotations

from fastapi import Request

from tongbao import buyers, merchants, payments
from tongbao.buyers import BuyerPrincipal
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.merchants import Principal
from tongbao.payments import Attempt, Order


async def authenticate(request: Request, db: Db) -> Principal | BuyerPrincipal:
    """The principal behind the Authorization header. Raises Refusal with status 401 and the cure."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refusal("unauthorized", 401)
    if token.startswith("sk_"):
        return await merchants.authenticate(db, token, clock.now())
    return await buyers.authenticate(db, token, clock.now())


async def authenticate_merchant(request: Request, db: Db) -> Principal:
    """As above, and a buyer's session is refused with 403."""
    principal = await authenticate(request, db)
    if isinstance(principal, BuyerPrincipal):
        raise Refusal("merchant_only", 403)
    return principal


async def own_order(db: Db, principal: Principal | BuyerPrincipal, order_id: str) -> tuple[Order, tuple[Attempt, ...]]:
    """An order the principal may see: another buyer's does not exist for it. Raises Refusal `order_not_found`."""
    order, attempts = await payments.get_order(db, principal.merchant_id, order_id)
    if isinstance(principal, BuyerPrincipal) and order.buyer_id != principal.buyer_id:
        raise Refusal("order_not_found", 404, order_id=order_id)
    return order, attempts
