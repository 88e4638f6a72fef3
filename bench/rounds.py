"""Interleaved rounds: A B C A B C …, so that whatever disturbs the machine for a while disturbs all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.progress import Progress
from bench.report import Line

Results = Mapping[str, float]
"""What one contender achieved in one round, by the name of the quantity."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds are counted, how much of each kind is done in one, and how many things at once."""

    rounds: int
    signing_seconds: float
    creations: int
    notices: int
    payments: int
    taps: int
    concurrency: int


def percentiles(name: str, seconds: Sequence[float]) -> Results:
    """The median and the 99th percentile of some times, in milliseconds."""
    return {f"{name}_p50": 1000 * median(seconds), f"{name}_p99": 1000 * quantiles(seconds, n=100)[98]}


def in_turn(
    rounds: int, row: str, contenders: Mapping[str, Callable[[], Results]], progress: Progress
) -> list[list[Results]]:
    """Let each do its work, round after round; returns the rounds of each."""
    results: list[list[Results]] = [[] for _ in contenders]
    for number in range(1, rounds + 1):
        for (name, act), of_this in zip(contenders.items(), results, strict=True):
            progress.step(f"{row}: {name}, round {number} of {rounds}")
            of_this.append(act())
    return results


def warm_up(row: str, contenders: Mapping[str, Callable[[], Results]], progress: Progress) -> None:
    """A round that is not counted."""
    for name, act in contenders.items():
        progress.step(f"{row}: {name}, warming up")
        act()


def compare(
    what: str,
    unit: str,
    quantity: str,
    own: Sequence[Results],
    floor: Sequence[Results] = (),
    peer: Sequence[Results] = (),
    target: str = "",
) -> Line:
    """The line of the table for one quantity of every round."""
    ours, least, theirs = (tuple(result[quantity] for result in side) for side in (own, floor, peer))
    return Line(what, unit, ours, least, theirs, target)
