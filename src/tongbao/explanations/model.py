"""What an explanation is made of, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tongbao.callbacks import KeptNotice
from tongbao.cases import Case, Entry
from tongbao.journal import Call
from tongbao.kit.words import Words
from tongbao.ledger import Posting
from tongbao.payments import Attempt, Order
from tongbao.refunds import Refund
from tongbao.webhooks import Delivery, Try


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known of one order, each kind oldest first.

    `refused` are notices that could not be proven, so nobody knows what they were about: they came to one of the
    order's accounts while it waited. `advice` says what to do about a code, by account and code.
    `choices` are what can be decided about an open case, `notify_urls` where an account's gateway sends its notices.
    """

    order: Order
    attempts: Sequence[Attempt] = ()
    calls: Sequence[Call] = ()
    notices: Sequence[KeptNotice] = ()
    refused: Sequence[KeptNotice] = ()
    refunds: Sequence[Refund] = ()
    cases: Sequence[tuple[Case, Sequence[Entry]]] = ()
    postings: Sequence[Posting] = ()
    deliveries: Sequence[tuple[Delivery, Sequence[Try]]] = ()
    advice: Mapping[tuple[str, str], Words] = field(default_factory=dict)
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notify_urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Saying:
    """Something said: a code that programs may branch on, and the same in words."""

    code: str
    text: Words


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `id` is of what it happened to, `amount` (fen) what it moved; `cure` is there where
    something went wrong about which something can be done."""

    at: datetime
    kind: str
    code: str
    text: Words
    id: str
    amount: int | None = None
    cure: Words | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The story of an order."""

    order_id: str
    stands: Saying
    next: tuple[Saying, ...]
    story: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class NoticeExplanation:
    """What became of a notice, and why. `wrong` is `nothing`, `key`, `serial`, `time`, `body` or `account`.

    `order_id` is None where the notice could not be attributed to an order.
    """

    notice_id: str
    order_id: str | None
    received_at: datetime
    verdict: str
    detail: Words
    wrong: str
    finding: Words
    cure: Words
