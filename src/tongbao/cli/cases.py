"""`tongbao case …`: what is out of the ordinary, and deciding it."""

from __future__ import annotations

import getpass
from datetime import timedelta
from typing import Any

import click

from tongbao import cases, decisions
from tongbao.app import House
from tongbao.cases import Case, Kind
from tongbao.cli.context import Context, Failure, as_json, pass_context, show, show_table
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal

_EFFECTS = {
    "accept": "the order is paid, with what came in",
    "return": "what came in goes back to the buyer",
    "dismiss": "it is not our money: nothing moves",
    "return_again": "it is sent back once more, after the gateway closed the refund of it",
    "handled": "somebody has seen to it: nothing is left for us to do",
    "handled_outside": "the buyer got the money by another way: the refund is not asked about any more",
}
"""What follows from each resolution."""


def _the_os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise Failure("Say who decides: --by NAME") from None


_case_id = click.argument("case_id", metavar="CASE")
_by = click.option("--by", default=_the_os_user, metavar="NAME", help="Who, for the record. [who runs this]")


@click.group()
def case() -> None:
    """What is out of the ordinary, and must be closed by a person or a policy."""


@case.command("list")
@click.option("--merchant", "merchant_id", metavar="MERCHANT", help="Only this merchant's.")
@click.option("--status", type=click.Choice(["open", "closed", "all"]), default="open", show_default=True)
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Only of this kind.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@as_json
@pass_context
def list_cases(
    context: Context, merchant_id: str | None, status: str, kind: str | None, limit: int, as_json: bool
) -> None:
    """Show cases, the most urgent first."""
    wanted = None if status == "all" else status
    found = context.run(lambda db: cases.list_cases(db, merchant_id, status=wanted, kind=kind, limit=limit))
    show_table([_fields(one) if as_json else _line(one) for one in found], as_json)


@case.command("show")
@_case_id
@as_json
@pass_context
def show_case(context: Context, case_id: str, as_json: bool) -> None:
    """Show CASE: what it is about, what was done, what can be decided and what follows from it."""
    _show(context.run(lambda db: _story(db, case_id)), as_json)


@case.command("note")
@_case_id
@click.option("--note", "text", required=True, help="What is to be remembered.")
@_by
@as_json
@pass_context
def note(context: Context, case_id: str, text: str, by: str, as_json: bool) -> None:
    """Write something down on CASE."""

    async def write(db: Db) -> dict[str, Any]:
        one = await _find(db, case_id)
        async with db.tx() as tx:
            cases.add_note(tx, one.merchant_id, case_id, by, text, clock.now())
        return await _story(db, case_id)

    _show(context.run(write), as_json)


@case.command("close")
@_case_id
@click.option("--resolution", required=True, help="What is decided: `tongbao case show` tells what can be.")
@click.option("--note", "text", default="", help="Why, for the record.")
@_by
@as_json
@pass_context
def close(context: Context, case_id: str, resolution: str, text: str, by: str, as_json: bool) -> None:
    """Decide CASE, and have done what follows from it."""

    async def decide(house: House) -> dict[str, Any]:
        one = await _find(house.db, case_id)
        await decisions.close_case(house.db, house.directory, one.merchant_id, case_id, resolution, by, text)
        return await _story(house.db, case_id)

    _show(context.with_house(decide), as_json)


async def _find(db: Db, case_id: str) -> Case:
    found = await cases.find_case(db, case_id)
    if found is None:
        raise Refusal("case_not_found", 404, case_id=case_id)
    return found


async def _story(db: Db, case_id: str) -> dict[str, Any]:
    one = await _find(db, case_id)
    history = await cases.history_of(db, one.merchant_id, case_id)
    choices = decisions.resolutions_of(one)
    return _fields(one) | {
        "resolutions": {each: _EFFECTS[each] for each in choices},
        "history": [{"at": each.at, "who": each.who, "what": each.what, "note": each.note} for each in history],
    }


def _show(story: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show(story, as_json)
        return
    choices, history = story.pop("resolutions"), story.pop("history")
    show(story, as_json)
    click.echo("\nWhat was done")
    show_table(history, as_json)
    if not choices:
        return
    click.echo(f"\nWhat can be decided: tongbao case close {story['id']} --resolution …")
    show(choices, as_json)
    if story["kind"] == Kind.REFUND_ABNORMAL:
        click.echo(f"Or send the money elsewhere: tongbao refund redirect {story['refund_id']} --to …")


def _fields(one: Case) -> dict[str, Any]:
    return {
        "id": one.case_id,
        "merchant_id": one.merchant_id,
        "kind": one.kind,
        "order_id": one.order_id,
        "payment_id": one.attempt_id,
        "refund_id": one.refund_id,
        "detail": one.detail,
        "status": one.status,
        "opened_at": one.opened_at,
        "due_at": one.due_at,
        "closed_at": one.closed_at,
        "closed_by": one.closed_by,
        "resolution": one.resolution,
    }


def _line(one: Case) -> dict[str, Any]:
    now = clock.now()
    is_late = one.due_at < now
    return {
        "id": one.case_id,
        "kind": one.kind,
        "order": one.order_id,
        "age": _span(now - one.opened_at),
        "due": one.resolution or (f"OVERDUE {_span(now - one.due_at)}" if is_late else f"in {_span(one.due_at - now)}"),
    }


def _span(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
