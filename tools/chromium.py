"""`python tools/chromium.py`: see to it that the browser journeys have a Chromium.

It takes what is on the PATH; or else installs Debian's package, if this is root on Debian; or else Playwright's own
download, into .cache. Having none is said loudly, and is no failure here: the journeys decide (see tests/conftest.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DOWNLOADS = Path(__file__).resolve().parent.parent / ".cache" / "playwright"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DOWNLOADED = ("chrome", "headless_shell", "chrome-headless-shell")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

# For Playwright's `launch(executable_path=find(), args=ARGUMENTS)`, which adds --headless and a profile of its own.
ARGUMENTS = (
    "--no-sandbox",  # root, and most containers, cannot have one; the only page it opens is ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> Path | None:
    """A Chromium that has been seen to start, or None."""
    return next((path for path in _candidates() if _runs(path)), None)


def ensure() -> Path | None:
    """A Chromium, fetched if need be; None where it cannot be had."""
    if not find():
        _fetch_from_debian()
    if not find():
        _fetch_from_playwright()
    return find()


def _candidates() -> Iterator[Path]:
    for name in NAMES:
        if found := shutil.which(name):
            yield Path(found)
    if MAC.exists():
        yield MAC
    for name in DOWNLOADED:
        yield from DOWNLOADS.rglob(name)


def _runs(path: Path) -> bool:
    """A name on the PATH proves nothing: Ubuntu's is a stub that asks for another package manager."""
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run([str(path), "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    return False


def _fetch_from_debian() -> None:
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return
    print("Installing Debian's Chromium for the browser journeys ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ("update -q", "install -q -y --no-install-recommends chromium"):
        subprocess.run(["apt-get", *command.split()], env=environment, stdout=subprocess.DEVNULL, check=False)


def _fetch_from_playwright() -> None:
    print("Fetching Playwright's Chromium for the browser journeys ...", flush=True)
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(DOWNLOADS)}
    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    subprocess.run(command, env=environment, check=False)


if __name__ == "__main__":
    if ensure() is None:
        print("NO BROWSER: no Chromium here and none to be had. The browser journeys will not run.", file=sys.stderr)
