"""The SDK, installed as its lock says, and a way to run its scripts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import node

SDK = Path(__file__).resolve().parents[2] / "sdk" / "miniprogram"

Npm = Callable[..., str]


@pytest.fixture(scope="session")
def npm() -> Npm:
    """`npm("test", NAME="value")` runs npm in the SDK's folder with those variables, and gives what it said."""
    installed = SDK / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (SDK / "package-lock.json").stat().st_mtime:
        _npm("ci")
    return _npm


def _npm(*arguments: str, **variables: str) -> str:
    surroundings = node.environment() | variables
    command = ["npm", *arguments]
    finished = subprocess.run(command, cwd=SDK, env=surroundings, capture_output=True, text=True, check=False)
    said = f"{finished.stdout}\n{finished.stderr}"
    assert finished.returncode == 0, f"npm {' '.join(arguments)} failed:\n{said}"
    return said
