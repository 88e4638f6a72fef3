"""One merchant account at Alipay: its settings checked, its keys parsed, once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tongbao.kit.errors import Refusal
from tongbao.protocols import alipay

SECRET_FIELDS = alipay.SECRET_FIELDS
PUBLIC_FIELDS = alipay.PUBLIC_FIELDS | {"seller_id", "base_url", "timeout_seconds"}
_BASE_URL = "https://openapi.alipay.com"
_TIMEOUT_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who collects, under which app and keys, and where."""

    merchant_number: str
    keys: alipay.Keys
    base_url: str
    timeout_seconds: float


def read_account(settings: Mapping[str, Any], *, check_at: datetime | None = None) -> Account:
    """Check and parse the settings of one account. Raises Refusal `invalid_account` with `field` and `reason`.

    `check_at` is the moment when somebody enters them, at which keys and certificates are proven too.
    """
    for name in settings.keys() - SECRET_FIELDS - PUBLIC_FIELDS:
        known = ", ".join(sorted(SECRET_FIELDS | PUBLIC_FIELDS))
        raise _invalid(name, f"there is no such setting; the settings are {known}")
    return Account(
        merchant_number=_text(settings, "seller_id", r"2088\d{12}", "expected the PID: 16 digits that begin with 2088"),
        keys=_keys(settings, check_at),
        base_url=_BASE_URL if settings.get("base_url") is None else _base_url(settings),
        timeout_seconds=_timeout_seconds(settings),
    )


def _keys(settings: Mapping[str, Any], check_at: datetime | None) -> alipay.Keys:
    try:
        return alipay.read_keys(settings, check_at=check_at)
    except alipay.KeyProblem as problem:
        raise _invalid(problem.field, problem.reason) from None


def _base_url(settings: Mapping[str, Any]) -> str:
    reason = f"expected scheme and host, for example {_BASE_URL}, without a path"
    return _text(settings, "base_url", r"https?://[^/?#@\s]+/?", reason).rstrip("/")


def _timeout_seconds(settings: Mapping[str, Any]) -> float:
    seconds = settings.get("timeout_seconds", _TIMEOUT_SECONDS)
    if type(seconds) not in (int, float) or not 0 < seconds <= 60:
        raise _invalid("timeout_seconds", "expected a number of seconds above 0 and at most 60")
    return float(seconds)


def _text(settings: Mapping[str, Any], name: str, pattern: str, reason: str) -> str:
    value = settings.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise _invalid(name, reason)
    return value


def _invalid(name: str, reason: str) -> Refusal:
    # The value is never quoted: it may be a secret put into the wrong field.
    return Refusal("invalid_account", 400, field=name, reason=reason)
