"""A row of the record, and what came of one run of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reliability.progress import Progress


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run did and found.

    `did` is a sentence, `count` how often it was done (the payments, events or examples). `violations` name each
    invariant that broke, in words; none is the good answer. `recover_seconds` is the longest real time that anything
    took to work again, None where nothing was down. `figures` are further numbers worth keeping.
    """

    did: str
    count: int
    violations: tuple[str, ...] = ()
    recover_seconds: float | None = None
    figures: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One test of the record. `short` and `long` are its two sizes, each run once for each of its seeds.

    `run` takes a size, a seed and the progress to report to. `not_covered` says in a sentence what it does not show.
    """

    name: str
    title: str
    short: Mapping[str, Any]
    long: Mapping[str, Any]
    run: Callable[[Mapping[str, Any], int, Progress], Awaitable[Outcome]]
    short_seeds: tuple[int, ...] = (1,)
    long_seeds: tuple[int, ...] = (1,)
    not_covered: str = ""
