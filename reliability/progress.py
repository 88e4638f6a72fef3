"""A bar on standard error while a row runs; where nobody watches, a line now and then."""

from __future__ import annotations

import sys
import time

_WIDTH = 30
_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 10.0


class Progress:
    """So many steps of one row. `of` sets how many, `step` counts them."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._steps = 0
        self._done = 0
        self._what = ""
        self._shown_at = 0.0

    def of(self, steps: int) -> None:
        """Begin to count, from none to `steps`."""
        self._steps, self._done = steps, 0
        self._show()

    def step(self, what: str = "", steps: int = 1) -> None:
        """Count steps that are done; `what` says what is being done now."""
        self._done += steps
        self._what = what or self._what
        if time.monotonic() - self._shown_at >= (_REDRAW_SECONDS if sys.stderr.isatty() else _LINE_SECONDS):
            self._show()

    def end(self) -> None:
        """Take the bar away."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        filled = _WIDTH * min(self._done, self._steps) // (self._steps or 1)
        bar = (
            f"{self._title} [{'#' * filled}{'.' * (_WIDTH - filled)}] {self._done}/{self._steps}  {self._what}".rstrip()
        )
        sys.stderr.write(f"\r\x1b[K{bar}" if sys.stderr.isatty() else f"{bar}\n")
        sys.stderr.flush()
