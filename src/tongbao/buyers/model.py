"""Buyers, as we know them: a session of ours over an identity that stays on the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tongbao.hosts import SubjectKind


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in that succeeded. `token` and `profile` (`nickname`, `avatar_url`) go to the client, and stay nowhere."""

    token: str = field(repr=False)
    buyer_id: str
    expires_at: datetime
    profile: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class BuyerPrincipal:
    """A buyer that proved who it is with a session token. `subject` is the host's name for it (an openid; `kind` says
    which of its names): it pays, and leaves the server only for the gateway."""

    merchant_id: str
    buyer_id: str
    host: str
    app_id: str
    subject: str = field(repr=False)
    kind: SubjectKind = SubjectKind.OPEN_ID
