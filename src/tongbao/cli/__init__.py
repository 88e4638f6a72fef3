"""The command line: `tongbao …`."""

from __future__ import annotations

import click

from tongbao.cli.books import check_books, gateway_book
from tongbao.cli.cases import case
from tongbao.cli.codes import code
from tongbao.cli.context import Context, Failure
from tongbao.cli.explain import explain
from tongbao.cli.merchants import account, app, key, merchant
from tongbao.cli.refunds import refund
from tongbao.cli.running import demo, migrate, sandbox, serve, worker
from tongbao.cli.sealing import reseal
from tongbao.cli.ways import ways
from tongbao.cli.webhooks import webhook
from tongbao.settings import Settings, SettingsError

__all__ = ["gateway_book", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tongbao")
@click.pass_context
def main(context: click.Context) -> None:
    """Tongbao 通宝: the payment backend for mini-programs.

    Settings are environment variables that start with TONGBAO_; docs/settings.md lists them.
    """
    try:
        context.obj = Context(Settings.from_environment())
    except SettingsError as error:
        raise Failure(str(error)) from None


_COMMANDS = (
    *(serve, worker, migrate, sandbox, demo),
    *(merchant, app, account, key, webhook, code),
    *(refund, case, explain, check_books, ways, reseal),
)
for command in _COMMANDS:
    main.add_command(command)
