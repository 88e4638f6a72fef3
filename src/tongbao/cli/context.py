"""What every command needs: the open database, a clear line when something fails, answers for people or machines."""

from __future__ import annotations

import asyncio
import signal
import sys
import unicodedata
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import click
import orjson
import psycopg
import uvloop

from tongbao import web
from tongbao.app import House, database, open_house
from tongbao.kit.db import AlreadyThere, Db, Tx
from tongbao.kit.embedded import EmbeddedError
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import SealBroken
from tongbao.kit.signals import Signals
from tongbao.settings import Settings, SettingsError

T = TypeVar("T")


class Failure(click.ClickException):
    """A command that cannot be done: one line that says why and how to mend it, and exit status 2."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Context:
    """The settings that a command runs with."""

    settings: Settings

    def run(self, work: Callable[[Db], Awaitable[T]]) -> T:
        """Do something with the open, migrated database. Raises Failure for whatever an operator can mend."""
        with _explained():
            return asyncio.run(self._run(work))

    def stay(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that opens what it needs by itself and ends when told to. Raises Failure as `run` does."""
        # However we are told to end, what was opened is put away: the embedded database above all.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        with _explained(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)

    def change(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Do something in one transaction. Raises Failure as `run` does."""
        return self.run(lambda db: db.run(work))

    def with_house(self, work: Callable[[House], Awaitable[T]]) -> T:
        """Do something that may call a gateway, with all open that a server has open. Raises Failure as `run` does."""

        async def run() -> T:
            async with database(self.settings) as url, open_house(self.settings, url) as house:
                return await work(house)

        with _explained():
            return asyncio.run(run())

    async def _run(self, work: Callable[[Db], Awaitable[T]]) -> T:
        async with database(self.settings) as url:
            db, signals = await Db.connect(url, size=1), Signals(url)
            await signals.start()
            try:
                return await work(db)
            finally:
                # What changed is told to running servers before we go.
                await signals.stop()
                await db.close()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise Failure(web.words_of(refusal)[1]) from None
    except AlreadyThere:
        raise Failure("Somebody else did the same at this moment: look, and try again if it is still needed") from None
    except (SettingsError, EmbeddedError, SealBroken) as error:
        raise Failure(str(error)) from None
    except (OSError, asyncpg.PostgresError, psycopg.Error) as error:
        reason = " ".join(str(error).split())
        raise Failure(f"The database cannot be used: {reason}. Check TONGBAO_DATABASE_URL") from None


pass_context = click.make_pass_decorator(Context)

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for machines.")
"""The option that every answering command has."""


def show(answer: Mapping[str, Any], as_json: bool) -> None:
    """Show one thing: a line for each of its fields, and for each field of its fields."""
    if as_json:
        click.echo(_json(answer))
        return
    lines = dict(_flat(answer))
    width = max(map(len, lines))
    for name, value in lines.items():
        click.echo(f"{name:<{width}}  {_text(value)}")


def show_table(answers: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Show many things of a kind, each on a line."""
    if as_json:
        click.echo(_json(answers))
        return
    if not answers:
        click.echo("There are none.")
        return
    lines = [list(answers[0]), *([_text(value) for value in answer.values()] for answer in answers)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _flat(answer: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in answer.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _json(answer: object) -> str:
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def _width(text: str) -> int:
    """How many columns a terminal gives it: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")
    return value if isinstance(value, str) else orjson.dumps(value).decode()
