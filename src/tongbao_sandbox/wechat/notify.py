"""Notifications on their way: fresh signatures, the real retry ladder, what is a yes (protocol 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tongbao_sandbox import courier
from tongbao_sandbox.wechat import letters
from tongbao_sandbox.wechat.credentials import Merchant


@dataclass(slots=True)
class Notification:
    """One notification on its way. `body` is sealed once; every try signs it afresh.

    `tries` have been made, the next is due at `next_at`. A refund's has its `out_refund_no`.
    """

    mchid: str
    out_trade_no: str
    url: str
    body: str
    next_at: float
    tries: int = 0
    event_type: str = "TRANSACTION.SUCCESS"
    out_refund_no: str = ""


Courier = courier.Courier[Notification]


class Scribe:
    """Implements `courier.Scribe` for every merchant."""

    gateway = "wechat"
    gaps_seconds = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
    forgeries = letters.FORGERIES

    def __init__(self, merchants: Mapping[str, Merchant]) -> None:
        self._merchants = merchants

    def write(self, notification: Notification, way: str, now: float) -> letters.Letter:
        """The body under a signature made now, spoiled or not."""
        return letters.SPOILINGS[way](self._merchants[notification.mchid], notification.body.encode(), now)

    def tamperings(self, notification: Notification) -> tuple[str, ...]:
        """By what is sealed in it."""
        return letters.TAMPERINGS[letters.EVENTS[notification.event_type][0]]

    def accepts(self, status: int, text: str) -> bool:
        """Only 200 and 204 are a yes."""
        return status in (200, 204)

    def event(self, notification: Notification) -> str:
        """WeChat's own word."""
        return notification.event_type

    def facts(self, notification: Notification) -> dict[str, object]:
        """The merchant's numbers."""
        facts: dict[str, object] = {"mchid": notification.mchid, "out_trade_no": notification.out_trade_no}
        return facts | {"out_refund_no": notification.out_refund_no} if notification.out_refund_no else facts
