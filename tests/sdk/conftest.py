"""The SDK and the sample mini-programs, installed as their locks say, and a way to run their scripts."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tools import node

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "sdk" / "miniprogram"
EXAMPLES = ROOT / "examples"

Npm = Callable[..., str]


@pytest.fixture(scope="session")
def npm() -> Npm:
    """`npm("test", NAME="value")` runs npm in the SDK's folder with those variables, and gives what it said."""
    return _installed(SDK)


@pytest.fixture(scope="session")
def npm_of_examples(npm: Npm) -> Npm:
    """The same in the folder of the sample mini-programs, which build the SDK."""
    return _installed(EXAMPLES)


def _installed(folder: Path) -> Npm:
    installed = folder / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        _npm(folder, "ci")
    return partial(_npm, folder)


def _npm(folder: Path, *arguments: str, **variables: str) -> str:
    surroundings = node.environment() | variables
    command = ["npm", *arguments]
    with _alone():
        finished = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    said = f"{finished.stdout}\n{finished.stderr}"
    assert finished.returncode == 0, f"npm {' '.join(arguments)} failed:\n{said}"
    return said


@contextmanager
def _alone() -> Iterator[None]:
    """Builds replace what other tests are running, and tests run in several processes."""
    lock = ROOT / ".cache" / "npm.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
