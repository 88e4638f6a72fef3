"""A merchant set up as the command line would, with what the sandbox's `POST /wechat/merchants` gave for it, and
`POST /alipay/merchants`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tongbao import merchants, webhooks
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.sealing import Sealer

ACCOUNT_FIELDS = (
    "base_url",
    "mchid",
    "merchant_serial",
    "merchant_private_key_pem",
    "apiv3_key",
    "platform_public_key_id",
    "platform_public_key_pem",
)
"""What of the sandbox's WeChat credentials an account is made of."""
_ALIPAY_FIELDS = ("base_url", "app_id", "seller_id", "app_private_key_pem", "alipay_public_key_pem", "aes_key")
_ALIPAY_APP_FIELDS = ("base_url", "alipay_public_key_pem", "aes_key")


@dataclass(frozen=True, slots=True)
class Opened:
    """What the merchant's developer would note down."""

    merchant_id: str
    account_id: str
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)


async def open_merchant(db: Db, sealer: Sealer, credentials: Mapping[str, str], hook_url: str) -> Opened:
    """A new merchant with an app, an account, an API key, and one endpoint for webhooks."""
    merchant_id = (await db.run(lambda tx: merchants.create_merchant(tx, "A coffee shop"))).merchant_id
    app_id, secret = credentials["appid"], credentials["app_secret"]
    host = {"base_url": credentials["miniprogram_base_url"]}
    await db.run(lambda tx: merchants.add_app(tx, sealer, merchant_id, "wechat", app_id, secret, host))
    settings = {name: credentials[name] for name in ACCOUNT_FIELDS} | {"app_id": app_id}
    account = await db.run(lambda tx: merchants.add_account(tx, sealer, merchant_id, "wechatpay", settings))
    _, api_key = await db.run(lambda tx: merchants.create_key(tx, merchant_id, "pretend", None))
    webhook_secret = await add_hook(db, sealer, merchant_id, hook_url)
    return Opened(merchant_id, account.account_id, api_key, webhook_secret)


async def add_alipay(db: Db, sealer: Sealer, merchant_id: str, credentials: Mapping[str, str]) -> str:
    """Let a merchant collect through Alipay too, with what the sandbox's `POST /alipay/merchants` gave; its account."""
    app_id, secret = credentials["app_id"], credentials["app_private_key_pem"]
    host = {name: credentials[name] for name in _ALIPAY_APP_FIELDS}
    await db.run(lambda tx: merchants.add_app(tx, sealer, merchant_id, "alipay", app_id, secret, host))
    settings = {name: credentials[name] for name in _ALIPAY_FIELDS}
    account = await db.run(lambda tx: merchants.add_account(tx, sealer, merchant_id, "alipay", settings))
    return account.account_id


async def add_hook(db: Db, sealer: Sealer, merchant_id: str, url: str) -> str:
    """One more endpoint for webhooks, at an address of this machine; its secret."""
    _, secret = await db.run(
        lambda tx: webhooks.add_endpoint(tx, sealer, merchant_id, url, allow_private=True, at=clock.now())
    )
    return secret
