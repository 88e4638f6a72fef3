"""A row's short form, as a test. They are shared out to two files, since two files are tested at once."""

from __future__ import annotations

from reliability import record
from reliability.model import Row
from reliability.rows import all_rows

TROUBLE = (
    "kill-server",
    "crash-points",
    "kill-postgres",
    "notifications",
    "gateway-weather",
    "refund-races",
    "webhooks-down",
)
"""What goes wrong around us."""

ATTACKS = ("fuzz-callbacks", "fuzz-api", "stateful", "webhook-urls", "bank")
"""What is done to us."""


def row(name: str) -> Row:
    """The row of that name."""
    return next(each for each in all_rows() if each.name == name)


async def survive(name: str) -> None:
    """Run a row's short form with each of its seeds; nothing may be lost."""
    tried = row(name)
    for seed in tried.short_seeds:
        outcome = (await record.run(tried, tried.short, seed)).outcome
        again = f"python -m reliability --row {name} --short --seed {seed}"
        assert not outcome.violations, "\n".join((again, *outcome.violations))
        assert outcome.count > 0
        # A point that nobody died at again would be a hole in the record.
        assert "not_reached_again" not in outcome.figures, outcome.figures
