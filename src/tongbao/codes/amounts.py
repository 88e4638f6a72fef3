"""The sum that a buyer typed, read exactly. Pure."""

from __future__ import annotations

import re

from tongbao.codes.model import StaticCode
from tongbao.kit.errors import Refusal
from tongbao.kit.money import yuan

# Plain digits as a phone's number pad gives them: what looks like a number to Python (1e9, １８, 1_000, " 18") is none.
_YUAN = re.compile(r"(0|[1-9][0-9]{0,7})(?:\.([0-9]{1,2}))?", re.ASCII)


def read_amount(code: StaticCode, text: str) -> int:
    """Yuan as text → fen, with exact decimals and within the code's bounds.

    Raises Refusal (422): `amount_unreadable`, `amount_too_small` (with `least`) or `amount_too_large` (with `most`,
    both in yuan).
    """
    match = _YUAN.fullmatch(text)
    if match is None:
        raise Refusal("amount_unreadable", 422)
    amount = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if amount < code.least:
        raise Refusal("amount_too_small", 422, least=yuan(code.least))
    if amount > code.most:
        raise Refusal("amount_too_large", 422, most=yuan(code.most))
    return amount
