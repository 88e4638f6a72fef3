"""Who is asking: a merchant's server with an API key, or a buyer with a session."""

from __future__ import annotations

from fastapi import Request

from tongbao import buyers, merchants
from tongbao.buyers import BuyerPrincipal
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.merchants import Principal


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
