"""`tongbao demo`: everything on one machine, with nothing to set up; and everything stopped again at the end."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import sys
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from tongbao.app import configure_logging, create_app, database, server_config
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.errors import TongbaoError
from tongbao.settings import Settings, SettingsError
from tongbao_demo import books, once, phone, ports, sandbox, shop
from tongbao_demo.model import Shop, Weather
from tongbao_demo.ports import Port
from tongbao_demo.sandbox import Sandbox
from tongbao_demo.seed import Keys, seed

_FAILURES = (
    sandbox.SandboxFailed,
    shop.SdkMissing,
    once.NotAsExpected,
    aiohttp.ClientError,
    TongbaoError,
    SettingsError,
    OSError,
)


class CannotStart(Exception):
    """Something in the surroundings must change first; the message says what."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says."""

    host: str
    port: int
    sandbox_base_port: int
    data: Path
    once: bool

    @property
    def server_url(self) -> str:
        """Our server as this machine reaches it: one that listens everywhere is here too."""
        here = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://[{here}]:{self.port}" if ":" in here else f"http://{here}:{self.port}"

    def ports(self) -> list[Port]:
        """Every port that will be opened."""
        own = Port(self.host, self.port, "the server", "--port")
        numbers = range(self.sandbox_base_port, self.sandbox_base_port + sandbox.PORTS)
        return [own, *(Port(sandbox.HOST, number, "the sandbox", "--sandbox-base-port") for number in numbers)]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface the server listens on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The server's port.")
@click.option(
    "--sandbox-base-port",
    default=8700,
    show_default=True,
    type=click.IntRange(1, 65532),
    help="First of the sandbox's four ports.",
)
@click.option(
    "--data",
    default=Path(".tongbao"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the database, the keys and the sandbox's state.",
)
@click.option(
    "--once", is_flag=True, help="Pay on each phone and at the counter without a browser, refund, check, and exit."
)
def main(host: str, port: int, sandbox_base_port: int, data: Path, once: bool) -> None:
    """Run the server, the sandbox and a coffee shop on this machine until Ctrl-C."""
    choices = Choices(host, port, sandbox_base_port, data, once)
    try:
        ports.check_free(choices.ports())
        with _alone_in(data), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sound = runner.run(_run(choices))
    except (ports.PortOccupied, CannotStart) as error:
        click.echo(f"tongbao demo: {error}", err=True)
        sys.exit(2)
    except _FAILURES as error:
        click.echo(f"tongbao demo: {error}", err=True)
        sys.exit(1)
    sys.exit(0 if sound else 1)


async def _run(choices: Choices) -> bool:
    """Start everything in order, serve, and stop it in reverse, also when a step on the way fails."""
    stop = _stop_signal()
    settings = Settings(
        data_folder=choices.data,
        host=choices.host,
        port=choices.port,
        public_url=choices.server_url,
        allow_private_webhooks=True,
        log_level="warning",
    )
    configure_logging(settings)
    async with (
        aiohttp.ClientSession() as http,
        sandbox.running(choices.sandbox_base_port, choices.data, http) as gateways,
        database(settings) as url,
        _open(url) as db,
    ):
        for path, dial in phone.dials(Weather()):
            await gateways.ask(http, "PUT", path, dial)
        # Who pays on a page on this machine has no other address than this machine's.
        await gateways.ask(http, "PUT", "/wechat/merchants", {"h5_local_ip": True})
        credentials = await gateways.ask(http, "GET", "/credentials")
        keys = await seed(db, settings.sealer(), credentials, choices.server_url, choices.data / "demo.json")
        app = create_app(settings, url=url, with_worker=True, is_stopping=stop.is_set)
        stage = once.Stage(http, db, gateways, choices.server_url, keys)
        app.add_route("/demo", _enter, include_in_schema=False)
        app.mount("/demo", shop.create(_shop(stage)))
        async with _serving(app, settings) as server:
            if choices.once:
                return await once.walk(stage)
            if not stop.is_set():
                click.echo(_welcome(choices, gateways, keys))
            await _first_of(stop, server, gateways)
    click.echo("\n已全部停止 · Everything is stopped")
    return True


def _shop(stage: once.Stage) -> Shop:
    async def compare_books() -> list[dict[str, object]]:
        return [books.shown(each) for each in await once.compare_books(stage)]

    async def skip(seconds: float) -> float:
        told = await stage.sandbox.ask(stage.http, "PUT", "/clock", {"advance_seconds": seconds})
        clock.move(told["offset_seconds"])
        return float(told["offset_seconds"])

    keys = stage.keys
    return Shop(
        tongbao_url=stage.server_url,
        sandbox_url=stage.sandbox.url,
        apps=keys.apps,
        api_key=keys.api_key,
        webhook_secret=keys.webhook_secret,
        http=stage.http,
        compare_books=compare_books,
        skip=skip,
    )


async def _enter(_: Request) -> Response:
    """The shop's address as people type it."""
    return RedirectResponse("/demo/")


def _stop_signal() -> asyncio.Event:
    """Set by Ctrl-C or SIGTERM, at any time. A start-up step that has begun is brought to its end, so that what it
    started can be stopped."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@contextmanager
def _alone_in(data: Path) -> Iterator[None]:
    """Two demos would mix up each other's keys and the sandbox's state. Raises CannotStart."""
    # Under root PostgreSQL runs as `nobody`, who must get through to its own folder. Our secrets are files of mode 600.
    data.mkdir(mode=0o711, parents=True, exist_ok=True)
    with (data / "demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"Another demo is using {data}. Stop it, or choose another folder with --data.") from None
        yield


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Db]:
    db = await Db.connect(url, size=2)
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def _serving(app: FastAPI, settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """The server, taking requests. Raises CannotStart if it does not come so far."""
    server = uvicorn.Server(server_config(app, settings))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if serving.done():
                raise CannotStart("The server did not start; the lines above say why.")
            await asyncio.sleep(0.02)
        yield serving
    finally:
        server.should_exit = True
        await serving


async def _first_of(stop: asyncio.Event, server: asyncio.Task[None], gateways: Sandbox) -> None:
    """Wait for Ctrl-C, or for something to end that should not. Raises SandboxFailed."""
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(gateways.ended())]
    try:
        done, _ = await asyncio.wait([server, *waits], return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in waits:
            each.cancel()


def _welcome(choices: Choices, gateways: Sandbox, keys: Keys) -> str:
    places = [
        ("咖啡店", "Coffee shop", f"{choices.server_url}/demo/"),
        ("接口文档", "API reference", f"{choices.server_url}/docs"),
        ("沙箱控制", "Sandbox control", f"{gateways.url}/"),
    ]
    names = [
        ("商户", "Merchant", keys.merchant_id),
        *(("应用", f"App ({host})", app_id) for host, app_id in keys.apps.items()),
        *(("账户", f"Account ({channel})", account_id) for channel, account_id in keys.accounts.items()),
        ("API 密钥", "API key", keys.api_key),
        ("回调密钥", "Webhook secret", keys.webhook_secret),
    ]
    return "\n".join(
        [
            "\n通宝演示已就绪 · The Tongbao demo is ready\n",
            *(_row(*place) for place in places),
            "",
            *(_row(*name) for name in names),
            f"\n密钥也保存在 · Keys are also kept in {choices.data / 'demo.json'}",
            "按 Ctrl-C 全部停止 · Ctrl-C stops everything",
        ]
    )


def _row(chinese: str, english: str, value: str) -> str:
    """A line in columns. A terminal gives a Chinese character two of them."""
    wide = sum(unicodedata.east_asian_width(character) == "W" for character in chinese)
    return f"  {chinese}{' ' * (10 - len(chinese) - wide)}{english:<21}{value}"
