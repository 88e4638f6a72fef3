"""Tongbao's clearing accounts beside the gateways' own books: what the visitor sees of both, and `--once` checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tongbao import ledger, merchants, reconcile
from tongbao.cli import gateway_book
from tongbao.kit.db import Db
from tongbao.reconcile import Finding, GatewayBook

_CURRENCY = "CNY"


@dataclass(frozen=True, slots=True)
class Clearing:
    """One account at a gateway: the fen that we have there by our own books, and by the gateway's. `finding` says
    whether they agree payment by payment."""

    channel: str
    account: str
    ours: int
    gateways: int
    finding: Finding


async def compare(db: Db, merchant_id: str, books: Sequence[dict[str, Any]]) -> list[Clearing]:
    """Each of the merchant's accounts that one of the sandbox's books is of, beside that book."""
    theirs = {book.merchant_number: book for book in map(gateway_book, books)}
    balances = await ledger.balances(db, merchant_id)
    compared = []
    for account in await merchants.list_accounts(db, merchant_id):
        # A gateway begins the book of a merchant with its first payment.
        book = theirs.get(account.merchant_number) or GatewayBook(account.merchant_number, {})
        name = ledger.clearing(account.account_id)
        debits, credits = balances.get((name, _CURRENCY), (0, 0))
        if account.status == "active":
            finding = await reconcile.compare_with_gateway(db, account, book)
            compared.append(Clearing(account.channel, name, debits - credits, sum(book.held.values()), finding))
    return compared


def shown(clearing: Clearing) -> dict[str, Any]:
    """As the page shows it."""
    return {
        "channel": clearing.channel,
        "account": clearing.account,
        "ours": clearing.ours,
        "gateways": clearing.gateways,
        "agrees": not clearing.finding.wrong,
    }
