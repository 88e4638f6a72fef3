"""The gateway's own money book: what it holds for each merchant, written at the moment money moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tongbao_sandbox.clock import rfc3339


@dataclass(frozen=True, slots=True)
class Line:
    """One movement. `amount` is signed fen; money never comes from nowhere, so it names who stood opposite."""

    at: float
    kind: str
    mchid: str
    counterparty: str
    out_trade_no: str
    transaction_id: str
    amount: int
    balance: int


@dataclass(slots=True)
class Book:
    """Lines, and the balance of every merchant. A buyer's purse is the mirror image and so needs no account."""

    lines: list[Line] = field(default_factory=list)
    balances: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Book:
        """A book from its lines; each merchant's last line carries its balance."""
        book = cls(list(lines))
        book.balances = {line.mchid: line.balance for line in book.lines}
        return book

    def clear(self) -> None:
        """Forget every movement."""
        self.lines.clear()
        self.balances.clear()

    def pay(self, at: float, mchid: str, openid: str, out_trade_no: str, transaction_id: str, amount: int) -> None:
        """Move `amount` fen from a buyer to a merchant."""
        balance = self.balances.get(mchid, 0) + amount
        self.balances[mchid] = balance
        self.lines.append(Line(at, "payment", mchid, openid, out_trade_no, transaction_id, amount, balance))

    def statement(self, mchid: str) -> dict[str, object]:
        """A merchant's lines and balance, as the control API shows them."""
        lines = [_shown(line) for line in self.lines if line.mchid == mchid]
        return {"mchid": mchid, "currency": "CNY", "balance": self.balances.get(mchid, 0), "lines": lines}


def _shown(line: Line) -> dict[str, object]:
    return {
        "at": rfc3339(line.at),
        "kind": line.kind,
        "out_trade_no": line.out_trade_no,
        "transaction_id": line.transaction_id,
        "amount": line.amount,
        "balance": line.balance,
    }
