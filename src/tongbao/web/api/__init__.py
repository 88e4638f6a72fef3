"""The API for merchants' servers and for mini-programs."""

from tongbao.web.api import cases, codes, explanations, orders, refunds, sessions, timeline, webhooks

ROUTERS = (
    orders.router,
    sessions.router,
    refunds.router,
    timeline.router,
    webhooks.router,
    cases.router,
    explanations.router,
    codes.router,
)
"""Its routes, the busiest first."""
