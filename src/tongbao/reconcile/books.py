"""The invariants that can be read off the books, each one a small function. They are numbered as in ARCHITECTURE.md."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tongbao import ledger, merchants
from tongbao.kit.db import Db
from tongbao.merchants import Account
from tongbao.reconcile import store

Check = Callable[[Db, str, datetime], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant, and what breaks it, in words; nothing when it holds."""

    number: int
    name: str
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GatewayBook:
    """What a gateway itself says it holds for one of our accounts: fen per attempt, refunds taken off."""

    merchant_number: str
    held: Mapping[str, int]


def _of(query: str) -> Check:
    async def check(db: Db, merchant_id: str, now: datetime) -> list[str]:
        return await store.wrongs(db, query, merchant_id)

    return check


_CHECKS: tuple[tuple[int, str, Check], ...] = (
    (1, "postings sum to zero per currency", _of(store.UNBALANCED)),
    (2, "an order is paid at most once, by the attempt it names", _of(store.PAID_WRONGLY)),
    (3, "refunds never exceed what was paid, and are counted right", _of(store.REFUNDED_WRONGLY)),
    (4, "what is refunded is posted, step by step, to the fen", _of(store.REFUND_POSTED_WRONGLY)),
    (4, "what succeeded is posted, once, to the fen", _of(store.POSTED_WRONGLY)),
    (4, "nothing comes from nowhere: each posting has its attempt, each delivery its event", _of(store.FROM_NOTHING)),
    (6, "states agree with each other, and what is open is chased", _of(store.MOVED_WRONGLY)),
    (6, "what is out of the ordinary has its open case, and only that", _of(store.UNATTENDED)),
    (7, "every change has exactly one event", _of(store.TOLD_WRONGLY)),
    (10, "the seals verify", ledger.check_seals),
)


async def check_books(db: Db, now: datetime) -> list[Finding]:
    """Run every invariant for every merchant and name what fails."""
    merchant_ids = [merchant.merchant_id for merchant in await merchants.list_merchants(db)]
    findings = []
    for number, name, check in _CHECKS:
        wrong = [line for merchant_id in merchant_ids for line in await check(db, merchant_id, now)]
        findings.append(Finding(number, name, tuple(wrong)))
    return findings


async def compare_with_gateway(db: Db, account: Account, book: GatewayBook) -> Finding:
    """Invariant 4 in full: our clearing account equals the gateway's own book, attempt by attempt."""
    rows = await store.cleared(db, account.merchant_id, ledger.clearing(account.account_id))
    ours = {row["attempt_id"]: row["amount"] for row in rows}
    both = {each: (ours.get(each, 0), book.held.get(each, 0)) for each in sorted(ours.keys() | book.held.keys())}
    wrong = [
        f"attempt {attempt_id}: {we_have} fen in our books, {they_have} in the gateway's"
        for attempt_id, (we_have, they_have) in both.items()
        if we_have != they_have
    ]
    return Finding(4, f"our clearing account equals the book of {book.merchant_number}", tuple(wrong))
