"""The sandbox as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sandbox.client import Control
from tools.programs import READY_SECONDS, free_ports


@contextmanager
def started(*options: str | Path) -> Iterator[Control]:
    """A sandbox on free ports, until the block ends."""
    base_port = free_ports(count=4)
    command = [sys.executable, "-m", "tongbao_sandbox", "--base-port", str(base_port), *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    control = Control(f"http://127.0.0.1:{base_port}")
    try:
        _wait_until_up(control, process)
        yield control
    finally:
        process.terminate()
        assert process.wait(10) == 0


def _wait_until_up(control: Control, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        # A process that ended has left its ports to somebody else, who must not be taken for it.
        assert process.poll() is None, "the sandbox ended before it began"
        try:
            control.get("/credentials")
        except OSError:
            assert time.monotonic() < deadline, "the sandbox did not come up"
            time.sleep(0.02)
        else:
            return
