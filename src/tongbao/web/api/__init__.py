"""The API for merchants' servers and for mini-programs."""

from tongbao.web.api import orders, sessions, timeline, webhooks

ROUTERS = (orders.router, sessions.router, timeline.router, webhooks.router)
"""Its routes, the busiest first."""
