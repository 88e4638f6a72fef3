"""One merchant account at Alipay: its settings checked, its keys parsed, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tongbao.channels.settings import check
from tongbao.protocols import alipay

SECRET_FIELDS = alipay.SECRET_FIELDS
PUBLIC_FIELDS = alipay.PUBLIC_FIELDS | {"seller_id", "base_url", "timeout_seconds"}
_BASE_URL = "https://openapi.alipay.com"


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
        raise check.invalid(name, f"there is no such setting; the settings are {known}")
    return Account(
        merchant_number=check.text(
            settings, "seller_id", r"2088\d{12}", "expected the PID: 16 digits that begin with 2088"
        ),
        keys=_keys(settings, check_at),
        base_url=check.address(settings, "base_url", _BASE_URL),
        timeout_seconds=check.timeout_seconds(settings),
    )


def _keys(settings: Mapping[str, Any], check_at: datetime | None) -> alipay.Keys:
    try:
        return alipay.read_keys(settings, check_at=check_at)
    except alipay.KeyProblem as problem:
        raise check.invalid(problem.field, problem.reason) from None
