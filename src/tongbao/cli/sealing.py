"""`tongbao reseal`: everything under the current master key, so that an old one can go."""

from __future__ import annotations

import click

from tongbao import buyers, merchants, webhooks
from tongbao.cli.context import Context, pass_context
from tongbao.kit.db import Db


@click.command()
@pass_context
def reseal(context: Context) -> None:
    """Seal every secret that is under an older master key under the current one (the first of them).

    Afterwards an older key is needed for sessions (7 days) and stored answers (30 days) only.
    """
    sealer = context.settings.sealer()

    async def all_of_it(db: Db) -> int:
        return sum([await room.reseal(db, sealer) for room in (merchants, webhooks, buyers)])

    click.echo(f"{context.run(all_of_it)} secrets are now under master key {sealer.current}.")
