"""tools/node.py: which Node is good enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import node


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def _program(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("version", ["v18.0.0", "v20.20.2", "v100.1.0"])
def test_a_node_that_is_new_enough_is_used(folder: Path, version: str) -> None:
    _program(folder / "node", version)
    _program(folder / "npm", "10")
    assert node.on_path() == folder


@pytest.mark.parametrize("version", ["v16.20.2", "v9.0.0", "hello", "''"])
def test_a_node_that_is_too_old_or_strange_is_not_used(folder: Path, version: str) -> None:
    _program(folder / "node", version)
    _program(folder / "npm", "10")
    assert node.on_path() is None


def test_a_node_without_npm_is_not_used(folder: Path) -> None:
    _program(folder / "node", "v20.20.2")
    assert node.on_path() is None


def test_without_any_node_there_is_none_on_the_path(folder: Path) -> None:
    assert node.on_path() is None
