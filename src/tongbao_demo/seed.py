"""The coffee shop as a merchant: made once, found again at every start, and kept in step with the sandbox's papers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tongbao import merchants, webhooks
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.merchants import Account

SHOP_NAME = "通宝咖啡 Tongbao Coffee"
WEBHOOK_PATH = "/demo/webhooks"

_HOST, _CHANNEL = "wechat", "wechatpay"
_ACCOUNT_FIELDS = (
    "base_url",
    "mchid",
    "merchant_serial",
    "merchant_private_key_pem",
    "apiv3_key",
    "platform_public_key_id",
    "platform_public_key_pem",
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Who the shop is at Tongbao, and the two secrets it shares with it."""

    merchant_id: str
    app_id: str
    account_id: str
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)


async def seed(db: Db, sealer: Sealer, credentials: Mapping[str, Any], server_url: str, file: Path) -> Keys:
    """See to it that the shop is there and can be paid through the sandbox; `file` keeps its API key.

    `credentials` are the sandbox's for WeChat. Twice is harmless: what is there is used again. Raises Refusal.
    """
    merchant_id = await _merchant(db)
    await _app(db, sealer, merchant_id, credentials)
    keys = Keys(
        merchant_id=merchant_id,
        app_id=credentials["appid"],
        account_id=await _account(db, sealer, merchant_id, credentials),
        api_key=await _api_key(db, merchant_id, file),
        webhook_secret=await _webhook_secret(db, sealer, merchant_id, server_url + WEBHOOK_PATH),
    )
    _write(file, orjson.dumps(asdict(keys), option=orjson.OPT_INDENT_2))
    return keys


async def _merchant(db: Db) -> str:
    for merchant in await merchants.list_merchants(db):
        if merchant.name == SHOP_NAME:
            return merchant.merchant_id
    async with db.tx() as tx:
        return (await merchants.create_merchant(tx, SHOP_NAME)).merchant_id


async def _app(db: Db, sealer: Sealer, merchant_id: str, credentials: Mapping[str, Any]) -> None:
    app_id = credentials["appid"]
    settings = {"base_url": credentials["miniprogram_base_url"]}
    apps = await merchants.list_apps(db, merchant_id)
    async with db.tx() as tx:
        if any((app.host, app.app_id) == (_HOST, app_id) for app in apps):
            changes = settings | {"app_secret": credentials["app_secret"]}
            await merchants.update_app(tx, sealer, merchant_id, _HOST, app_id, changes)
        else:
            await merchants.add_app(tx, sealer, merchant_id, _HOST, app_id, credentials["app_secret"], settings)


async def _account(db: Db, sealer: Sealer, merchant_id: str, credentials: Mapping[str, Any]) -> str:
    """The account for the sandbox's merchant. One for another number is of a sandbox that is gone: it is disabled, and
    keeps its books."""
    settings = {name: credentials[name] for name in _ACCOUNT_FIELDS}
    ours: Account | None = None
    for account in await merchants.list_accounts(db, merchant_id):
        if account.channel == _CHANNEL and account.merchant_number == settings["mchid"]:
            ours = account
        elif account.channel == _CHANNEL and account.status == "active":
            async with db.tx() as tx:
                await merchants.disable_account(tx, merchant_id, account.account_id)
    async with db.tx() as tx:
        if ours is None:
            ours = await merchants.add_account(tx, sealer, merchant_id, _CHANNEL, settings)
        else:
            await merchants.update_account(tx, sealer, merchant_id, ours.account_id, settings)
    return ours.account_id


async def _api_key(db: Db, merchant_id: str, file: Path) -> str:
    """The key in the file, if it opens this merchant's door, or a new one."""
    with suppress(Refusal):
        kept = _kept_key(file)
        if (await merchants.authenticate(db, kept, clock.now())).merchant_id == merchant_id:
            return kept
    async with db.tx() as tx:
        _, text = await merchants.create_key(tx, merchant_id, "demo", None)
    return text


async def _webhook_secret(db: Db, sealer: Sealer, merchant_id: str, url: str) -> str:
    """The secret of the endpoint at `url`. An earlier demo's, on another port, is told no more."""
    secret = None
    for endpoint in await webhooks.list_endpoints(db, merchant_id):
        async with db.tx() as tx:
            if endpoint.url == url:
                await webhooks.enable_endpoint(tx, merchant_id, endpoint.endpoint_id)
                secret = await webhooks.reveal_secret(db, sealer, merchant_id, endpoint.endpoint_id)
            elif endpoint.url.endswith(WEBHOOK_PATH):
                await webhooks.disable_endpoint(tx, merchant_id, endpoint.endpoint_id)
    if secret is None:
        async with db.tx() as tx:
            _, secret = await webhooks.add_endpoint(tx, sealer, merchant_id, url, allow_private=True, at=clock.now())
    return secret


def _kept_key(file: Path) -> str:
    try:
        return str(orjson.loads(file.read_bytes())["api_key"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _write(file: Path, content: bytes) -> None:
    """For our eyes alone: it holds secrets."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as open_file:
        os.fchmod(open_file.fileno(), 0o600)
        open_file.write(content)
