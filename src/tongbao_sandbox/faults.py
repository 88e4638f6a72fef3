"""The fault dial: how often a gateway misbehaves, drawn from a seeded generator so that a bad day can be repeated."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class NotifyFaults:
    """What may happen to a notification. Numbers are probabilities from 0 to 1, but for `delay_seconds`.

    `early`: what a request causes (the buyer pays, the refund is made) happens at once, and is told before the
    request is answered. `forge`, `probe`, `tamper` and `stale` send a bad letter ahead of the true one.
    """

    lose: float = 0.0
    delay: float = 0.0
    delay_seconds: float = 60.0
    repeat: float = 0.0
    reorder: float = 0.0
    early: float = 0.0
    forge: float = 0.0
    probe: float = 0.0
    tamper: float = 0.0
    stale: float = 0.0


@dataclass(frozen=True, slots=True)
class ApiFaults:
    """What may happen to a request. At most one fault befalls a request, tried in this order.

    `rate_limit`: refused with 429 before it is looked at; a third of what moves money at once (refunds,
    payments by code, reversals) has been done all the same.
    `server_error`: 500 or 502, and a third of them have been applied all the same. `apply_late`: 500 now, applied
    after `delay_seconds` of the sandbox's clock. `accept_then_time_out`: applied, the answer held back for
    `delay_seconds` of real time, then the connection dropped.
    """

    rate_limit: float = 0.0
    server_error: float = 0.0
    apply_late: float = 0.0
    accept_then_time_out: float = 0.0
    delay_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class RefundFaults:
    """How refunds end: after `seconds` of the sandbox's clock, with these probabilities not as they should. Drawn when
    the refund is taken on. `slow`: of a gateway that gives back within the call, those that take their time instead."""

    seconds: float = 1.0
    abnormal: float = 0.0
    closed: float = 0.0
    slow: float = 0.0


class Dial:
    """One gateway's faults, and the generator they are drawn from."""

    def __init__(self) -> None:
        self.turn({})

    def turn(self, wish: Any) -> None:
        """Replace the whole dial. Raises ValueError with a sentence if the wish cannot be read."""
        _refuse_unknown("", wish, {"notify", "api", "refund", "seed"})
        notify = NotifyFaults(**_numbers("notify", wish.get("notify", {}), NotifyFaults))
        api = ApiFaults(**_numbers("api", wish.get("api", {}), ApiFaults))
        refund = RefundFaults(**_numbers("refund", wish.get("refund", {}), RefundFaults))
        seed = wish.get("seed", 0)
        if not isinstance(seed, int):
            raise ValueError("seed must be an integer")
        self.notify, self.api, self.refund, self.seed = notify, api, refund, seed
        self.random = random.Random(seed)

    def reading(self) -> dict[str, object]:
        """The dial as `turn` takes it."""
        faults = {"notify": asdict(self.notify), "api": asdict(self.api), "refund": asdict(self.refund)}
        return {**faults, "seed": self.seed}

    def strikes(self, probability: float) -> bool:
        """Whether a fault of this probability happens now. A fault turned off draws nothing."""
        return probability > 0 and self.random.random() < probability

    def draw_api_fault(self) -> str | None:
        """The name of the fault that befalls the next request, or None."""
        for name in ("rate_limit", "server_error", "apply_late", "accept_then_time_out"):
            if self.strikes(getattr(self.api, name)):
                return name
        return None


def _numbers(
    where: str, wish: Any, kind: type[NotifyFaults] | type[ApiFaults] | type[RefundFaults]
) -> dict[str, float]:
    _refuse_unknown(where, wish, {field.name for field in fields(kind)})
    for name, value in wish.items():
        top = math.inf if name.endswith("seconds") else 1
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= top:
            raise ValueError(f"{where}.{name} must be a number from 0 to {top}")
    return dict(wish)


def _refuse_unknown(where: str, wish: object, known: set[str]) -> None:
    if not isinstance(wish, Mapping):
        raise ValueError(f"{where or 'the dial'} must be an object")
    unknown = sorted(set(wish) - known)
    if unknown:
        raise ValueError(f"{where or 'the dial'} knows {', '.join(sorted(known))}, not {', '.join(unknown)}")
