"""Payment codes: what a buyer's phone shows at a counter, a new one every minute (protocol 2.3)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tongbao_sandbox.wechat import errors

LIFE_SECONDS = 60
REMEMBERED_SECONDS = 86400
"""An old code is known as such for a day; then it is like any number."""

_SHAPE = re.compile(r"1[0-5][0-9]{16}", re.ASCII)


@dataclass(slots=True)
class PaymentCode:
    """Whose it is (the usual buyer's if nobody is named), and what happens when it is charged: `behaviour`, and with
    which `reason` it fails."""

    openid: str
    behaviour: str
    reason: str
    expires_at: float
    used: bool = False


class PaymentCodes:
    """Every code shown, by its digits."""

    def __init__(self, saved: Mapping[str, Mapping[str, Any]]) -> None:
        self._codes = {digits: PaymentCode(**facts) for digits, facts in saved.items()}

    def __iter__(self) -> Iterator[tuple[str, PaymentCode]]:
        return iter(self._codes.items())

    def clear(self) -> None:
        """Forget them all."""
        self._codes.clear()

    def show(self, openid: str, behaviour: str, reason: str, now: float) -> str:
        """A fresh code: 18 digits, beginning 10 to 15."""
        for old, code in list(islice(self._codes.items(), 2)):
            if code.expires_at + REMEMBERED_SECONDS <= now:
                del self._codes[old]
        digits = f"1{secrets.randbelow(6)}{secrets.randbelow(10**16):016d}"
        self._codes[digits] = PaymentCode(openid, behaviour, reason, now + LIFE_SECONDS)
        return digits

    def take(self, digits: str, now: float) -> PaymentCode:
        """Use a code, for the first and last time. Raises Refusal."""
        code = self._codes.get(digits)
        if not _SHAPE.fullmatch(digits):
            raise errors.code_invalid("请扫描微信支付授权码(以10/11/12/13/14/15为前缀的18位数字)")
        if code is None:
            raise errors.code_invalid("101 付款码无效，请重新扫码")
        if code.used:
            raise errors.code_invalid("101 每个二维码仅限使用一次，请刷新再试")
        if now >= code.expires_at:
            raise errors.code_expired()
        code.used = True
        return code
