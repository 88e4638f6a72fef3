"""The doors: merchants' servers and mini-programs (api), gateways (notify), buyers (cashier), operators (ops)."""

from __future__ import annotations

from fastapi import FastAPI

from tongbao.web import api, cashier, notify, ops, problems
from tongbao.web.api.store import purge
from tongbao.web.app import App
from tongbao.web.cashier import code_url
from tongbao.web.context import Context
from tongbao.web.messages import words_of
from tongbao.web.metering import Metering
from tongbao.web.protocol import Protocol

__all__ = ["Context", "Protocol", "code_url", "create", "purge", "words_of"]

_DESCRIPTION = """
One API to log buyers in, open orders and collect them through the payment gateways.

Amounts are integers of **fen**; times are RFC 3339 in UTC. Send `Authorization: Bearer sk_…` from your server, or the
buyer's session token from the mini-program. Every POST takes an `Idempotency-Key`. Refusals are
`application/problem+json` with a stable `code`, in Chinese or English by `Accept-Language`.
"""


def create(version: str) -> FastAPI:
    """The web application, its `state.context` still to be set before it takes requests."""
    app = App(
        title="Tongbao 通宝",
        version=version,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.show_docs()
    problems.install(app, app.methods_at)
    app.add_middleware(Metering)
    # The busiest first.
    app.open_doors((api.ROUTERS[0], notify.router, *api.ROUTERS[1:], *cashier.ROUTERS, ops.router))
    cashier.show_static(app)
    return app
