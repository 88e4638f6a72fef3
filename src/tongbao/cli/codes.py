"""`tongbao code …`: a shop's own codes, made and printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tongbao import codes, web
from tongbao.app import House
from tongbao.cli.context import Context, as_json, pass_context, show, show_table
from tongbao.codes import MOST_PIXELS, USUAL_LEAST, USUAL_MOST, StaticCode
from tongbao.kit.money import yuan

_merchant = click.argument("merchant_id", metavar="MERCHANT")
_code = click.argument("code_id", metavar="CODE")


@click.group()
def code() -> None:
    """A shop's own codes on paper: whoever scans one types the sum."""


@code.command("create")
@_merchant
@click.option("--name", required=True, help="The shop's name, as buyers see it.")
@click.option("--subject", required=True, help="What stands on the buyer's bill.")
@click.option("--least", type=int, default=USUAL_LEAST, show_default=True, metavar="FEN", help="The smallest sum.")
@click.option("--most", type=int, default=USUAL_MOST, show_default=True, metavar="FEN", help="The largest sum.")
@as_json
@pass_context
def create(context: Context, merchant_id: str, name: str, subject: str, least: int, most: int, as_json: bool) -> None:
    """Make a code of MERCHANT."""
    made = context.change(lambda tx: codes.create(tx, merchant_id, name, subject, least, most))
    show(_fields(made), as_json)


@code.command("list")
@_merchant
@as_json
@pass_context
def list_codes(context: Context, merchant_id: str, as_json: bool) -> None:
    """Show the codes of MERCHANT, oldest first."""
    found = context.run(lambda db: codes.list_codes(db, merchant_id))
    show_table([_fields(one) for one in found], as_json)


@code.command("disable")
@_merchant
@_code
@as_json
@pass_context
def disable(context: Context, merchant_id: str, code_id: str, as_json: bool) -> None:
    """Let nobody pay to CODE of MERCHANT any more."""
    show(_fields(context.change(lambda tx: codes.disable(tx, merchant_id, code_id))), as_json)


@code.command("print")
@_merchant
@_code
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--size", type=click.IntRange(128, MOST_PIXELS), default=1024, show_default=True, help="Its width in pixels."
)
@pass_context
def print_code(context: Context, merchant_id: str, code_id: str, file: Path, size: int) -> None:
    """Draw CODE of MERCHANT into FILE, which ends with .svg or .png. It opens a page below TONGBAO_PUBLIC_URL."""
    if file.suffix not in (".svg", ".png"):
        raise click.BadParameter("it must end with .svg or .png", param_hint="FILE")

    async def draw(house: House) -> bytes:
        found = await codes.get(house.db, merchant_id, code_id)
        address = web.code_url(house.sealer, house.directory, merchant_id, code_id)
        return (codes.as_png if file.suffix == ".png" else codes.as_svg)(address, [found.name], pixels=size)

    file.write_bytes(context.with_house(draw))
    click.echo(f"Written to {file}. Open it with a phone before it is printed.")


def _fields(one: StaticCode) -> dict[str, Any]:
    return {
        "id": one.code_id,
        "name": one.name,
        "subject": one.subject,
        "least": yuan(one.least),
        "most": yuan(one.most),
        "status": one.status,
        "created_at": one.created_at,
    }
