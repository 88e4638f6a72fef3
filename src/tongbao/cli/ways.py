"""`tongbao ways`: which channel may collect where."""

from __future__ import annotations

import click

from tongbao.cli.context import Context, Failure, as_json, pass_context, show_table
from tongbao.settings import SettingsError


@click.command()
@as_json
@pass_context
def ways(context: Context, as_json: bool) -> None:
    """Print which channel may collect on which host, by which methods, and else why not.

    TONGBAO_WAYS names a file of yours that changes it; docs/ways.md says how.
    """
    try:
        table = context.settings.ways()
    except SettingsError as error:
        raise Failure(str(error)) from None
    rows = [
        {
            "host": way.host,
            "channel": way.channel,
            "methods": ", ".join(way.methods),
            "without": ", ".join(sorted(way.without)),
            "rule": "" if way.methods else f"{way.rule}: {table.rules[way.rule].why.en}",
        }
        for way in table.ways.values()
    ]
    show_table(rows, as_json)
