"""Programs that tests, bench and record start: on free ports, in a session of their own, ended by their pid."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60
_STOP_SECONDS = 15


class NotServing(Exception):
    """A program ended, or does not answer; the message holds the end of its log."""


def free_ports(count: int) -> int:
    """The first of so many free ports in a row, below those that outgoing connections get."""
    for first in random.sample(range(20_000, 32_000, 10), 500):
        with suppress(OSError), ExitStack() as held:
            for port in range(first, first + count):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise NotServing(f"no {count} free ports in a row")


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """End a process that we started, gently if it lets us."""
    process.send_signal(number)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(slots=True)
class Program:
    """A program that can be started, ended and started again. It is ready once `ready_url` answers anything but a 5xx;
    with none it is ready at once. What it writes is added to `log_path`."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(repr=False)
    log_path: Path
    ready_url: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it without waiting for it."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start it and wait until it is ready. Raises NotServing."""
        self.launch()
        give_up_at = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if time.monotonic() > give_up_at:
                raise self.failure()
            time.sleep(0.05)

    @contextmanager
    def running(self) -> Iterator[int]:
        """Have it run, ready, until the block ends; gives its pid. Raises NotServing."""
        try:
            self.start()
            assert self.process
            yield self.process.pid
        finally:
            self.stop()

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether it answers now. Raises NotServing where it has ended."""
        if not self.is_running:
            raise self.failure()
        if self.ready_url is None:
            return True
        try:
            urllib.request.urlopen(self.ready_url, timeout=2).close()
        except HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal, and by force if it does not listen; wait until it is gone. Twice is harmless."""
        if self.is_running:
            assert self.process
            end(self.process, number)

    def kill(self) -> None:
        """SIGKILL it and whatever else is in its session's process group, and wait until it is gone."""
        if self.is_running:
            assert self.process
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def log(self) -> str:
        """Everything it has written."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def failure(self) -> NotServing:
        """What to raise where it does not serve."""
        return NotServing(f"{self.name} does not serve:\n{self.log()[-3000:]}")
