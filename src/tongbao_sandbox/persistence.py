"""The optional state file: written whole, next to its place, then moved there, so that it is never half."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

VERSION = 1


class UnreadableState(Exception):
    """The state file exists and cannot be used."""


def load(path: Path) -> dict[str, Any] | None:
    """The saved state, or None if there is no file yet. Raises UnreadableState."""
    try:
        state = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        raise UnreadableState(f"{path} cannot be read ({error}); move it away to start afresh") from error
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise UnreadableState(f"{path} is not sandbox state of version {VERSION}; move it away to start afresh")
    return state


def save(path: Path, state: dict[str, object]) -> None:
    """Write the state for its owner alone: it holds private keys (test keys, but habits matter)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(state | {"version": VERSION}))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
