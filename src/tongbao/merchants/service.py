"""Merchants, their apps and their accounts: made, changed, listed.

Every change to an app or account sends the signal `accounts`, on which a server calls `Directory.forget`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, TypeVar

import orjson

from tongbao import channels, hosts
from tongbao.kit import clock, ids, signals
from tongbao.kit.db import Conflict, Db, Tx
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.merchants import store
from tongbao.merchants.model import Account, App, Merchant

_APP_IDS = "app_ids"
_BATCH = 100

T = TypeVar("T", App, Account)


async def create_merchant(tx: Tx, name: str) -> Merchant:
    """Add a merchant. Raises Refusal `invalid_name`."""
    if not 1 <= len(name) <= 100 or not name.isprintable() or name != name.strip():
        raise Refusal("invalid_name", 400)
    merchant = Merchant(ids.new("mch"), name, clock.now())
    store.insert(tx, merchant)
    return merchant


async def get_merchant(reader: Db | Tx, merchant_id: str) -> Merchant:
    """The merchant of that id. Raises Refusal `unknown_merchant`."""
    merchant = await store.merchant(reader, merchant_id)
    if merchant is None:
        raise Refusal("unknown_merchant", 404, merchant_id=merchant_id)
    return merchant


async def list_merchants(db: Db) -> list[Merchant]:
    """All merchants, oldest first."""
    return await store.merchants(db)


async def set_late_payment(tx: Tx, merchant_id: str, policy: Literal["return", "revive"]) -> Merchant:
    """Say what becomes of money that comes in after its order was closed. Servers follow within seconds.

    Raises Refusal `unknown_merchant`.
    """
    merchant = replace(await get_merchant(tx, merchant_id), late_payment=policy)
    store.set_late_payment(tx, merchant_id, policy)
    tx.after_commit(_tell_servers)
    return merchant


# Apps -------------------------------------------------------------------------------------------------------------


async def add_app(
    tx: Tx, sealer: Sealer, merchant_id: str, host: str, app_id: str, secret: str, settings: Mapping[str, Any]
) -> App:
    """Add a mini-program; `settings` is what its host takes beside id and secret. The secret is sealed.

    Raises Refusal `unknown_merchant`, `unknown_host`, `invalid_app` (with `field` and `reason`), or `app_taken`: an app
    belongs to one merchant, and whose it is already is not told.
    """
    await get_merchant(tx, merchant_id)
    app = App(merchant_id, host, app_id, {}, b"", clock.now())
    app = _sealed_app(sealer, app, {**settings, "app_secret": secret})
    if await store.app_on_host(tx, host, app_id):
        raise Refusal("app_taken", 409, host=host, app_id=app_id)
    store.insert(tx, app)
    tx.after_commit(_tell_servers)
    return app


async def update_app(
    tx: Tx, sealer: Sealer, merchant_id: str, host: str, app_id: str, changes: Mapping[str, Any]
) -> App:
    """Change some settings of an app, `app_secret` among them; None removes one. Servers follow within seconds.

    Raises Refusal `unknown_app` or `invalid_app`.
    """
    before = await store.app_on_host(tx, host, app_id)
    if before is None or before.merchant_id != merchant_id:
        raise Refusal("unknown_app", 404, host=host, app_id=app_id)
    app = _sealed_app(sealer, before, _changed(sealer, before, changes))
    store.update_app(tx, before, app)
    tx.after_commit(_tell_servers)
    return app


async def list_apps(db: Db, merchant_id: str) -> list[App]:
    """A merchant's apps. Raises Refusal `unknown_merchant`."""
    await get_merchant(db, merchant_id)
    return await store.apps(db, merchant_id)


def _sealed_app(sealer: Sealer, app: App, settings: Mapping[str, Any]) -> App:
    hosts.validate_app(app.host, {**settings, "app_id": app.app_id})
    return _seal(sealer, app, settings, hosts.secret_fields(app.host))


# Accounts ---------------------------------------------------------------------------------------------------------


async def add_account(tx: Tx, sealer: Sealer, merchant_id: str, channel: str, settings: Mapping[str, Any]) -> Account:
    """Add an account at a gateway. Its secret settings are sealed, the others stay readable.

    `settings` is what the channel takes, and optionally `app_ids`: the only apps that may pay through it.
    Raises Refusal `unknown_merchant`, `unknown_channel`, or `invalid_account` with `field` and `reason`.
    """
    merchant = await get_merchant(tx, merchant_id)
    account = Account(
        merchant_id=merchant_id,
        account_id=ids.new("acc"),
        channel=channel,
        merchant_number="",
        settings={},
        sealed_secret=b"",
        platform_keys=[],
        keys_due_at=clock.now(),
        status="active",
        version=1,
        created_at=clock.now(),
        late_payment=merchant.late_payment,
    )
    account = _sealed_account(sealer, account, settings)
    store.insert(tx, account)
    tx.after_commit(_tell_servers)
    return account


async def update_account(
    tx: Tx, sealer: Sealer, merchant_id: str, account_id: str, changes: Mapping[str, Any]
) -> Account:
    """Change some settings of an account, its credentials among them; None removes one.

    Servers take the change up within seconds, and the gateway's certificates are fetched anew.
    Raises Refusal `unknown_account` or `invalid_account`.
    """
    account = await _account(tx, merchant_id, account_id)
    account = replace(account, version=account.version + 1, keys_due_at=clock.now())
    account = _sealed_account(sealer, account, _changed(sealer, account, changes))
    store.update_account(tx, account)
    tx.after_commit(_tell_servers)
    return account


async def disable_account(tx: Tx, merchant_id: str, account_id: str) -> Account:
    """Start no more payments through an account. What was started is still asked about and heard of."""
    return await _set_status(tx, merchant_id, account_id, "disabled")


async def enable_account(tx: Tx, merchant_id: str, account_id: str) -> Account:
    """Let payments start through an account again."""
    return await _set_status(tx, merchant_id, account_id, "active")


async def list_accounts(db: Db, merchant_id: str) -> list[Account]:
    """A merchant's accounts, oldest first. Raises Refusal `unknown_merchant`."""
    await get_merchant(db, merchant_id)
    return await store.accounts(db, merchant_id)


def _sealed_account(sealer: Sealer, account: Account, settings: Mapping[str, Any]) -> Account:
    for_channel = {name: settings[name] for name in settings if name != _APP_IDS}
    number = channels.validate_account(account.channel, for_channel)
    if account.merchant_number not in ("", number):
        # Payments that are open would be asked for under a number that has never heard of them.
        reason = f"an account stays with merchant {account.merchant_number}: add another account for {number}"
        raise Refusal("invalid_account", 400, field="merchant number", reason=reason)
    if _APP_IDS in settings:
        _check_app_ids(settings[_APP_IDS])
    account = replace(account, merchant_number=number)
    return _seal(sealer, account, settings, channels.secret_fields(account.channel))


def _check_app_ids(app_ids: object) -> None:
    if not (isinstance(app_ids, list) and app_ids and all(isinstance(app_id, str) for app_id in app_ids)):
        reason = "expected a list of app ids; leave it out to let every app of the merchant pay through this account"
        raise Refusal("invalid_account", 400, field=_APP_IDS, reason=reason)


async def _set_status(tx: Tx, merchant_id: str, account_id: str, status: str) -> Account:
    account = await _account(tx, merchant_id, account_id)
    account = replace(account, status=status, version=account.version + 1)
    store.update_account(tx, account)
    tx.after_commit(_tell_servers)
    return account


async def _account(tx: Tx, merchant_id: str, account_id: str) -> Account:
    account = await store.account(tx, account_id)
    if account is None or account.merchant_id != merchant_id:
        raise Refusal("unknown_account", 404, account_id=account_id)
    return account


def _tell_servers() -> None:
    signals.send("accounts")


# Secrets ----------------------------------------------------------------------------------------------------------


def open_settings(sealer: Sealer, thing: App | Account) -> dict[str, Any]:
    """The whole settings of an app or account, its secrets among them. Raises SealBroken."""
    return {**thing.settings, **orjson.loads(sealer.open(thing.sealed_secret, thing.seal_context))}


def _changed(sealer: Sealer, thing: App | Account, changes: Mapping[str, Any]) -> dict[str, Any]:
    settings = {**open_settings(sealer, thing), **changes}
    return {name: value for name, value in settings.items() if value is not None}


def _seal(sealer: Sealer, thing: T, settings: Mapping[str, Any], secret: frozenset[str]) -> T:
    """Put the secret settings under seal and the others in the open."""
    hidden = orjson.dumps({name: value for name, value in settings.items() if name in secret})
    return replace(
        thing,
        settings={name: value for name, value in settings.items() if name not in secret},
        sealed_secret=sealer.seal(hidden, thing.seal_context),
    )


async def reseal(db: Db, sealer: Sealer) -> int:
    """Seal every secret of ours that is under an older master key under the current one; returns how many.

    Twice is harmless: the second time finds nothing. Raises SealBroken where the older key is missing.
    """
    resealed = 0
    while batch := await store.sealed_otherwise(db, sealer.current, _BATCH):
        for thing in batch:
            secret = sealer.open(thing.sealed_secret, thing.seal_context)
            # Changed meanwhile by somebody else: if theirs is under an old key too, the next batch has it again.
            with suppress(Conflict):
                async with db.tx() as tx:
                    store.exchange_seal(tx, thing, sealer.seal(secret, thing.seal_context))
                resealed += 1
    return resealed
