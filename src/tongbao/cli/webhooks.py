"""`tongbao webhook …`: where merchants are told, what they were told, and telling them again."""

from __future__ import annotations

from typing import Any

import click

from tongbao import webhooks
from tongbao.cli.context import Context, as_json, pass_context, show, show_table
from tongbao.kit import clock
from tongbao.webhooks import Delivery, Endpoint

_merchant_id = click.argument("merchant_id", metavar="MERCHANT")
_endpoint_id = click.argument("endpoint_id", metavar="ENDPOINT")
_event_id = click.argument("event_id", metavar="EVENT")


@click.group()
def webhook() -> None:
    """Where merchants are told what happened, the log of it, and telling them again."""


@webhook.command("add")
@_merchant_id
@click.argument("url")
@as_json
@pass_context
def add(context: Context, merchant_id: str, url: str, as_json: bool) -> None:
    """Tell MERCHANT of every event at URL. Shows the secret that signs."""
    settings = context.settings
    endpoint, secret = context.change(
        lambda tx: webhooks.add_endpoint(
            tx, settings.sealer(), merchant_id, url, allow_private=settings.allow_private_webhooks, at=clock.now()
        )
    )
    show(_endpoint(endpoint) | {"secret": secret}, as_json)


@webhook.command("list")
@_merchant_id
@as_json
@pass_context
def list_endpoints(context: Context, merchant_id: str, as_json: bool) -> None:
    """Show the endpoints of MERCHANT."""
    show_table([_endpoint(one) for one in context.run(lambda db: webhooks.list_endpoints(db, merchant_id))], as_json)


@webhook.command("secret")
@_merchant_id
@_endpoint_id
@as_json
@pass_context
def secret(context: Context, merchant_id: str, endpoint_id: str, as_json: bool) -> None:
    """Show the secret of ENDPOINT."""
    text = context.run(lambda db: webhooks.reveal_secret(db, context.settings.sealer(), merchant_id, endpoint_id))
    show({"id": endpoint_id, "secret": text}, as_json)


@webhook.command("rotate")
@_merchant_id
@_endpoint_id
@as_json
@pass_context
def rotate(context: Context, merchant_id: str, endpoint_id: str, as_json: bool) -> None:
    """Give ENDPOINT a new secret. The old one signs beside it for 24 hours."""
    sealer = context.settings.sealer()
    text = context.change(lambda tx: webhooks.rotate_secret(tx, sealer, merchant_id, endpoint_id, clock.now()))
    show({"id": endpoint_id, "secret": text}, as_json)


@webhook.command("enable")
@_merchant_id
@_endpoint_id
@pass_context
def enable(context: Context, merchant_id: str, endpoint_id: str) -> None:
    """Tell ENDPOINT again, of what happens from now on."""
    context.change(lambda tx: webhooks.enable_endpoint(tx, merchant_id, endpoint_id))


@webhook.command("disable")
@_merchant_id
@_endpoint_id
@pass_context
def disable(context: Context, merchant_id: str, endpoint_id: str) -> None:
    """Stop telling ENDPOINT, and give up what waits for it."""
    context.change(lambda tx: webhooks.disable_endpoint(tx, merchant_id, endpoint_id))


@webhook.command("log")
@_merchant_id
@click.option("--order", "order_id", help="Only what this order caused.")
@click.option("--event", "event_id", help="Only this event.")
@click.option("--state", type=click.Choice(["pending", "delivered", "exhausted"]), help="Only what is in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@as_json
@pass_context
def log(
    context: Context,
    merchant_id: str,
    order_id: str | None,
    event_id: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what MERCHANT was told, newest first."""
    found = context.run(
        lambda db: webhooks.deliveries_of(
            db, merchant_id, order_id=order_id, event_id=event_id, state=state, limit=limit
        )
    )
    show_table([_delivery(one) for one in found], as_json)


@webhook.command("replay")
@_merchant_id
@_event_id
@click.option("--endpoint", "endpoint_id", help="Only to this endpoint, also for the first time.")
@as_json
@pass_context
def replay(context: Context, merchant_id: str, event_id: str, endpoint_id: str | None, as_json: bool) -> None:
    """Send EVENT again under the same webhook-id."""
    endpoint_ids = context.change(lambda tx: webhooks.replay(tx, merchant_id, event_id, endpoint_id, at=clock.now()))
    show({"event_id": event_id, "endpoint_ids": endpoint_ids}, as_json)


def _endpoint(one: Endpoint) -> dict[str, Any]:
    return {
        "id": one.endpoint_id,
        "url": one.url,
        "status": one.status,
        "per_order": one.per_order,
        "created_at": one.created_at,
    }


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "event_id": one.event_id,
        "type": one.type,
        "order_id": one.order_id,
        "endpoint_id": one.endpoint_id,
        "state": one.state,
        "tries": one.tries,
        "due_at": one.due_at,
        "delivered_at": one.delivered_at,
    }
