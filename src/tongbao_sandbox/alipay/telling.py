"""Telling merchants: notifications go out, and what happens by time alone is told too (protocol 7.4)."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Collection, Mapping

from tongbao_sandbox.alipay import notices
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.notices import Courier
from tongbao_sandbox.alipay.trades import CLOSED, FINISHED, REFUND_WINDOW_SECONDS, Refund, Trade
from tongbao_sandbox.gateway import Surroundings


class Teller:
    """Knows who is to be told of a trade; those who gave no `notify_url` are not."""

    def __init__(self, around: Surroundings, apps: Mapping[str, App], courier: Courier) -> None:
        self._around = around
        self._apps = apps
        self._courier = courier

    def tell(self, trade: Trade, refund: Refund | None = None, url: str = "") -> Collection[asyncio.Task[None]]:
        """Send the trade's notification. Returns the posts that go out at once."""
        notification = notices.of_trade(self._apps[trade.app_id], trade, self._around.clock.now(), refund)
        notification.url = url or notification.url
        return self._courier.send(notification) if notification.url else ()


class Deadlines:
    """Unpaid trades time out, refund windows end: both are told when it is time."""

    def __init__(self, around: Surroundings, teller: Teller) -> None:
        self._around = around
        self._teller = teller
        self._due: list[tuple[float, int, Trade]] = []
        self._numbers = itertools.count()
        self._task: asyncio.Task[None] | None = None

    def forget_all(self) -> None:
        """Watch nothing any more."""
        self._due.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def watch(self, trade: Trade) -> None:
        """See to what comes next in a trade's life, if anything does by itself."""
        when = _next(trade)
        if trade.closed_at is not None or when <= self._around.clock.now():
            return
        heapq.heappush(self._due, (when, next(self._numbers), trade))
        if self._due[0][2] is trade or self._task is None:
            if self._task is not None:
                self._task.cancel()
            self._task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while self._due:
            await self._around.clock.sleep_until(self._due[0][0])
            when, _, trade = heapq.heappop(self._due)
            if when == _next(trade):
                self._pass(trade)
        self._task = None

    def _pass(self, trade: Trade) -> None:
        status = trade.status(self._around.clock.now())
        if trade.paid_at is None and trade.closed_at is None and status == CLOSED:
            trade.closed_at = trade.pay_until
            self._note(trade, "timed out unpaid")
            self._teller.tell(trade)
        elif status == FINISHED:
            self._note(trade, "refund window over")
            self._teller.tell(trade)

    def _note(self, trade: Trade, verdict: str) -> None:
        facts = {"app_id": trade.app_id, "out_trade_no": trade.out_trade_no}
        self._around.log.write("alipay", "trade", "deadline", verdict, **facts)


def _next(trade: Trade) -> float:
    """When something may happen to a trade by itself: its time to pay ends, or that to refund."""
    return trade.pay_until if trade.paid_at is None else trade.paid_at + REFUND_WINDOW_SECONDS
