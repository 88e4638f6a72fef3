"""The Alipay mini-program platform."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import aiohttp

from tongbao.hosts.alipay.host import Alipay
from tongbao.hosts.model import Host
from tongbao.hosts.settings import check
from tongbao.kit import clock
from tongbao.protocols.alipay import Client, KeyProblem, Keys, read_keys

__all__ = ["SECRET_FIELDS", "open_host", "validate_app"]

SECRET_FIELDS = frozenset({"app_secret", "aes_key"})
_BASE_URL = "https://openapi.alipay.com"


def open_host(settings: Mapping[str, Any], transport: aiohttp.ClientSession) -> Host:
    """The host of one mini-program; its `app_secret` is its private key. Raises Refusal `invalid_app`."""
    base_url, timeout_seconds = check.address(settings, "base_url", _BASE_URL), check.timeout_seconds(settings)
    return Alipay(Client(_keys(settings), base_url, transport, clock.now, timeout_seconds))


def validate_app(settings: Mapping[str, Any]) -> None:
    """Raises Refusal `invalid_app` with `field` and `reason`."""
    check.address(settings, "base_url", _BASE_URL)
    check.timeout_seconds(settings)
    _keys(settings, check_at=clock.now())


def _keys(settings: Mapping[str, Any], check_at: datetime | None = None) -> Keys:
    try:
        return read_keys({**settings, "app_private_key_pem": settings.get("app_secret")}, check_at=check_at)
    except KeyProblem as problem:
        name = "app_secret" if problem.field == "app_private_key_pem" else problem.field
        raise check.invalid(name, problem.reason) from None
