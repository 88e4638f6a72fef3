"""What buyers see of us: the page on which an order is paid, and that of a shop's own code."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from tongbao.web.cashier import code, pay
from tongbao.web.cashier.addresses import code_url, pay_url
from tongbao.web.cashier.render import FOLDER, STATIC

__all__ = ["ROUTERS", "code_url", "pay_url", "show_static"]

ROUTERS = (pay.router, code.router)


def show_static(app: Starlette) -> None:
    """Serve what the pages look like: no page of ours asks another host for anything."""
    app.mount(f"/{STATIC}", StaticFiles(directory=FOLDER / "static"))
