"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

from bench.progress import Progress


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds, and how many things of each kind in a round. Warm-up rounds are half as long and not counted."""

    rounds: int
    signing_seconds: float
    creations: int
    notices: int
    payments: int
    concurrency: int
    progress: Progress


FULL_ROUNDS = 5
"""Enough that a median does not follow one disturbed round."""
