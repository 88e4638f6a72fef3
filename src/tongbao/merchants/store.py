"""The SQL of merchants, apps, accounts and API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import TypeVar

from tongbao.kit.db import Db, Tx
from tongbao.merchants.model import Account, ApiKey, App, Merchant

T = TypeVar("T", Merchant, App, Account, ApiKey)
_TABLES = {Merchant: "merchants", App: "apps", Account: "accounts", ApiKey: "api_keys"}
_POLICIES = "(SELECT merchant_id, late_payment FROM merchants) AS policies"
_READ_FROM = _TABLES | {Account: f"accounts JOIN {_POLICIES} USING (merchant_id)"}


def _columns(kind: type[Merchant | App | Account | ApiKey]) -> list[str]:
    return [field.name for field in fields(kind)]


async def _all(reader: Db | Tx, kind: type[T], rest: str, *args: object) -> list[T]:
    rows = await reader.fetch(f"SELECT {', '.join(_columns(kind))} FROM {_READ_FROM[kind]} {rest}", *args)
    return [kind(*row.values()) for row in rows]


async def _one(reader: Db | Tx, kind: type[T], rest: str, *args: object) -> T | None:
    found = await _all(reader, kind, rest, *args)
    return found[0] if found else None


def insert(tx: Tx, thing: Merchant | App | Account | ApiKey) -> None:
    names = [name for name in _columns(type(thing)) if not (name == "late_payment" and isinstance(thing, Account))]
    values = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    sql = f"INSERT INTO {_TABLES[type(thing)]} ({', '.join(names)}) VALUES ({values})"
    tx.write(sql, *(getattr(thing, name) for name in names), rows=1)


# Merchants and their apps -----------------------------------------------------------------------------------------


async def merchant(reader: Db | Tx, merchant_id: str) -> Merchant | None:
    return await _one(reader, Merchant, "WHERE merchant_id = $1", merchant_id)


async def merchants(db: Db) -> list[Merchant]:
    return await _all(db, Merchant, "ORDER BY merchant_id")


def set_late_payment(tx: Tx, merchant_id: str, policy: str) -> None:
    tx.write("UPDATE merchants SET late_payment = $2 WHERE merchant_id = $1", merchant_id, policy, rows=1)


async def app_on_host(reader: Db | Tx, host: str, app_id: str) -> App | None:
    """The app of that name. Were it there twice, the one that came first has it."""
    rest = "WHERE host = $1 AND app_id = $2 ORDER BY created_at, merchant_id LIMIT 1"
    return await _one(reader, App, rest, host, app_id)


async def apps(db: Db, merchant_id: str) -> list[App]:
    return await _all(db, App, "WHERE merchant_id = $1 ORDER BY host, app_id", merchant_id)


def update_app(tx: Tx, before: App, after: App) -> None:
    tx.write(
        """
        UPDATE apps SET settings = $4, sealed_secret = $5
        WHERE merchant_id = $1 AND host = $2 AND app_id = $3 AND sealed_secret = $6
        """,
        after.merchant_id,
        after.host,
        after.app_id,
        after.settings,
        after.sealed_secret,
        before.sealed_secret,
        rows=1,
    )


# Accounts at gateways ---------------------------------------------------------------------------------------------


async def account(reader: Db | Tx, account_id: str) -> Account | None:
    return await _one(reader, Account, "WHERE account_id = $1", account_id)


async def accounts(db: Db, merchant_id: str) -> list[Account]:
    return await _all(db, Account, "WHERE merchant_id = $1 ORDER BY account_id", merchant_id)


async def paying_account_id(db: Db, merchant_id: str, channel: str, app_id: str) -> str | None:
    """The active account an app pays through: one that names the app goes before one for any app, then the oldest.
    Payments of no app ("") go through one for any app before one that names some."""
    row = await db.fetch_row(
        """
        SELECT account_id FROM accounts
        WHERE merchant_id = $1 AND channel = $2 AND status = 'active'
          AND (NOT settings ? 'app_ids' OR settings -> 'app_ids' ? $3 OR $3 = '')
        ORDER BY (settings ? 'app_ids') = ($3 <> '') DESC, account_id LIMIT 1
        """,
        merchant_id,
        channel,
        app_id,
    )
    return row["account_id"] if row else None


def update_account(tx: Tx, account: Account) -> None:
    """Write the next version of an account; Conflict when it is not the next any more."""
    tx.write(
        """
        UPDATE accounts SET settings = $3, sealed_secret = $4, status = $5, version = $6, keys_due_at = $7
        WHERE merchant_id = $1 AND account_id = $2 AND version = $6 - 1
        """,
        account.merchant_id,
        account.account_id,
        account.settings,
        account.sealed_secret,
        account.status,
        account.version,
        account.keys_due_at,
        rows=1,
    )


# The gateways' own keys -------------------------------------------------------------------------------------------


async def keys_due(db: Db, now: datetime, limit: int) -> list[Account]:
    return await _all(db, Account, "WHERE keys_due_at <= $1 ORDER BY keys_due_at LIMIT $2", now, limit)


async def claim_keys(db: Db, account: Account, until: datetime) -> Account | None:
    """Take a due account for ourselves until then. None: somebody was faster."""
    row = await db.fetch_row(
        """
        UPDATE accounts SET keys_due_at = $4
        WHERE merchant_id = $1 AND account_id = $2 AND keys_due_at = $3 RETURNING account_id
        """,
        account.merchant_id,
        account.account_id,
        account.keys_due_at,
        until,
    )
    return replace(account, keys_due_at=until) if row else None


def keep_keys(tx: Tx, claimed: Account, keys: Sequence[Mapping[str, str]], due_at: datetime) -> None:
    """Keep what was fetched, unless the account was made due again meanwhile: then it is fetched again."""
    tx.write(
        """
        UPDATE accounts SET platform_keys = $4, keys_due_at = $5, version = version + (platform_keys <> $4)::integer
        WHERE merchant_id = $1 AND account_id = $2 AND keys_due_at = $3
        """,
        claimed.merchant_id,
        claimed.account_id,
        claimed.keys_due_at,
        keys,
        due_at,
    )


def make_keys_due(tx: Tx, account: Account, due_at: datetime) -> None:
    tx.write(
        "UPDATE accounts SET keys_due_at = least(keys_due_at, $3) WHERE merchant_id = $1 AND account_id = $2",
        account.merchant_id,
        account.account_id,
        due_at,
    )


# API keys ---------------------------------------------------------------------------------------------------------


async def key(reader: Db | Tx, merchant_id: str, key_id: str) -> ApiKey | None:
    return await _one(reader, ApiKey, "WHERE merchant_id = $1 AND key_id = $2", merchant_id, key_id)


async def keys(db: Db, merchant_id: str) -> list[ApiKey]:
    return await _all(db, ApiKey, "WHERE merchant_id = $1 ORDER BY key_id", merchant_id)


def revoke_key(tx: Tx, merchant_id: str, key_id: str, at: datetime) -> None:
    sql = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $3) WHERE merchant_id = $1 AND key_id = $2"
    tx.write(sql, merchant_id, key_id, at, rows=1)


# What is sealed under another master key than the present one -----------------------------------------------------

_NOT_UNDER = "WHERE substring(sealed_secret FROM 2 FOR get_byte(sealed_secret, 0)) <> $1 LIMIT $2"


async def sealed_otherwise(db: Db, key_id: str, limit: int) -> list[App | Account]:
    apps = await _all(db, App, _NOT_UNDER, key_id.encode(), limit)
    return [*apps, *await _all(db, Account, _NOT_UNDER, key_id.encode(), limit)]


def exchange_seal(tx: Tx, thing: App | Account, sealed_secret: bytes) -> None:
    """Exchange a sealed secret for the same one sealed anew; Conflict when it was changed meanwhile."""
    # A seal has a random nonce, so it names its row among a merchant's all by itself.
    tx.write(
        f"UPDATE {_TABLES[type(thing)]} SET sealed_secret = $3 WHERE merchant_id = $1 AND sealed_secret = $2",
        thing.merchant_id,
        thing.sealed_secret,
        sealed_secret,
        rows=1,
    )
