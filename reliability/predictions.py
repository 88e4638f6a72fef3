"""A small model of orders, payments and refunds: what must be so after each thing that happens. Pure.

It knows both sides, the gateway's and ours, and how ours learns of the other. It is written from what is promised to
merchants, not from the code that keeps it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

OPEN = frozenset({"created", "pending"})
UNSETTLED = OPEN | {"held"}
CREDITED = frozenset({"succeeded", "surplus"})

ALIPAY = "alipay"
"""A payment there can be paid for as long as its order lives; WeChat's is known by a token that ends."""

_TOKEN_LIFE = timedelta(hours=2)
_NEVER = datetime.max.replace(tzinfo=UTC)
_TOKEN_MARGIN = timedelta(minutes=6)


@dataclass(slots=True)
class Refund:
    """A refund: `state` is ours, `there` the gateway's (PROCESSING, SUCCESS, ABNORMAL, CLOSED). The gateway sends an
    abnormal one to another place once: the same wish again changes nothing there, and so nothing here."""

    refund_id: str
    amount: int
    is_surplus: bool
    state: str = "sent"
    there: str = "PROCESSING"
    is_redirected: bool = False

    def redirect(self) -> None:
        """Its money is sent to another card."""
        if not self.is_redirected:
            self.state, self.there, self.is_redirected = "sent", "PROCESSING", True

    def learn(self) -> None:
        """We hear what the gateway says now."""
        word = {"PROCESSING": "sent", "SUCCESS": "succeeded", "ABNORMAL": "abnormal", "CLOSED": "closed"}[self.there]
        if not (self.state == "abnormal" and word == "sent"):
            self.state = word

    @property
    def takes(self) -> int:
        """What is gone or going of its payment."""
        return 0 if self.state == "closed" else self.amount


@dataclass(slots=True)
class Attempt:
    """An attempt: `state` is ours; `is_paid` and `is_closed` are the gateway's. `held_for` is why it is held.
    The buyer's phone can pay with the gateway's token until `token_until`."""

    attempt_id: str
    amount: int
    token_until: datetime
    state: str = "pending"
    is_paid: bool = False
    is_closed: bool = False
    held_for: str = ""
    is_dismissed: bool = False
    refunds: list[Refund] = field(default_factory=list)

    @classmethod
    def begun(cls, attempt_id: str, order: Order, now: datetime) -> Attempt:
        """A new one, with a fresh token."""
        return cls(attempt_id, order.amount, _NEVER if order.channel == ALIPAY else now + _TOKEN_LIFE)

    def go_on(self, now: datetime) -> None:
        """It is paid by another tap: a token that is about to end is exchanged for a fresh one."""
        if self.token_until < now + _TOKEN_MARGIN:
            self.token_until = now + _TOKEN_LIFE

    def can_be_paid(self, order: Order, now: datetime) -> bool:
        """Whether the gateway takes the buyer's money."""
        return not (self.is_paid or self.is_closed) and now < min(order.expires_at, self.token_until)

    @property
    def left(self) -> int:
        """What can still go back."""
        return self.amount - sum(refund.takes for refund in self.refunds)

    @property
    def is_gone(self) -> bool:
        """Whether the gateway has given back all of it."""
        return self.amount == sum(refund.amount for refund in self.refunds if refund.there == "SUCCESS")


@dataclass(slots=True)
class Order:
    """An order that is paid through one channel, of a merchant whose policy for late payments is `revives` or not."""

    channel: str
    order_id: str
    reference: str
    amount: int
    expires_at: datetime
    revives: bool
    status: str = "open"
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def winner(self) -> Attempt | None:
        """The attempt that paid it."""
        return next((attempt for attempt in self.attempts if attempt.state == "succeeded"), None)

    @property
    def is_held(self) -> bool:
        """Whether a person must look before anybody pays again."""
        return any(attempt.state == "held" for attempt in self.attempts)

    def refusal_to_pay(self, now: datetime) -> str | None:
        """Why nobody can start to pay it now."""
        if self.status != "open":
            return f"order_{self.status}"
        if self.expires_at <= now:
            return "order_expired"
        return "payment_held" if self.is_held else None

    def learn_paid(self, attempt: Attempt) -> None:
        """We hear that an attempt was paid, as it was asked for."""
        if attempt.state in CREDITED:
            return
        is_wanted = self.status == "open" or (self.status == "closed" and self.revives)
        attempt.state = "succeeded" if is_wanted else "surplus"
        if is_wanted:
            self.status = "paid"

    def hold(self, attempt: Attempt, reason: str) -> bool:
        """We hear that it was paid, but not as it was asked for. Whether that is refused: it is held now that was not
        before, or it contradicts what was counted."""
        if attempt.state in CREDITED:
            return True
        if attempt.state == "held" or attempt.is_dismissed:
            return False
        attempt.state, attempt.held_for = "held", reason
        return True

    def decide(self, attempt: Attempt, resolution: str) -> None:
        """A person decides about a held attempt."""
        match resolution:
            case "accept":
                attempt.state, self.status = "succeeded", "paid"
            case "return":
                attempt.state = "surplus"
            case "dismiss":
                attempt.state, attempt.is_dismissed = "failed", True

    def close(self) -> str:
        """The merchant closes it: at the gateway first. What is answered: `closed`, or why not."""
        if self.status == "closed":
            return "closed"
        if self.status == "paid":
            return "order_paid"
        for attempt in self.attempts:
            if attempt.state not in UNSETTLED:
                continue
            if attempt.is_paid:
                self.learn_paid(attempt)
                return "order_paid"
            attempt.is_closed = True
        for attempt in self.attempts:
            if attempt.state in UNSETTLED:
                attempt.state = "closed"
        self.status = "closed"
        return "closed"

    def refusal_to_refund(self, amount: int | None) -> str | None:
        """Why a sum cannot go back; None asks for all that is left."""
        if self.winner is None:
            return "order_not_paid"
        wanted = self.winner.left if amount is None else amount
        return None if 0 < wanted <= self.winner.left else "refund_exceeds"

    def balances(self, account_id: str) -> dict[str, int]:
        """What its postings must come to: debits less credits of each account, those at zero left out."""
        sums: Counter[str] = Counter()
        for attempt in self.attempts:
            if attempt.state not in CREDITED:
                continue
            owed = "merchant" if attempt.state == "succeeded" else "surplus"
            sums[f"clearing:{account_id}"] += attempt.amount
            sums[owed] -= attempt.amount
            for refund in attempt.refunds:
                sums[owed] += refund.takes
                sums[f"clearing:{account_id}" if refund.state == "succeeded" else "refunding"] -= refund.takes
        return {account: sum_ for account, sum_ in sums.items() if sum_}
