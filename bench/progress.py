"""A bar on standard error while it runs."""

from __future__ import annotations

import sys

_WIDTH = 30


class Progress:
    """So many steps, each announced as it begins. Where nobody watches, one line each."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._begun = 0

    def step(self, what: str) -> None:
        """Say what is being done now."""
        filled = _WIDTH * self._begun // self._steps
        self._begun += 1
        bar = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {self._begun}/{self._steps}  {what}"
        sys.stderr.write(f"\r\x1b[K{bar}" if sys.stderr.isatty() else f"{bar}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Take the bar away."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
