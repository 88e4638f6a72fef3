"""What every host platform speaks: where the buyer is, and how we learn who that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in, in the host's words. `session_key` never leaves the server."""

    subject: str
    union_subject: str | None
    session_key: str | None = field(repr=False)


class Host(Protocol):
    """A mini-program platform, bound to one app (appid and secret)."""

    name: str

    async def exchange_code(self, code: str) -> Identity:
        """Exchange the client's one-time log-in code. Raises Rejected (bad, used or expired code, blocked user,
        wrong app or secret; `code` is the host's errcode), Unavailable or Uncertain."""
        ...
