"""Interleaved rounds: A B C A B C …, so that whatever disturbs the machine for a while disturbs all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bench.progress import Progress

Results = dict[str, float]
"""What one contender achieved in one round, by the name of the quantity."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds are counted, and how much of each kind is done in one."""

    rounds: int
    signing_seconds: float
    creations: int
    notices: int
    payments: int
    concurrency: int
    progress: Progress


def in_turn(
    plan: Plan, row: str, contenders: Mapping[str, Callable[[int], Results]], count: int, warmed_up: Callable[[], None]
) -> dict[str, list[Results]]:
    """Let each do `count` things, round after round. The first round warms up, at half length, and is not counted."""
    results: dict[str, list[Results]] = {name: [] for name in contenders}
    for number in range(plan.rounds + 1):
        for name, act in contenders.items():
            plan.progress.step(f"{row}: {name}, {f'round {number} of {plan.rounds}' if number else 'warming up'}")
            result = act(count if number else max(count // 2, plan.concurrency))
            if number:
                results[name].append(result)
        if not number:
            warmed_up()
    return results


def steps(plan: Plan, contenders: int) -> int:
    """How many steps `in_turn` announces."""
    return (plan.rounds + 1) * contenders


def column(results: Iterable[Results], quantity: str) -> tuple[float, ...]:
    """One quantity of every round."""
    return tuple(result[quantity] for result in results)
