"""`tongbao serve|worker|migrate|sandbox|demo`: processes that stay."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from dataclasses import replace

import click
from prometheus_client import start_http_server
from uvicorn.supervisors import Multiprocess

from tongbao import worker as work
from tongbao.app import configure_logging, database, open_house, server_config
from tongbao.app import serve as serve_here
from tongbao.cli.context import Context, Failure, pass_context
from tongbao.settings import Settings


@click.command()
@click.option("--host", help="The address to listen on. [TONGBAO_HOST, else 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on. [TONGBAO_PORT, else 8000]")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="How many server processes.")
@click.option("--no-worker", is_flag=True, help="Leave the background chores to `tongbao worker`.")
@pass_context
def serve(context: Context, host: str | None, port: int | None, workers: int, no_worker: bool) -> None:
    """Serve the API, and do the background chores beside it."""
    settings = replace(context.settings, host=host or context.settings.host, port=port or context.settings.port)
    _check_port(settings)
    if workers == 1:
        context.stay(serve_here(settings, with_worker=not no_worker))
    else:
        context.stay(_serve_many(settings, workers, with_worker=not no_worker))


async def _serve_many(settings: Settings, workers: int, *, with_worker: bool) -> None:
    """Several server processes behind one socket. They find in the environment what this process has put together."""
    async with database(settings) as url:
        settings.sealer()
        os.environ |= {
            "TONGBAO_DATABASE_URL": url,
            "TONGBAO_HOST": settings.host,
            "TONGBAO_PORT": str(settings.port),
            "TONGBAO_WITH_WORKER": "yes" if with_worker else "no",
        }
        config = server_config("tongbao.app:from_environment", settings, workers)
        shared = config.bind_socket()
        try:
            await asyncio.to_thread(Multiprocess(config, [shared]).run)
        finally:
            shared.close()


@click.command()
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve Prometheus metrics at this port, too.")
@pass_context
def worker(context: Context, metrics_port: int | None) -> None:
    """Do only the background chores: deliver, chase, expire, seal. As many processes as you like."""
    if metrics_port:
        start_http_server(metrics_port, context.settings.host)
    context.stay(_work(context.settings))


async def _work(settings: Settings) -> None:
    configure_logging(settings)
    settings.sealer()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with database(settings) as url, open_house(settings, url) as house:
        await work.run(house, stop)


@click.command()
@pass_context
def migrate(context: Context) -> None:
    """Bring the database's schema up to date. Every other command does this too."""

    async def nothing() -> None:
        async with database(context.settings):
            pass

    context.stay(nothing())
    click.echo("The schema is up to date.")


_PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.command(context_settings=_PASSED_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run the gateways in a box, for any SDK in any language: `tongbao sandbox --help`."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tongbao_sandbox", *arguments])


@click.command(context_settings=_PASSED_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Run everything with a coffee shop on top, and pay for coffee: `tongbao demo --help`."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tongbao_demo", *arguments])


def _check_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Failure(
                f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}): "
                "stop what holds it, or choose another with --port"
            ) from None
