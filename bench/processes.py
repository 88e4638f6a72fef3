"""Programs that the bench starts: each is waited for, measured and stopped by its pid."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 60
_STOP_SECONDS = 15
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
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, env={**os.environ, **(environment or {})}
        )
    try:
        _wait_until_ready(name, process, port, log)
        yield Server(name, f"http://127.0.0.1:{port}", process.pid)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that we started, gently if it lets us."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port(together: int = 1) -> int:
    """The first of so many neighbouring ports that nobody uses, below those that outgoing connections get."""
    while True:
        first = random.randrange(20_000, 32_000)
        if all(map(_can_be_opened, range(first, first + together))):
            return first


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


def _wait_until_ready(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"{name} does not serve:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _can_be_opened(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False
