"""A static code, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

USUAL_LEAST = 1
USUAL_MOST = 500_000
"""Five thousand yuan: who sells dearer things says so."""


@dataclass(frozen=True, slots=True)
class StaticCode:
    """A shop's own code. `name` is the shop's, as buyers see it; `subject` stands on their bills; they may type from
    `least` to `most` fen. Field names are the columns' names."""

    merchant_id: str
    code_id: str
    name: str
    subject: str
    least: int
    most: int
    status: str
    created_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether it can be paid to."""
        return self.status == "active"
