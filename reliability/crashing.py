"""`python -m reliability.crashing serve`: a server that dies where it is told to, and comes back at once.

Every commit and every call over the network has a name made of who makes it, and two points, before and after. The
server's folder has a file `crash` by which it is told: see `Orders`. Whoever reaches the named point for the named time
kills its own process by SIGKILL. The parent, which has everything imported and never serves, forks the next at once.
"""

from __future__ import annotations

import gc
import mmap
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import uvloop

from tongbao import app, worker
from tongbao.kit import embedded, migrate
from tongbao.kit.db import Db, Tx
from tongbao.settings import Settings

_PACKAGE = str(Path(app.__file__).parent) + os.sep
_NOBODY = {"kit", "jobs", "protocols", "app.py", "worker.py"}
"""Rooms that others act through: they name no point."""
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE)\b")
_SIZE_BYTES = 512
_HURRIED_SECONDS = 0.1


class Orders:
    """The file by which a server is told where to die, seen by every process that opens it.

    Byte 0: whether points passed are written down in `points`. Byte 1: how often the point is still to be passed; the
    last time is fatal, 0 is never. From byte 2 on: its name.
    """

    def __init__(self, folder: Path) -> None:
        file = folder / "crash"
        if not file.exists() or file.stat().st_size < _SIZE_BYTES:
            file.write_bytes(bytes(_SIZE_BYTES))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _SIZE_BYTES)
        self._points_file = folder / "points"
        self._points_file.touch()

    def arm(self, point: str, times: int = 1) -> None:
        """Have whoever passes this point for the `times`-th time from now on die there."""
        self._shared[1] = 0
        self._shared[2:] = point.encode().ljust(_SIZE_BYTES - 2, b"\0")
        self._shared[1] = times

    @property
    def is_armed(self) -> bool:
        """Whether the fatal moment is still to come."""
        return self._shared[1] > 0

    def disarm(self) -> None:
        """Let everybody live."""
        self._shared[1] = 0

    @contextmanager
    def recording(self) -> Iterator[set[str]]:
        """Collect the points that are passed inside the block; the set is filled at its end."""
        found = set[str]()
        before = self._points_file.stat().st_size
        self._shared[0] = 1
        try:
            yield found
        finally:
            self._shared[0] = 0
            found |= set(self._points_file.read_bytes()[before:].decode().splitlines())

    def passed(self, point: str) -> None:
        """What a server calls at each point."""
        if self._shared[0]:
            with self._points_file.open("a") as points:
                points.write(f"{point}\n")
        if self._shared[1] and self._shared[2:].rstrip(b"\0") == point.encode():
            self._shared[1] -= 1
            if not self._shared[1]:
                os.kill(os.getpid(), signal.SIGKILL)


def who(frame: FrameType | None) -> str:
    """Who acts: the outermost and the innermost function of a room on the way here, and the body of its transaction.

    A channel or host is named with the verb that it was asked for.
    """
    way, verb, body = list[str](), "", ""
    while frame:
        code = frame.f_code
        if code.co_filename.startswith(_PACKAGE):
            room, _, file = code.co_filename.removeprefix(_PACKAGE).partition(os.sep)
            function = code.co_qualname.replace(".<locals>", "")
            if room in ("channels", "hosts") and not way:
                verb = f" asks {file.partition(os.sep)[0]} to {function.rpartition('.')[2]}"
            elif room == "kit" and function == "Db.run":
                body = frame.f_locals["body"].__name__
            elif room not in _NOBODY and not (room == "web" and way):
                way.append(f"{room}.{function}" if room != "web" else f"web.{file.removesuffix('.py')}.{function}")
        frame = frame.f_back
    inner = f"{way[0]}/{body}" if body and body != "<lambda>" else way[0] if way else "setting up"
    return (f"{way[-1]} > {inner}" if len(way) > 1 and way[-1] != way[0] else inner) + verb


def hurry() -> None:
    """Have every chore look for work ten times a second, so that no story waits for its turn."""
    chores = worker.chores
    worker.chores = lambda house, courier: tuple(
        replace(chore, every_seconds=min(chore.every_seconds, _HURRIED_SECONDS)) for chore in chores(house, courier)
    )


def wrap(orders: Orders) -> None:
    """Put the points around every commit and every call."""
    commit, fetch, request = Tx.commit, Db.fetch, aiohttp.ClientSession._request

    async def watched_commit(self: Tx) -> None:
        if not self._writes:
            return await commit(self)
        name = who(sys._getframe())
        orders.passed(f"{name}: before commit")
        await commit(self)
        return orders.passed(f"{name}: after commit")

    async def watched_fetch(self: Db, sql: str, *args: object) -> list[Any]:
        if not _WRITES.search(sql):
            return await fetch(self, sql, *args)
        name = who(sys._getframe())
        orders.passed(f"{name}: before commit")
        rows = await fetch(self, sql, *args)
        orders.passed(f"{name}: after commit")
        return rows

    async def watched_request(self: aiohttp.ClientSession, *args: Any, **how: Any) -> aiohttp.ClientResponse:
        name = who(sys._getframe())
        orders.passed(f"{name}: before the call")
        answer = await request(self, *args, **how)
        # Read to its end, so that "after" means that the answer is here whole.
        await answer.read()
        orders.passed(f"{name}: after the call")
        return answer

    Tx.commit = watched_commit  # type: ignore[method-assign]
    Db.fetch = watched_fetch  # type: ignore[method-assign]
    aiohttp.ClientSession._request = watched_request  # type: ignore[method-assign]


def main() -> None:
    """Fork servers, one after the other, until SIGTERM."""
    settings = Settings.from_environment()
    with embedded.start(settings.data_folder / "postgres") as postgres:
        migrate.apply(postgres.url)
        wrap(Orders(settings.data_folder))
        hurry()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        gc.freeze()  # The children need not look at what is there already.
        died_of: int = signal.SIGKILL
        while died_of == signal.SIGKILL:
            died_of = _one_life(settings, postgres.url)


def _one_life(settings: Settings, url: str) -> int:
    """Fork one server and wait for its end; the signal that ended it, or 0. Should we end before it, it does so too."""
    child = os.fork()
    if not child:
        try:
            _serve(settings, url)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    try:
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    return status & 0x7F


def _serve(settings: Settings, url: str) -> None:
    """Serve in this process, as `tongbao serve` does, but over a database that is migrated already."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    offset = settings.data_folder / "clock"
    if offset.exists():
        settings = replace(settings, clock_offset_seconds=float(offset.read_text()))
    app.configure_logging(settings)
    application = app.create_app(settings, url=url, with_worker=True)
    uvloop.run(app.Server(app.server_config(application, settings)).serve())


if __name__ == "__main__":
    main()
