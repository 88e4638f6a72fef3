"""Refunds on their way: each ends when it is due; then the money has moved, and the merchant is told."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.wechat import notices
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.notify import Courier
from tongbao_sandbox.wechat.refunds import ABNORMAL, CLOSED, PROCESSING, SUCCESS, Refund, Refunds


class Payouts:
    """Waits for every refund at once, each in a task of its own."""

    def __init__(
        self, around: Surroundings, merchants: Mapping[str, Merchant], refunds: Refunds, courier: Courier
    ) -> None:
        self._around = around
        self._merchants = merchants
        self._refunds = refunds
        self._courier = courier
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def open(self) -> None:
        """Take up what was under way when the state was saved."""
        for refund in self._refunds:
            if refund.status == PROCESSING:
                self._wait_for(refund)

    def forget_all(self) -> None:
        """Stop waiting. A refund still under way goes on at the next `open`, unless it is forgotten too."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def begin(self, refund: Refund) -> None:
        """Draw how a new refund ends, and wait for that."""
        dial = self._around.dial
        fate = ABNORMAL if dial.strikes(dial.refund.abnormal) else SUCCESS
        self._set_out(refund, CLOSED if fate == SUCCESS and dial.strikes(dial.refund.closed) else fate)

    def begin_again(self, refund: Refund) -> None:
        """A redirected refund is under way to a card that works."""
        self._set_out(refund, SUCCESS)

    def end(self, refund: Refund, status: str) -> Collection[asyncio.Task[None]]:
        """The refund's end is now. Returns the posts of its notification that are going out at once."""
        task = self._tasks.pop(refund.refund_id, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        now, merchant = self._around.clock.now(), self._merchants[refund.mchid]
        self._refunds.end(refund, status, now)
        facts = {"mchid": refund.mchid, "out_trade_no": refund.out_trade_no, "out_refund_no": refund.out_refund_no}
        self._around.log.write("wechat", "refund", f"refund {status}", f"{refund.amount} fen", **facts)
        return self._courier.send(notices.of_refund(merchant, refund, now)) if refund.notify_url else ()

    def _set_out(self, refund: Refund, fate: str) -> None:
        refund.fate, refund.ends_at = fate, self._around.clock.now() + self._around.dial.refund.seconds
        self._wait_for(refund)

    def _wait_for(self, refund: Refund) -> None:
        self._tasks[refund.refund_id] = asyncio.create_task(self._end_when_due(refund))

    async def _end_when_due(self, refund: Refund) -> None:
        await self._around.clock.sleep_until(refund.ends_at)
        self.end(refund, refund.fate)
