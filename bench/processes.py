"""Programs that the bench starts: each is waited for, measured and stopped by its pid."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.programs import NotServing, Program

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The bench cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A program that listens on a port of this machine."""

    name: str
    url: str
    pid: int


@contextmanager
def serving(
    name: str, command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a program until the block ends; the block begins when its port answers. Raises BenchError if that fails."""
    url = f"http://127.0.0.1:{port}"
    try:
        with Program(name, command, dict(environment or {}), log, url).running() as pid:
            yield Server(name, url, pid)
    except NotServing as error:
        raise BenchError(str(error)) from None


def cpu_seconds(*pids: int) -> float:
    """Processor time that these processes, their living descendants and those they waited for have used."""
    stats = dict(_all_stats())
    family = set(pids)
    while grown := {pid for pid, (parent, _) in stats.items() if parent in family} - family:
        family |= grown
    return sum(stats[pid][1] for pid in family if pid in stats) / _TICKS_PER_SECOND


def parent_of(pid: int) -> int:
    """The process that started this one."""
    return dict(_all_stats())[pid][0]


def _all_stats() -> Iterator[tuple[int, tuple[int, int]]]:
    """Of every process: its parent, and its ticks of user and system time with those of its waited-for children."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                # The name stands in parentheses and may hold anything, so counting begins after the last one (proc(5)).
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield int(folder.name), (int(fields[1]), sum(map(int, fields[11:15])))
