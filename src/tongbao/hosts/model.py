"""What every host platform speaks: where the buyer is, and how we learn who that is."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tongbao.kit.errors import Uncertain


class SubjectKind(enum.StrEnum):
    """Which of its names for a person a host gave: one that holds under this app alone, or one for every app."""

    OPEN_ID = "open_id"
    USER_ID = "user_id"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in, in the host's words. `session_key` never leaves the server.

    `profile` is what the buyer let us see (`nickname`, `avatar_url`), where the log-in asked for it and they agreed.
    """

    subject: str = field(repr=False)
    union_subject: str | None = field(repr=False)
    session_key: str | None = field(repr=False)
    kind: SubjectKind = SubjectKind.OPEN_ID
    profile: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Nobody is not a buyer: under an empty name all whom a host did not name would be one and the same."""
        if not self.subject.strip():
            raise Uncertain("no_subject")


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A buyer's number: `country_code` without plus sign ("86"), `number` without it. ValueError for anything else."""

    country_code: str
    number: str = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{1,4} \d{4,20}", f"{self.country_code} {self.number}", re.ASCII):
            raise ValueError("not a phone number")

    @property
    def masked(self) -> str:
        """What may be shown: enough for its owner to know it by, and for nobody else to call."""
        if len(self.number) < 11:
            return f"****{self.number[-2:]}"
        return f"{self.number[:3]}****{self.number[-4:]}"


class Host(Protocol):
    """A mini-program platform, bound to one app (appid and secret)."""

    name: str

    async def exchange_code(self, code: str, *, profile: bool = False) -> Identity:
        """Exchange the client's one-time log-in code, and read the profile too where that is asked for and the buyer
        allowed it. Raises Rejected (bad, used or expired code, blocked user, wrong app or secret; `code` is the host's
        errcode), Unavailable or Uncertain."""
        ...

    async def phone_number(self, consent: str) -> PhoneNumber:
        """The number that the buyer consented to show; `consent` is what the host handed the mini-program for it: a
        one-time code, or the sealed number itself. Raises Rejected (`no_phone_number` where none is bound, else the
        host's own code, or `unsupported`), Untrusted (not proven to be the host's), Unavailable or Uncertain."""
        ...

    def login_url(self, redirect_uri: str, state: str) -> str:
        """Where to send a browser so that it comes back to `redirect_uri` with a log-in code. `state` (letters and
        digits, at most 128) comes back with it. Raises Rejected(`unsupported`) where log-in is not by a page."""
        ...
