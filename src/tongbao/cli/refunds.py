"""`tongbao refund …`: money going back, by the operator's hand."""

from __future__ import annotations

import re
from typing import Any

import click

from tongbao import explanations, refunds
from tongbao.app import House
from tongbao.channels import Destination
from tongbao.cli.context import Context, Failure, as_json, pass_context, show, show_table
from tongbao.explanations import Subject
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.money import MAX_AMOUNT, yuan
from tongbao.refunds import Refund, RefundDraft

_order_id = click.argument("order_id", metavar="ORDER")
_refund_id = click.argument("refund_id", metavar="REFUND")


@click.group()
def refund() -> None:
    """Money going back to buyers."""


@refund.command("request")
@_order_id
@click.option("--reference", required=True, help="The merchant's own number for it: sent twice it refunds once.")
@click.option("--amount", type=click.IntRange(1, MAX_AMOUNT), help="In fen. Without it and --yuan: all that is left.")
@click.option("--yuan", "in_yuan", metavar="YUAN", help="The same in yuan: 12.34.")
@click.option("--reason", default="", help="The buyer may see it.")
@as_json
@pass_context
def request(
    context: Context,
    order_id: str,
    reference: str,
    amount: int | None,
    in_yuan: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Give back all or part of a paid ORDER."""
    if in_yuan is not None:
        if amount is not None:
            raise Failure("Give --amount or --yuan, not both")
        amount = _fen(in_yuan)

    async def ask(house: House) -> Refund:
        found = await _find(house.db, order_id, _no_order(order_id))
        draft = RefundDraft(found.merchant_id, reference, amount, reason)
        return (await refunds.request(house.db, house.directory, order_id, draft)).refund

    show(refunds.refund_view(context.with_house(ask)), as_json)


@refund.command("list")
@_order_id
@as_json
@pass_context
def list_refunds(context: Context, order_id: str, as_json: bool) -> None:
    """Show the refunds of ORDER, oldest first."""

    async def look(db: Db) -> list[Refund]:
        found = await _find(db, order_id, _no_order(order_id))
        return await refunds.refunds_of(db, found.merchant_id, found.order_id or order_id)

    found = context.run(look)
    show_table([refunds.refund_view(one) if as_json else _line(one) for one in found], as_json)


@refund.command("show")
@_refund_id
@as_json
@pass_context
def show_refund(context: Context, refund_id: str, as_json: bool) -> None:
    """Show REFUND."""

    async def look(db: Db) -> Refund:
        found = await _find(db, refund_id, _no_refund(refund_id))
        return await refunds.get_refund(db, found.merchant_id, refund_id)

    show(refunds.refund_view(context.run(look)), as_json)


@refund.command("redirect")
@_refund_id
@click.option(
    "--to",
    required=True,
    type=click.Choice([each.value for each in Destination]),
    help="Whose card it goes to instead.",
)
@click.option("--bank", help="For a buyer's card: the gateway's word for the bank, such as ICBC_DEBIT.")
@as_json
@pass_context
def redirect(context: Context, refund_id: str, to: str, bank: str | None, as_json: bool) -> None:
    """Send the money of an abnormal REFUND elsewhere. A buyer's card is asked for, and kept nowhere."""
    destination = Destination(to)
    number = holder = None
    if destination is Destination.BUYER_CARD:
        number = click.prompt("Card number", hide_input=True)
        holder = click.prompt("Card holder", hide_input=True)

    async def send(house: House) -> Refund:
        found = await _find(house.db, refund_id, _no_refund(refund_id))
        return await refunds.redirect(
            house.db, house.directory, found.merchant_id, refund_id, destination, bank, number, holder
        )

    show(refunds.refund_view(context.with_house(send)), as_json)


async def _find(db: Db, some_id: str, refusal: Refusal) -> Subject:
    """Whose order or refund it is. Raises the refusal where there is none."""
    found = await explanations.find(db, some_id)
    if found is None:
        raise refusal
    return found


def _no_order(order_id: str) -> Refusal:
    return Refusal("order_not_found", 404, order_id=order_id)


def _no_refund(refund_id: str) -> Refusal:
    return Refusal("refund_not_found", 404, refund_id=refund_id)


def _line(one: Refund) -> dict[str, Any]:
    return {
        "id": one.refund_id,
        "reference": one.reference,
        "origin": one.origin,
        "yuan": yuan(one.amount),
        "state": one.state,
        "why": one.state_reason,
        "created_at": one.created_at,
    }


def _fen(text: str) -> int:
    match = re.fullmatch(r"(\d{1,8})(?:\.(\d{1,2}))?", text)
    fen = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else 0
    if not 1 <= fen <= MAX_AMOUNT:
        raise Failure(f"--yuan {text}: expected an amount such as 12.34")
    return fen
