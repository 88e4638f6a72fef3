"""Money: integers of the currency's smallest unit, with a currency. A yuan string exists only on screens and wires."""

from __future__ import annotations

CURRENCIES = frozenset({"CNY"})
MAX_AMOUNT = 1_000_000_000
"""Ten million yuan in fen: the largest single payment any of the gateways takes."""


def yuan(amount: int) -> str:
    """Fen as a yuan string for people: 1234 → `12.34`, -5 → `-0.05`."""
    sign, rest = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{rest // 100}.{rest % 100:02}"
