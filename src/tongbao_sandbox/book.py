"""A gateway's own money book: what it holds for each merchant, written at the moment money moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from tongbao_sandbox import clock


@dataclass(frozen=True, slots=True)
class Line:
    """One movement: a payment, or a refund of it. `amount` is signed fen; money never comes from nowhere, so it names
    who stood opposite. `balance` is the merchant's after it.

    Every gateway's book has the same names: `mchid` is who is paid, `transaction_id` the gateway's number of the
    payment, `out_trade_no` and `out_refund_no` are the merchant's own."""

    at: float
    kind: str
    mchid: str
    counterparty: str
    out_trade_no: str
    transaction_id: str
    amount: int
    balance: int = 0
    out_refund_no: str = ""


class Book:
    """Every merchant's lines, the last of which carries its balance. A buyer's purse is the mirror image and so needs
    no account."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self._lines: defaultdict[str, list[Line]] = defaultdict(list)
        for line in lines:
            self._lines[line.mchid].append(line)

    def __iter__(self) -> Iterator[Line]:
        return (line for lines in self._lines.values() for line in lines)

    def clear(self) -> None:
        """Forget every movement."""
        self._lines.clear()

    def write(self, line: Line) -> None:
        """Money moves; the line's balance is found here."""
        self._lines[line.mchid].append(replace(line, balance=self._balance(line.mchid) + line.amount))

    def statement(self, mchid: str) -> dict[str, object]:
        """A merchant's lines and balance, as the control API shows them."""
        lines = [_shown(line) for line in self._lines[mchid]]
        return {"mchid": mchid, "currency": "CNY", "balance": self._balance(mchid), "lines": lines}

    def statements(self) -> list[dict[str, object]]:
        """Every merchant's statement."""
        return [self.statement(mchid) for mchid in tuple(self._lines)]

    def _balance(self, mchid: str) -> int:
        lines = self._lines[mchid]
        return lines[-1].balance if lines else 0


def _shown(line: Line) -> dict[str, object]:
    shown: dict[str, object] = {
        "at": _second(int(line.at)),
        "kind": line.kind,
        "out_trade_no": line.out_trade_no,
        "transaction_id": line.transaction_id,
        "amount": line.amount,
        "balance": line.balance,
    }
    return shown | {"out_refund_no": line.out_refund_no} if line.out_refund_no else shown


# Of a hundred thousand lines many share a second.
_second = lru_cache(maxsize=100_000)(clock.rfc3339)
