"""What was asked of a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One thing we asked of a gateway, and what came of it.

    `verb` is the channel's; `outcome` is `answered`, or which ChannelError it was, in lower case; `code` is the state
    that was answered, or the error's own code. Field names are the columns' names.
    """

    merchant_id: str
    call_id: str
    order_id: str
    attempt_id: str | None
    refund_id: str | None
    verb: str
    outcome: str
    code: str
    detail: str
    asked_at: datetime
