"""Alipay, for a direct merchant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import aiohttp

from tongbao.channels.alipay.account import SECRET_FIELDS, read_account
from tongbao.channels.alipay.channel import Alipay
from tongbao.channels.alipay.methods import takes_code
from tongbao.channels.model import Channel
from tongbao.kit import clock

__all__ = ["SECRET_FIELDS", "open_channel", "takes_code", "validate_account"]


def open_channel(
    settings: Mapping[str, Any], transport: aiohttp.ClientSession, clock: Callable[[], datetime]
) -> Channel:
    """The channel of one merchant account. Raises Refusal `invalid_account`."""
    # Keys and certificates were checked when the account was entered. The event loop need not wait again.
    return Alipay(read_account(settings), transport, clock)


def validate_account(settings: Mapping[str, Any]) -> str:
    """The merchant's number. Raises Refusal `invalid_account` with `field` and `reason`."""
    return read_account(settings, check_at=clock.now()).merchant_number
