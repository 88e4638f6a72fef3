"""`tongbao check-books`: every invariant of the books, and what breaks it."""

from __future__ import annotations

import json
import urllib.request
from urllib.error import URLError

import click

from tongbao import merchants, reconcile
from tongbao.cli.context import Context, Failure, as_json, pass_context, show_table
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.reconcile import Finding, GatewayBook


@click.command("check-books")
@click.option(
    "--sandbox",
    "control_url",
    metavar="URL",
    help="Also compare our clearing accounts with the books of the sandbox whose control address this is.",
)
@as_json
@pass_context
def check_books(context: Context, control_url: str | None, as_json: bool) -> None:
    """Check the books. Exit status 1 and what is wrong, where an invariant does not hold."""
    books = _sandbox_books(control_url) if control_url else []
    findings = context.run(lambda db: check(db, books))
    if as_json:
        show_table([_row(finding) for finding in findings], as_json)
    else:
        print_findings(findings)
    if any(finding.wrong for finding in findings):
        raise SystemExit(1)


async def check(db: Db, books: list[GatewayBook]) -> list[Finding]:
    """Run the invariants, and compare each account that a book is of with that book."""
    findings = await reconcile.check_books(db, clock.now())
    held = {book.merchant_number: book for book in books}
    for merchant in await merchants.list_merchants(db):
        for account in await merchants.list_accounts(db, merchant.merchant_id):
            book = held.get(account.merchant_number)
            if book:
                findings.append(await reconcile.compare_with_gateway(db, account, book))
    return findings


def print_findings(findings: list[Finding]) -> None:
    """One line for each invariant, and one for each thing that breaks it."""
    for finding in findings:
        click.echo(f"{'✗' if finding.wrong else '✓'} {finding.number:>2}  {finding.name}")
        for line in finding.wrong:
            click.echo(f"        {line}")


def _sandbox_books(control_url: str) -> list[GatewayBook]:
    try:
        with urllib.request.urlopen(f"{control_url.rstrip('/')}/books", timeout=60) as answer:
            return [gateway_book(book) for book in json.load(answer)["books"]]
    except (URLError, ValueError, TimeoutError) as error:
        raise Failure(f"The sandbox's book cannot be read at {control_url}: {error}. Is the sandbox running?") from None


def gateway_book(book: dict[str, object]) -> GatewayBook:
    """The sandbox's book as ours to compare: what it holds per attempt, refunds taken off."""
    held: dict[str, int] = {}
    lines = book["lines"]
    assert isinstance(lines, list)
    for line in lines:
        held[line["out_trade_no"]] = held.get(line["out_trade_no"], 0) + line["amount"]
    return GatewayBook(str(book["mchid"]), held)


def _row(finding: Finding) -> dict[str, object]:
    return {"number": finding.number, "name": finding.name, "wrong": list(finding.wrong)}
