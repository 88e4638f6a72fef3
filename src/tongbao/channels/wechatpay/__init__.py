"""WeChat Pay, API v3, for a direct merchant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import aiohttp

from tongbao.channels.model import Channel
from tongbao.channels.wechatpay.account import SECRET_FIELDS, read_account
from tongbao.channels.wechatpay.channel import WeChatPay
from tongbao.channels.wechatpay.methods import takes_code

__all__ = ["SECRET_FIELDS", "open_channel", "takes_code", "validate_account"]


def open_channel(
    settings: Mapping[str, Any], transport: aiohttp.ClientSession, clock: Callable[[], datetime]
) -> Channel:
    """The channel of one merchant account. Raises Refusal `invalid_account`."""
    # The private key was checked when the account was entered, and sealed since. The event loop need not wait again.
    return WeChatPay(read_account(settings, check_private_key=False), transport, clock)


def validate_account(settings: Mapping[str, Any]) -> str:
    """The merchant's number. Raises Refusal `invalid_account` with `field` and `reason`."""
    return read_account(settings, check_private_key=True).merchant_number
