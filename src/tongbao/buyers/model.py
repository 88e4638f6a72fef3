"""Buyers, as we know them: a session of ours over an identity that stays on the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in that succeeded. `token` goes to the client and is kept nowhere."""

    token: str = field(repr=False)
    buyer_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class BuyerPrincipal:
    """A buyer that proved who it is with a session token. `subject` is the host's name for it (an openid): it pays,
    and leaves the server only for the gateway."""

    merchant_id: str
    buyer_id: str
    host: str
    app_id: str
    subject: str = field(repr=False)
