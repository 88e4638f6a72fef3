"""The WeChat mini-program platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from tongbao.hosts.model import Host
from tongbao.hosts.wechat.api import SECRET_FIELDS, read_app
from tongbao.hosts.wechat.host import WeChat

__all__ = ["SECRET_FIELDS", "open_host", "validate_app"]


def open_host(settings: Mapping[str, Any], transport: aiohttp.ClientSession) -> Host:
    """The host of one mini-program. Raises Refusal `invalid_app`."""
    return WeChat(read_app(settings), transport)


def validate_app(settings: Mapping[str, Any]) -> None:
    """Raises Refusal `invalid_app` with `field` and `reason`."""
    read_app(settings)
