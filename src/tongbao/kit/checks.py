"""Checking what somebody entered as settings: each refusal names the `field`, and a `reason` that says the cure.

A value is never quoted: it may be a secret put into the wrong field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tongbao.kit.errors import Refusal

_TIMEOUT_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one kind of settings; `code` is what they refuse with."""

    code: str

    def text(self, settings: Mapping[str, Any], name: str, pattern: str, reason: str) -> str:
        """A setting that must be there and match."""
        value = settings.get(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise self.invalid(name, reason)
        return value

    def address(self, settings: Mapping[str, Any], name: str, otherwise: str) -> str:
        """The root of a gateway's or platform's addresses, or where it really is."""
        if settings.get(name) is None:
            return otherwise
        reason = f"expected scheme and host, for example {otherwise}, without a path"
        return self.text(settings, name, r"https?://[^/?#@\s]+/?", reason).rstrip("/")

    def timeout_seconds(self, settings: Mapping[str, Any]) -> float:
        """How long a question to it may take."""
        seconds = settings.get("timeout_seconds", _TIMEOUT_SECONDS)
        if type(seconds) not in (int, float) or not 0 < seconds <= 60:
            raise self.invalid("timeout_seconds", "expected a number of seconds above 0 and at most 60")
        return float(seconds)

    def invalid(self, name: str, reason: str) -> Refusal:
        """The refusal of one setting."""
        return Refusal(self.code, 400, field=name, reason=reason)
