"""Putting the house together: what is opened, in which order, and how it is closed again."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import structlog
import uvicorn
from fastapi import FastAPI

from tongbao import web, worker
from tongbao.kit import clock, egress, embedded, migrate
from tongbao.kit.db import Db
from tongbao.kit.sealing import Sealer
from tongbao.kit.signals import Signals
from tongbao.merchants import Directory, forget_keys
from tongbao.settings import Settings

_GRACEFUL_SECONDS = 5
_SUPERVISION_SECONDS = 2
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class House:
    """Everything that is open while a process runs."""

    settings: Settings
    db: Db
    sealer: Sealer = field(repr=False)
    signals: Signals
    directory: Directory
    webhook_session: aiohttp.ClientSession


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The address of the database, migrated: the operator's, or the embedded one, stopped again if we started it."""
    if settings.database_url is not None:
        await asyncio.to_thread(migrate.apply, settings.database_url)
        yield settings.database_url
        return
    folder = settings.data_folder / "postgres"
    uses = [await asyncio.to_thread(embedded.start, folder)]
    supervision = asyncio.create_task(_supervise(folder, uses))
    try:
        await asyncio.to_thread(migrate.apply, uses[0].url)
        yield uses[0].url
    finally:
        supervision.cancel()
        with suppress(asyncio.CancelledError):
            await supervision
        for use in uses:
            await asyncio.to_thread(use.stop)


async def _supervise(folder: Path, uses: list[embedded.Embedded]) -> None:
    """Start the embedded PostgreSQL again should it die under us; who finds it dead first does it for all."""
    while True:
        await asyncio.sleep(_SUPERVISION_SECONDS)
        try:
            if not await asyncio.to_thread(uses[-1].is_in_use_and_running):
                _log.error("the embedded PostgreSQL died and is started again")
                uses.append(await asyncio.to_thread(embedded.start, folder))
        except embedded.EmbeddedError as error:
            _log.error("the embedded PostgreSQL cannot be started", reason=str(error))


@asynccontextmanager
async def open_house(settings: Settings, url: str) -> AsyncIterator[House]:
    """Open all that the doors and the chores need over a migrated database, and close it again."""
    clock.move(settings.clock_offset_seconds)
    sealer = settings.sealer()
    db = await Db.connect(url, size=settings.database_connections)
    signals = Signals(url)
    await signals.start()
    signals.listen("keys", lambda _: forget_keys())
    if settings.clock_movable:
        signals.listen("clock", lambda offset_seconds: clock.move(float(offset_seconds)))
    # Gateways drop an idle connection after eight seconds (WeChat Pay v3, 1.3): we let go of it before they do.
    connector = aiohttp.TCPConnector(limit=200, keepalive_timeout=7)
    transport = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    webhook_session = egress.guarded_session(settings.allow_private_webhooks)
    try:
        directory = Directory(db, sealer, transport, settings.notify_base, table=settings.ways())
        signals.listen("accounts", lambda _: directory.forget())
        yield House(settings, db, sealer, signals, directory, webhook_session)
    finally:
        await webhook_session.close()
        await transport.close()
        await signals.stop()
        await db.close()


def create_app(
    settings: Settings, *, url: str, with_worker: bool, is_stopping: Callable[[], bool] | None = None
) -> FastAPI:
    """The web application, with the chores beside it where `with_worker`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_house(settings, url) as house:
            app.state.context = web.Context(
                house.db,
                house.directory,
                house.sealer,
                house.signals,
                settings.allow_private_webhooks,
                is_stopping or _heed_signals(),
                settings.trusted_proxies,
            )
            stop = asyncio.Event()
            chores = asyncio.create_task(worker.run(house, stop)) if with_worker else None
            _calm_the_collector()
            try:
                yield
            finally:
                stop.set()
                if chores:
                    await chores

    app = web.create(version("tongbao"))
    app.router.lifespan_context = lifespan
    return app


class Server(uvicorn.Server):
    """One process's server: it serves until SIGINT or SIGTERM, and then lets us put things away.

    uvicorn raises the signal again once it has stopped, which would end the process with the database still running.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say where we serve once we do."""
        await super().startup(sockets)
        if self.started:
            _log.info("serving", url=f"http://{self.config.host}:{self.config.port}")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop serving at these signals, for as long as we serve."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def serve(settings: Settings, *, with_worker: bool) -> None:
    """Serve in this process until SIGINT or SIGTERM."""
    configure_logging(settings)
    settings.sealer()  # A master key or a table that cannot be used is found before anything is started.
    settings.ways()
    async with database(settings) as url:
        app = create_app(settings, url=url, with_worker=with_worker, is_stopping=lambda: server.should_exit)
        server = Server(server_config(app, settings))
        await server.serve()


def _heed_signals() -> Callable[[], bool]:
    """Notice the signal that stops a server whose loop is not ours: who waits for an order is then answered at once."""
    stopping = threading.Event()

    def heed(number: int, then: Any) -> None:
        def handle(received: int, frame: FrameType | None) -> None:
            stopping.set()
            if callable(then):
                then(received, frame)

        signal.signal(number, handle)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            heed(number, signal.getsignal(number))
    return stopping.is_set


def _calm_the_collector() -> None:
    """What is there now stays for good, and hardly any request leaves cycles behind: looking for them after every 700
    new objects costs one part in twenty of all the work, so it is done a good deal less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def server_config(app: FastAPI | str, settings: Settings, workers: int = 1) -> uvicorn.Config:
    """How uvicorn runs us, in one process or in many."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        host=settings.host,
        port=settings.port,
        workers=workers,
        loop="uvloop",
        http=web.Protocol,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )


def from_environment() -> FastAPI:
    """The application as one of many server processes, put together from what the first process left in the
    environment: TONGBAO_DATABASE_URL names a database that is migrated already."""
    settings = Settings.from_environment()
    configure_logging(settings)
    assert settings.database_url is not None
    return create_app(settings, url=settings.database_url, with_worker=os.environ.get("TONGBAO_WITH_WORKER") == "yes")


def configure_logging(settings: Settings) -> None:
    """Structured logs on standard error: for people, or as JSON lines."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    for_people = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    renderer = structlog.processors.JSONRenderer() if settings.log_json else for_people
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
