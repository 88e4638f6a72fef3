"""`tongbao merchant|app|account|key …`: who we collect for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import click
import orjson

from tongbao import channels, hosts, merchants
from tongbao.cli.context import Context, Failure, as_json, pass_context, show, show_table
from tongbao.kit import clock
from tongbao.merchants import Account, ApiKey, App, Merchant

_HIDDEN = "••••"
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


# Merchants --------------------------------------------------------------------------------------------------------


@click.group()
def merchant() -> None:
    """Who we collect for."""


@merchant.command("create")
@click.argument("name")
@as_json
@pass_context
def create_merchant(context: Context, name: str, as_json: bool) -> None:
    """Add a merchant called NAME."""
    show(_merchant(context.run(lambda db: db.run(lambda tx: merchants.create_merchant(tx, name)))), as_json)


@merchant.command("list")
@as_json
@pass_context
def list_merchants(context: Context, as_json: bool) -> None:
    """Show all merchants."""
    show_table([_merchant(one) for one in context.run(merchants.list_merchants)], as_json)


def _merchant(one: Merchant) -> dict[str, Any]:
    return {"id": one.merchant_id, "name": one.name, "created_at": one.created_at}


# Apps -------------------------------------------------------------------------------------------------------------


@click.group()
def app() -> None:
    """A merchant's mini-programs on host platforms."""


_host = click.option("--host", required=True, type=click.Choice(hosts.host_names()), help="The platform it runs on.")
_app_id = click.option("--app-id", required=True, help="Its id on that platform.")
_app_base_url = click.option("--base-url", help="Reach the platform here instead: a sandbox or a proxy.")


@app.command("add")
@click.argument("merchant_id", metavar="MERCHANT")
@_host
@_app_id
@click.option("--secret-file", type=click.File(), help="Its secret; - reads standard input. [or TONGBAO_APP_SECRET]")
@_app_base_url
@as_json
@pass_context
def add_app(
    context: Context,
    merchant_id: str,
    host: str,
    app_id: str,
    secret_file: IO[str] | None,
    base_url: str | None,
    as_json: bool,
) -> None:
    """Add a mini-program of MERCHANT."""
    secret, settings = _secret(secret_file), _given(base_url=base_url)
    if secret is None:
        raise Failure("Give the app's secret: --secret-file FILE, --secret-file - or the variable TONGBAO_APP_SECRET")
    added = context.run(
        lambda db: db.run(
            lambda tx: merchants.add_app(tx, context.settings.sealer(), merchant_id, host, app_id, secret, settings)
        )
    )
    show(_app(added), as_json)


@app.command("update")
@click.argument("merchant_id", metavar="MERCHANT")
@_host
@_app_id
@click.option("--secret-file", type=click.File(), help="Its new secret. [or TONGBAO_APP_SECRET]")
@_app_base_url
@as_json
@pass_context
def update_app(
    context: Context,
    merchant_id: str,
    host: str,
    app_id: str,
    secret_file: IO[str] | None,
    base_url: str | None,
    as_json: bool,
) -> None:
    """Change the secret or the address of an app of MERCHANT; running servers follow."""
    changes = _given(app_secret=_secret(secret_file), base_url=base_url)
    updated = context.run(
        lambda db: db.run(
            lambda tx: merchants.update_app(tx, context.settings.sealer(), merchant_id, host, app_id, changes)
        )
    )
    show(_app(updated), as_json)


@app.command("list")
@click.argument("merchant_id", metavar="MERCHANT")
@as_json
@pass_context
def list_apps(context: Context, merchant_id: str, as_json: bool) -> None:
    """Show the apps of MERCHANT."""
    show_table([_app(one) for one in context.run(lambda db: merchants.list_apps(db, merchant_id))], as_json)


def _app(one: App) -> dict[str, Any]:
    return {"host": one.host, "app_id": one.app_id, "settings": one.settings, "created_at": one.created_at}


def _secret(file: IO[str] | None) -> str | None:
    return file.read().strip() if file else os.environ.get("TONGBAO_APP_SECRET")


def _given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


# Accounts ---------------------------------------------------------------------------------------------------------


@click.group()
def account() -> None:
    """A merchant's accounts at payment gateways.

    Settings are a JSON object in a file or on standard input, never on the command line. One that ends in _pem may be
    "@FILE": the content of that file, its path beginning at the settings file.
    """


_settings_file = click.option(
    "--settings", "settings_file", type=click.File(), help="A file of JSON; - reads standard input."
)
_account_base_url = click.option("--base-url", help="Reach the gateway here instead: a sandbox or a proxy.")


@account.command("add")
@click.argument("merchant_id", metavar="MERCHANT")
@click.option("--channel", required=True, type=click.Choice(channels.channel_names()), help="The gateway.")
@_settings_file
@_account_base_url
@as_json
@pass_context
def add_account(
    context: Context,
    merchant_id: str,
    channel: str,
    settings_file: IO[str] | None,
    base_url: str | None,
    as_json: bool,
) -> None:
    """Add an account of MERCHANT. What is secret in its settings is sealed."""
    settings = _read_settings(settings_file) | _given(base_url=base_url)
    added = context.run(
        lambda db: db.run(
            lambda tx: merchants.add_account(tx, context.settings.sealer(), merchant_id, channel, settings)
        )
    )
    show(_account(added), as_json)


@account.command("update")
@click.argument("merchant_id", metavar="MERCHANT")
@click.argument("account_id", metavar="ACCOUNT")
@_settings_file
@_account_base_url
@as_json
@pass_context
def update_account(
    context: Context,
    merchant_id: str,
    account_id: str,
    settings_file: IO[str] | None,
    base_url: str | None,
    as_json: bool,
) -> None:
    """Change the given settings of an account, its credentials among them; null removes one. Running servers follow."""
    changes = _read_settings(settings_file) | _given(base_url=base_url)
    updated = context.run(
        lambda db: db.run(
            lambda tx: merchants.update_account(tx, context.settings.sealer(), merchant_id, account_id, changes)
        )
    )
    show(_account(updated), as_json)


@account.command("disable")
@click.argument("merchant_id", metavar="MERCHANT")
@click.argument("account_id", metavar="ACCOUNT")
@as_json
@pass_context
def disable_account(context: Context, merchant_id: str, account_id: str, as_json: bool) -> None:
    """Start no more payments through an account; those that were started go on to their end."""
    disabled = context.run(
        lambda db: db.run(lambda tx: merchants.disable_account(tx, merchant_id, account_id))
    )
    show(_account(disabled), as_json)


@account.command("enable")
@click.argument("merchant_id", metavar="MERCHANT")
@click.argument("account_id", metavar="ACCOUNT")
@as_json
@pass_context
def enable_account(context: Context, merchant_id: str, account_id: str, as_json: bool) -> None:
    """Let payments start through an account again."""
    enabled = context.run(
        lambda db: db.run(lambda tx: merchants.enable_account(tx, merchant_id, account_id))
    )
    show(_account(enabled), as_json)


@account.command("list")
@click.argument("merchant_id", metavar="MERCHANT")
@as_json
@pass_context
def list_accounts(context: Context, merchant_id: str, as_json: bool) -> None:
    """Show the accounts of MERCHANT."""
    found = context.run(lambda db: merchants.list_accounts(db, merchant_id))
    show_table([_account(one) for one in found], as_json)


@account.command("show")
@click.argument("merchant_id", metavar="MERCHANT")
@click.argument("account_id", metavar="ACCOUNT")
@as_json
@pass_context
def show_account(context: Context, merchant_id: str, account_id: str, as_json: bool) -> None:
    """Show an account and its settings; the secret ones as dots."""
    found = context.run(lambda db: merchants.list_accounts(db, merchant_id))
    for one in found:
        if one.account_id == account_id:
            show(_account(one) | _details(one), as_json)
            return
    raise Failure(f"There is no account {account_id} of this merchant: `tongbao account list` shows them")
