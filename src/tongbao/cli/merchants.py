"""`tongbao merchant|app|account|key …`: who we collect for."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Literal

import click
import orjson

from tongbao import channels, hosts, merchants
from tongbao.cli.context import Context, Failure, as_json, pass_context, show, show_table
from tongbao.kit import clock
from tongbao.kit.db import Tx
from tongbao.merchants import Account, ApiKey, App, Merchant

_HIDDEN = "••••"
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_merchant_id = click.argument("merchant_id", metavar="MERCHANT")
_account_id = click.argument("account_id", metavar="ACCOUNT")


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
    show(_merchant(context.change(lambda tx: merchants.create_merchant(tx, name))), as_json)


@merchant.command("list")
@as_json
@pass_context
def list_merchants(context: Context, as_json: bool) -> None:
    """Show all merchants."""
    show_table([_merchant(one) for one in context.run(merchants.list_merchants)], as_json)


@merchant.command("policy")
@_merchant_id
@click.option("--late-payment", type=click.Choice(["return", "revive"]), help="Return the money, or revive the order.")
@as_json
@pass_context
def policy(context: Context, merchant_id: str, late_payment: Literal["return", "revive"] | None, as_json: bool) -> None:
    """Say what becomes of money that comes in after its order of MERCHANT was closed. Running servers follow."""
    if late_payment:
        one = context.change(lambda tx: merchants.set_late_payment(tx, merchant_id, late_payment))
    else:
        one = context.run(lambda db: merchants.get_merchant(db, merchant_id))
    show(_merchant(one), as_json)


def _merchant(one: Merchant) -> dict[str, Any]:
    return {
        "id": one.merchant_id,
        "name": one.name,
        "late_payment": one.late_payment,
        "created_at": one.created_at,
    }


# Apps -------------------------------------------------------------------------------------------------------------


@click.group()
def app() -> None:
    """A merchant's mini-programs on host platforms."""


_host = click.option("--host", required=True, type=click.Choice(hosts.host_names()), help="The platform it runs on.")
_app_id = click.option("--app-id", required=True, help="Its id on that platform.")
_secret_file = click.option(
    "--secret-file",
    type=click.File(encoding="utf-8"),
    help="A file with its secret; - reads standard input. Without it: the variable TONGBAO_APP_SECRET.",
)
_app_settings = click.option(
    "--settings",
    "settings_file",
    type=click.File(encoding="utf-8"),
    help="What its platform takes beside id and secret: a file of JSON as for an account; - reads standard input.",
)
_app_base_url = click.option("--base-url", help="Reach the platform here instead: a sandbox or a proxy.")


@app.command("add")
@_merchant_id
@_host
@_app_id
@_secret_file
@_app_settings
@_app_base_url
@as_json
@pass_context
def add_app(
    context: Context,
    merchant_id: str,
    host: str,
    app_id: str,
    secret_file: IO[str] | None,
    settings_file: IO[str] | None,
    base_url: str | None,
    as_json: bool,
) -> None:
    """Add a mini-program of MERCHANT."""
    secret, settings = _secret(secret_file), _app_changes(settings_file, base_url)
    if secret is None:
        raise Failure("Give the app's secret: --secret-file FILE, --secret-file - or the variable TONGBAO_APP_SECRET")

    async def add(tx: Tx) -> App:
        return await merchants.add_app(tx, context.settings.sealer(), merchant_id, host, app_id, secret, settings)

    show(_app(context.change(add)), as_json)


@app.command("update")
@_merchant_id
@_host
@_app_id
@_secret_file
@_app_settings
@_app_base_url
@as_json
@pass_context
def update_app(
    context: Context,
    merchant_id: str,
    host: str,
    app_id: str,
    secret_file: IO[str] | None,
    settings_file: IO[str] | None,
    base_url: str | None,
    as_json: bool,
) -> None:
    """Change the secret or other settings of an app of MERCHANT; null removes one. Running servers follow."""
    secret = _secret(secret_file)
    changes = _app_changes(settings_file, base_url) | ({"app_secret": secret} if secret else {})

    async def update(tx: Tx) -> App:
        return await merchants.update_app(tx, context.settings.sealer(), merchant_id, host, app_id, changes)

    show(_app(context.change(update)), as_json)


@app.command("list")
@_merchant_id
@as_json
@pass_context
def list_apps(context: Context, merchant_id: str, as_json: bool) -> None:
    """Show the apps of MERCHANT."""
    show_table([_app(one) for one in context.run(lambda db: merchants.list_apps(db, merchant_id))], as_json)


def _app(one: App) -> dict[str, Any]:
    return {"host": one.host, "app_id": one.app_id, "settings": one.settings, "created_at": one.created_at}


def _app_changes(settings_file: IO[str] | None, base_url: str | None) -> dict[str, Any]:
    """The settings of an app beside its secret."""
    return _read_settings(settings_file) | _given(base_url=base_url)


def _secret(file: IO[str] | None) -> str | None:
    if file is None:
        return os.environ.get("TONGBAO_APP_SECRET")
    try:
        return file.read().strip()
    except ValueError:
        raise Failure(f"The secret in {file.name} is not text") from None


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
    "--settings", "settings_file", type=click.File(encoding="utf-8"), help="A file of JSON; - reads standard input."
)
_account_base_url = click.option("--base-url", help="Reach the gateway here instead: a sandbox or a proxy.")


@account.command("add")
@_merchant_id
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

    async def add(tx: Tx) -> Account:
        return await merchants.add_account(tx, context.settings.sealer(), merchant_id, channel, settings)

    show(_account(context.change(add)), as_json)


@account.command("update")
@_merchant_id
@_account_id
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

    async def update(tx: Tx) -> Account:
        return await merchants.update_account(tx, context.settings.sealer(), merchant_id, account_id, changes)

    show(_account(context.change(update)), as_json)


@account.command("disable")
@_merchant_id
@_account_id
@as_json
@pass_context
def disable_account(context: Context, merchant_id: str, account_id: str, as_json: bool) -> None:
    """Start no more payments through an account; those that were started go on to their end."""
    show(_account(context.change(lambda tx: merchants.disable_account(tx, merchant_id, account_id))), as_json)


@account.command("enable")
@_merchant_id
@_account_id
@as_json
@pass_context
def enable_account(context: Context, merchant_id: str, account_id: str, as_json: bool) -> None:
    """Let payments start through an account again."""
    show(_account(context.change(lambda tx: merchants.enable_account(tx, merchant_id, account_id))), as_json)


@account.command("list")
@_merchant_id
@as_json
@pass_context
def list_accounts(context: Context, merchant_id: str, as_json: bool) -> None:
    """Show the accounts of MERCHANT."""
    found = context.run(lambda db: merchants.list_accounts(db, merchant_id))
    show_table([_account(one) for one in found], as_json)


@account.command("show")
@_merchant_id
@_account_id
@as_json
@pass_context
def show_account(context: Context, merchant_id: str, account_id: str, as_json: bool) -> None:
    """Show an account and its settings; the secret ones as dots."""
    found = context.run(lambda db: merchants.list_accounts(db, merchant_id))
    one = next((one for one in found if one.account_id == account_id), None)
    if one is None:
        raise Failure(f"There is no account {account_id} of this merchant: `tongbao account list` shows them")
    show(_account(one) | _details(one), as_json)


def _account(one: Account) -> dict[str, Any]:
    return {
        "id": one.account_id,
        "channel": one.channel,
        "status": one.status,
        "version": one.version,
        "created_at": one.created_at,
    }


def _details(one: Account) -> dict[str, Any]:
    hidden = dict.fromkeys(sorted(channels.secret_fields(one.channel)), _HIDDEN)
    return {
        "settings": {**one.settings, **hidden},
        "platform_keys": {key["serial"]: f"until {key['usable_until']}" for key in one.platform_keys},
        "platform_keys_due_at": one.keys_due_at,
    }


def _read_settings(file: IO[str] | None) -> dict[str, Any]:
    """The settings in a file. What an error says never quotes it, for there are secrets in it."""
    if file is None:
        return {}
    try:
        settings = orjson.loads(file.read())
    except ValueError as error:
        raise Failure(f"The settings in {file.name} are not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise Failure(f"The settings in {file.name} are not a JSON object: {{…}}")
    folder = Path(file.name).parent
    return {name: _read_pem(folder, name, value) for name, value in settings.items()}


def _read_pem(folder: Path, name: str, value: object) -> object:
    if not (name.endswith("_pem") and isinstance(value, str) and value.startswith("@")):
        return value
    try:
        return (folder / value[1:]).read_text()
    except (OSError, ValueError) as error:
        raise Failure(f"Setting {name}: {value[1:]} cannot be read: {error}") from None


# Keys -------------------------------------------------------------------------------------------------------------


@click.group()
def key() -> None:
    """A merchant's keys to the API."""


@key.command("create")
@_merchant_id
@click.option("--name", default="", help="What it is for.")
@click.option("--expires-in", metavar="TIME", help="How long it works: 12h, 90d, 52w. Without it, until revoked.")
@as_json
@pass_context
def create_key(context: Context, merchant_id: str, name: str, expires_in: str | None, as_json: bool) -> None:
    """Make a key for MERCHANT and show it, this once."""
    expires_at = clock.now() + _time(expires_in) if expires_in else None
    made, text = context.change(lambda tx: merchants.create_key(tx, merchant_id, name, expires_at))
    show({"key": text} | _key(made), as_json)


@key.command("revoke")
@_merchant_id
@click.argument("key_id", metavar="KEY")
@pass_context
def revoke_key(context: Context, merchant_id: str, key_id: str) -> None:
    """End a key of MERCHANT for ever."""
    context.change(lambda tx: merchants.revoke_key(tx, merchant_id, key_id))
    click.echo(f"Key {key_id} is revoked.")


@key.command("list")
@_merchant_id
@as_json
@pass_context
def list_keys(context: Context, merchant_id: str, as_json: bool) -> None:
    """Show the keys of MERCHANT; their secrets are known to nobody but their holders."""
    show_table([_key(one) for one in context.run(lambda db: merchants.list_keys(db, merchant_id))], as_json)


def _key(one: ApiKey) -> dict[str, Any]:
    return {
        "id": one.key_id,
        "name": one.name,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
    }


def _time(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9]\d{0,4})([mhdw])", text)
    if not match:
        raise Failure(f"--expires-in {text}: expected a number and m, h, d or w, for example 90d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
