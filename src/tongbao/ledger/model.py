"""A posting moves one positive amount from one account to another: it cannot be out of balance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MERCHANT = "merchant"
"""What we owe the merchant: its customers' paid orders."""
SURPLUS = "surplus"
"""What we owe buyers back: second payments, and payments of closed orders."""
REFUNDING = "refunding"
"""What is on its way back to buyers."""


def clearing(account_id: str) -> str:
    """What a gateway holds for us under one channel account. It must equal the gateway's own book."""
    return f"clearing:{account_id}"


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement of money. `key` says what it is the posting of, and exists once per merchant.

    `amount` is in the currency's smallest unit (fen for CNY) and positive. Raises ValueError for any other.
    """

    merchant_id: str
    posting_id: str
    key: str
    debit_account: str
    credit_account: str
    amount: int
    currency: str
    order_id: str
    attempt_id: str
    posted_at: datetime

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError(f"a posting moves a positive amount, not {self.amount}")
        if self.debit_account == self.credit_account:
            raise ValueError(f"a posting needs two accounts, not {self.debit_account} twice")

    def leaf(self) -> bytes:
        """The bytes that a seal covers: every field, on lines, in this order."""
        return "\n".join(
            (
                self.merchant_id,
                self.posting_id,
                self.key,
                self.debit_account,
                self.credit_account,
                str(self.amount),
                self.currency,
                self.order_id,
                self.attempt_id,
                self.posted_at.isoformat(timespec="microseconds"),
            )
        ).encode()
