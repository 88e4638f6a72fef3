"""The buyer's payment codes, shown at a counter and used once (protocol 4.5)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tongbao_sandbox.alipay import errors
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.clock import Clock
from tongbao_sandbox.gateway import ControlError

LIFE_SECONDS = 60
PAYS, ASKS, FAILS, SLEEPS = "pay", "password", "fail", "timeout"
BEHAVIOURS = (PAYS, ASKS, FAILS, SLEEPS)
"""Pays at once; is asked for the password; has no money; is asked for the password and puts the phone away."""


@dataclass(slots=True)
class PaymentCode:
    """A code for one payment, to any app that knows its buyer. `used_for` is the trade it was used for."""

    user_id: str
    behaviour: str
    expires_at: float
    used_for: str = ""


class PaymentCodes:
    """All codes that were shown."""

    def __init__(self, clock: Clock, apps: Mapping[str, App], saved: Mapping[str, Any]) -> None:
        self._clock = clock
        self._apps = apps
        self._codes = {code: PaymentCode(**facts) for code, facts in saved.items()}

    def snapshot(self) -> dict[str, PaymentCode]:
        """All codes, as JSON can hold them."""
        return self._codes

    def clear(self) -> None:
        """Forget them."""
        self._codes.clear()

    async def show(self, wish: Mapping[str, Any]) -> object:
        """`{"app_id"?, "buyer"?, "behaviour"?: "pay"|"password"|"fail"|"timeout", "face"?: true}` → `{"auth_code"}`:
        a payment code, good for a minute and one payment. `buyer` is an open_id or user_id of the app's."""
        app = self._apps.get(str(wish.get("app_id", next(iter(self._apps)))))
        person = app.person(str(wish["buyer"]) if "buyer" in wish else None) if app else None
        behaviour = wish.get("behaviour", PAYS)
        if person is None or behaviour not in BEHAVIOURS:
            known = ", ".join(BEHAVIOURS)
            raise ControlError(400, "wish_unreadable", f"app_id and buyer must be known; behaviour is one of {known}")
        now = self._clock.now()
        for old in [old for old, facts in islice(self._codes.items(), 2) if facts.expires_at <= now]:
            del self._codes[old]
        code = f"fp{secrets.token_hex(17)[:33]}" if wish.get("face") else f"28{secrets.randbelow(10**16):016d}"
        self._codes[code] = PaymentCode(person.user_id, behaviour, now + LIFE_SECONDS)
        return {"auth_code": code}

    def use(self, auth_code: str, trade: str) -> PaymentCode:
        """The code, used up for this trade (`app/number`). Raises Refusal: unknown, expired, or used for another."""
        code = self._codes.get(auth_code)
        if code is None or code.used_for not in ("", trade) or (not code.used_for and self._expired(code)):
            raise errors.business("ACQ.PAYMENT_AUTH_CODE_INVALID")
        code.used_for = trade
        return code

    def _expired(self, code: PaymentCode) -> bool:
        return code.expires_at <= self._clock.now()
