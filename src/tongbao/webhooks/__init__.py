"""Telling merchants what happened: events signed as Standard Webhooks, retried until they arrive."""

from __future__ import annotations

from tongbao.webhooks.courier import Courier
from tongbao.webhooks.model import Delivery, Endpoint, Try
from tongbao.webhooks.service import (
    TOPIC,
    add_endpoint,
    backlog,
    deliveries_of,
    disable_endpoint,
    enable_endpoint,
    ensure_order_endpoint,
    list_endpoints,
    payload_of,
    publish,
    purge,
    replay,
    reseal,
    reveal_secret,
    rotate_secret,
    tries_of,
)

__all__ = [
    "TOPIC",
    "Courier",
    "Delivery",
    "Endpoint",
    "Try",
    "add_endpoint",
    "backlog",
    "deliveries_of",
    "disable_endpoint",
    "enable_endpoint",
    "ensure_order_endpoint",
    "list_endpoints",
    "payload_of",
    "publish",
    "purge",
    "replay",
    "reseal",
    "reveal_secret",
    "rotate_secret",
    "tries_of",
]
