"""The command line: `tongbao-sandbox`, or `python -m tongbao_sandbox`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from tongbao_sandbox.gateway import Address
from tongbao_sandbox.persistence import UnreadableState
from tongbao_sandbox.server import PortOccupied, assemble, serve


@click.command()
@click.option("--base-port", default=8700, show_default=True, type=click.IntRange(1, 65000), help="First port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="Keep everything in this file.")
@click.option("--clock-offset", type=float, help="Seconds the sandbox's clock differs from real time.")
def main(base_port: int, host: str, state: Path | None, clock_offset: float | None) -> None:
    """Payment gateways in a box, each on its own port, for testing without a merchant account."""
    try:
        sandbox = assemble(Address(host, base_port), state, clock_offset)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(sandbox, lambda: click.echo(sandbox.announcement())))
    except (PortOccupied, UnreadableState) as error:
        click.echo(f"tongbao-sandbox: {error}", err=True)
        if isinstance(error, PortOccupied):
            click.echo("Stop what listens there, or choose other ports with --base-port.", err=True)
        sys.exit(2)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop's loop where there is one (not on Windows)."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop
