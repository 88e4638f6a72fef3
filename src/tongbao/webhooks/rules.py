"""What a try's outcome means, and when the next try is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MINUTE, _HOUR = 60, 3600

GAPS_SECONDS = (5, 30, 2 * _MINUTE, 10 * _MINUTE, _HOUR, 4 * _HOUR, 10 * _HOUR, 24 * _HOUR, 128_845)
"""From each try to the next: ten tries over 75 hours at the least."""

JITTER = 0.1
"""Each gap is stretched by at most this share, so that what failed together does not come back together. It is never
shrunk: a receiver that was down for three days hears of everything."""

_RETRY_AFTER_LIMIT_SECONDS = _HOUR


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a try makes of its delivery. `wait_seconds` is None once the state is final."""

    state: str
    outcome: str
    wait_seconds: float | None = None
    disable: bool = False


def judge(status: int | None, reason: str, tries: int, asked_seconds: float, chance: float) -> Verdict:
    """Judge the try after `tries` earlier ones. `chance` in 0..1 picks the jitter.

    `status` is what the endpoint answered; where it did not, `reason` says why (`kit.egress.Unanswered`). Outcomes:
    delivered (2xx), gone (410: the endpoint wants no more), redirected (3xx, not followed), refused (any other status),
    or that reason. `asked_seconds` is what Retry-After asked for; it counts for 429 and 503, up to an hour.
    """
    if status is not None and 200 <= status < 300:
        return Verdict("delivered", "delivered")
    if status == 410:
        return Verdict("exhausted", "gone", disable=True)
    if status is not None:
        reason = "redirected" if 300 <= status < 400 else "refused"
    if tries >= len(GAPS_SECONDS):
        return Verdict("exhausted", reason)
    wait_seconds = GAPS_SECONDS[tries] * (1 + JITTER * chance)
    if status in (429, 503):
        wait_seconds = max(wait_seconds, min(asked_seconds, _RETRY_AFTER_LIMIT_SECONDS))
    return Verdict("pending", reason, wait_seconds)


def retry_after_seconds(header: str | None, now: datetime) -> float:
    """Read a Retry-After header, seconds or a date (RFC 9110, 10.2.3); 0 if there is none or it cannot be read."""
    if not header:
        return 0
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return 0
    return (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds()
