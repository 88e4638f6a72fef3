"""The wallets that shoppers pay with: what our API is asked for, and what each gateway's sandbox calls things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet: our name of its channel, the sandbox's of its gateway (and ours of its mini-program's host), and what
    that gateway calls a merchant and a refund.

    `payment` is asked for by a buyer in its own mini-program, `page` by a merchant for whoever scans a code with it.
    """

    channel: str
    gateway: str
    payment: Mapping[str, str] = field(repr=False, hash=False)
    page: Mapping[str, str] = field(repr=False, hash=False)
    merchant_name: str = field(repr=False)
    refund_name: str = field(repr=False)


WECHAT = Wallet(
    channel="wechatpay",
    gateway="wechat",
    payment={"channel": "wechatpay", "method": "jsapi"},
    page={"channel": "wechatpay", "method": "native", "host": "browser"},
    merchant_name="mchid",
    refund_name="out_refund_no",
)
ALIPAY = Wallet(
    channel="alipay",
    gateway="alipay",
    payment={"channel": "alipay", "method": "create"},
    page={"channel": "alipay", "method": "precreate", "host": "browser"},
    merchant_name="app_id",
    refund_name="out_request_no",
)
WALLETS = (WECHAT, ALIPAY)
OTHER = {WECHAT.channel: ALIPAY, ALIPAY.channel: WECHAT}
"""The wallet of somebody who did not pay with this one."""


@dataclass(slots=True)
class Till:
    """A merchant's side of one wallet: its account, what its developer knows, and its buyer there."""

    wallet: Wallet
    account_id: str
    credentials: Mapping[str, str] = field(repr=False)
    buyer_id: str = ""
    buyer_token: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)

    @property
    def app_id(self) -> str:
        """The mini-program's."""
        return self.credentials["appid" if self.wallet is WECHAT else "app_id"]

    @property
    def named(self) -> dict[str, str]:
        """Whose money it is, as the sandbox wants to hear it."""
        return {self.wallet.merchant_name: self.credentials[self.wallet.merchant_name]}

    def log_in_wish(self) -> dict[str, str]:
        """What the sandbox is asked for a log-in code of the buyer with."""
        if self.wallet is WECHAT:
            return {"appid": self.app_id, "openid": self.subject}
        return {"app_id": self.app_id, "open_id": self.subject}

    def tap(self, attempt_id: str, client_params: Mapping[str, str]) -> dict[str, Any]:
        """What the buyer pays on the phone, as the sandbox wants to hear it: a code that nobody has scanned yet is all
        that Alipay knows of its payment."""
        code = client_params.get("qr_code")
        return {"qr_code": code} if code else {"out_trade_no": attempt_id, **self.named}


def at_both(faults: Mapping[str, Any], **of_one: Mapping[str, Any]) -> dict[str, Any]:
    """The dials of both gateways; what one of them alone has stands under its name."""
    return {wallet.gateway: {**faults, **of_one.get(wallet.gateway, {})} for wallet in WALLETS}
