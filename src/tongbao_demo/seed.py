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


@dataclass(frozen=True, slots=True)
class AppPapers:
    """Where an app's id, its secret and its settings stand in the sandbox's credentials of a gateway."""

    host: str
    gateway: str
    app_id: str
    secret: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AccountPapers:
    """What of the sandbox's credentials an account is made of: by our name of a setting, theirs."""

    channel: str
    gateway: str
    number: str
    settings: Mapping[str, str]


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_APPS = (
    AppPapers("wechat", "wechat", "appid", "app_secret", {"base_url": "miniprogram_base_url"}),
    AppPapers(
        "wechat_web",
        "wechat",
        "web_appid",
        "web_app_secret",
        {"base_url": "miniprogram_base_url", "open_base_url": "miniprogram_base_url"},
    ),
    AppPapers(
        "alipay", "alipay", "app_id", "app_private_key_pem", _same("base_url", "alipay_public_key_pem", "aes_key")
    ),
)
_ACCOUNTS = (
    AccountPapers(
        "wechatpay",
        "wechat",
        "mchid",
        {"app_id": "appid"}
        | _same(
            "base_url",
            "mchid",
            "merchant_serial",
            "merchant_private_key_pem",
            "apiv3_key",
            "platform_public_key_id",
            "platform_public_key_pem",
        ),
    ),
    AccountPapers(
        "alipay",
        "alipay",
        "seller_id",
        _same("base_url", "app_id", "seller_id", "app_private_key_pem", "alipay_public_key_pem", "aes_key"),
    ),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Who the shop is at Tongbao: its apps by host, its accounts by channel, and the two secrets it shares with it."""

    merchant_id: str
    apps: Mapping[str, str]
    accounts: Mapping[str, str]
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)


async def seed(db: Db, sealer: Sealer, credentials: Mapping[str, Any], server_url: str, file: Path) -> Keys:
    """See to it that the shop is there and can be paid through the sandbox; `file` keeps its API key.

    `credentials` are the sandbox's, of every gateway. Twice is harmless: what is there is used again. Raises Refusal.
    """
    merchant_id = await _merchant(db)
    keys = Keys(
        merchant_id=merchant_id,
        apps={
            papers.host: await _app(db, sealer, merchant_id, credentials, papers)
            for papers in _APPS
            if papers.app_id in credentials[papers.gateway]
        },  # TODO
        accounts={papers.channel: await _account(db, sealer, merchant_id, credentials, papers) for papers in _ACCOUNTS},
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


async def _app(db: Db, sealer: Sealer, merchant_id: str, credentials: Mapping[str, Any], papers: AppPapers) -> str:
    given = credentials[papers.gateway]
    app_id, secret = given[papers.app_id], given[papers.secret]
    settings = {name: given[there] for name, there in papers.settings.items()}
    apps = await merchants.list_apps(db, merchant_id)
    async with db.tx() as tx:
        if any((app.host, app.app_id) == (papers.host, app_id) for app in apps):
            changes = settings | {"app_secret": secret}
            await merchants.update_app(tx, sealer, merchant_id, papers.host, app_id, changes)
        else:
            await merchants.add_app(tx, sealer, merchant_id, papers.host, app_id, secret, settings)
    return str(app_id)


async def _account(
    db: Db, sealer: Sealer, merchant_id: str, credentials: Mapping[str, Any], papers: AccountPapers
) -> str:
    """The account for the sandbox's merchant. One for another number is of a sandbox that is gone: it is disabled, and
    keeps its books."""
    given = credentials[papers.gateway]
    settings = {name: given[there] for name, there in papers.settings.items()}
    ours: Account | None = None
    for account in await merchants.list_accounts(db, merchant_id):
        if account.channel == papers.channel and account.merchant_number == given[papers.number]:
            ours = account
        elif account.channel == papers.channel and account.status == "active":
            async with db.tx() as tx:
                await merchants.disable_account(tx, merchant_id, account.account_id)
    async with db.tx() as tx:
        if ours is None:
            ours = await merchants.add_account(tx, sealer, merchant_id, papers.channel, settings)
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
