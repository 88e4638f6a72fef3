"""A sandbox of our own, in its own process, on free ports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.programs import Program, free_ports


@contextmanager
def sandbox_process(folder: Path) -> Iterator[str]:
    """Start it, give the address of its control API, and stop it. What it writes goes to `folder`."""
    base_port = free_ports(count=6)
    url = f"http://127.0.0.1:{base_port}"
    command = [sys.executable, "-m", "tongbao_sandbox", "--base-port", str(base_port)]
    with Program("the sandbox", command, {}, folder / "sandbox.log", f"{url}/credentials").running():
        yield url


__all__ = ["free_ports", "sandbox_process"]
