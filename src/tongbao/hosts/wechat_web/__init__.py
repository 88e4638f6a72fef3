"""Pages inside WeChat, through an official account (公众号)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from tongbao.hosts.model import Host
from tongbao.hosts.settings import check
from tongbao.hosts.wechat.api import SECRET_FIELDS, read_app
from tongbao.hosts.wechat_web.host import WeChatWeb

__all__ = ["SECRET_FIELDS", "open_host", "validate_app"]

_OPEN_BASE_URL = "https://open.weixin.qq.com"


def open_host(settings: Mapping[str, Any], transport: aiohttp.ClientSession) -> Host:
    """The host of one official account; `open_base_url` is where its log-in page is. Raises Refusal `invalid_app`."""
    return WeChatWeb(read_app(settings), check.address(settings, "open_base_url", _OPEN_BASE_URL), transport)


def validate_app(settings: Mapping[str, Any]) -> None:
    """Raises Refusal `invalid_app` with `field` and `reason`."""
    read_app(settings)
    check.address(settings, "open_base_url", _OPEN_BASE_URL)
