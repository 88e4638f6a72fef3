"""A running demo and a browser, for the journeys that begin on its page."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.channels.sandbox_process import free_ports
from tongbao.kit import embedded
from tools import chromium

_READY = "Ctrl-C stops everything"
_START_SECONDS = 90
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo with ports and a data folder of its own."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def keys(self) -> dict[str, Any]:
        """What the demo keeps of its merchant."""
        kept: dict[str, Any] = json.loads((self.folder / "demo.json").read_text())
        return kept

    def command(self, *options: str) -> list[str]:
        """How to start it."""
        places = ["--port", str(self.port), "--sandbox-base-port", str(self.port + 1), "--data", str(self.folder)]
        return [sys.executable, "-m", "tongbao_demo", *places, *options]

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(self.command(*options), capture_output=True, text=True, timeout=100, check=False)

    def start(self) -> subprocess.Popen[str]:
        """Start it in the foreground of nobody, and wait until it says that it is ready."""
        log = self.folder / "demo.log"
        with log.open("w") as output:
            process = subprocess.Popen(self.command(), stdout=output, stderr=output, text=True)
        give_up_at = time.monotonic() + _START_SECONDS
        while _READY not in log.read_text():
            assert process.poll() is None and time.monotonic() < give_up_at, f"not ready:\n{log.read_text()}"
            time.sleep(0.05)
        return process

    def stop(self, process: subprocess.Popen[str], number: signal.Signals) -> None:
        """Ask it to stop, and see that it did so gladly."""
        process.send_signal(number)
        assert process.wait(timeout=_STOP_SECONDS) == 0, (self.folder / "demo.log").read_text()

    def leftovers(self) -> list[str]:
        """What still runs of it: processes that name its folder or its sandbox's port, and its PostgreSQL."""
        mine = {str(self.folder), str(self.port + 1)}
        left = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
        found = [line for line in left if "tongbao" in line and any(word in line for word in mine)]
        database = embedded.status(self.folder / "postgres")
        return [*found, database] if database else found

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """One exchange with the server, as the merchant; the status and the JSON answered."""
        sent = {"Authorization": f"Bearer {self.keys()['api_key']}", "Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, body, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")


@contextmanager
def _new_demo() -> Iterator[Demo]:
    folder = Path(tempfile.mkdtemp(prefix="tongbao-demo-"))
    folder.chmod(0o711)  # under root PostgreSQL runs as `nobody`, who must be able to enter
    try:
        yield Demo(folder, free_ports(count=7))
    finally:
        embedded.stop(folder / "postgres")
        shutil.rmtree(folder)


@pytest.fixture
def new_demo() -> Iterator[Demo]:
    """A demo that has never been started."""
    with _new_demo() as demo:
        yield demo


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A demo that runs for all journeys of a module."""
    with _new_demo() as demo:
        process = demo.start()
        try:
            yield demo
        finally:
            demo.stop(process, signal.SIGINT)
        assert demo.leftovers() == []


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """Chromium, for a module whose tests are all synchronous: Playwright occupies the thread's event loop."""
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=list(chromium.ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, demo: Demo) -> Iterator[Page]:
    """The demo's page on a fresh phone, in Chinese as it comes. Nothing on it may have raised by the end."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    raised: list[str] = []
    page.on("pageerror", lambda error: raised.append(str(error)))
    page.goto(f"{demo.url}/demo/")
    yield page
    context.close()
    assert raised == []
