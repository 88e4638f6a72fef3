"""A sandbox of our own, in its own process, on free ports."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def sandbox_process(folder: Path) -> Iterator[str]:
    """Start it, give the address of its control API, and stop it. What it writes goes to `folder`."""
    base_port, log_path = free_ports(count=6), folder / "sandbox.log"
    with log_path.open("wb") as log:
        command = [sys.executable, "-m", "tongbao_sandbox", "--base-port", str(base_port)]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{base_port}"
        wait_until_answering(f"{url}/credentials", process, log_path)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    for base_port in random.sample(range(20000, 30000, 10), 200):
        try:
            with ExitStack() as held:
                for port in range(base_port, base_port + count):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        return base_port
    raise RuntimeError(f"no {count} free ports in a row")


def wait_until_answering(url: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
    give_up_at = time.monotonic() + 20
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the sandbox does not answer:\n{log_path.read_text()}")
