from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.sandbox.client import Control, Merchant, Receiver, free_base_port, receiving

Start = Callable[..., AbstractContextManager[Control]]


@contextmanager
def started(*options: str | Path) -> Iterator[Control]:
    """The sandbox as a process of its own, until the block ends."""
    base_port = free_base_port()
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
    deadline = time.monotonic() + 15
    while True:
        try:
            control.get("/credentials")
        except OSError:
            assert process.poll() is None, "the sandbox ended before it began"
            assert time.monotonic() < deadline, "the sandbox did not come up"
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def start() -> Start:
    return started


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Control]:
    with started() as control:
        yield control


@pytest.fixture
def control(shared_sandbox: Control) -> Control:
    """A sandbox without a past."""
    shared_sandbox.post("/reset")
    return shared_sandbox


@pytest.fixture
def merchant(control: Control) -> Merchant:
    return control.merchant()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
