"""Refunds: done in the call, as a rule; or slowly, and then perhaps not at all (protocol 4.11, 4.12)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from tongbao_sandbox.alipay import answers, errors, fields
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.telling import Teller
from tongbao_sandbox.alipay.trades import CLOSED, FINISHED, SUCCESS, Refund, Trade, Trades
from tongbao_sandbox.gateway import ControlError, Surroundings

Posts = Collection[asyncio.Task[None]]


class Refunds:
    """Moves money back and tells of it. Slow refunds wait, each in a task of its own."""

    def __init__(self, around: Surroundings, apps: Mapping[str, App], trades: Trades, teller: Teller) -> None:
        self._around = around
        self._apps = apps
        self._trades = trades
        self._teller = teller
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def open(self) -> None:
        """Take up what was under way when the state was saved."""
        for trade in self._trades:
            for refund in trade.refunds:
                if _under_way(refund):
                    self._wait_for(trade, refund)

    def forget_all(self) -> None:
        """Stop waiting. A refund still under way goes on at the next `open`, unless it is forgotten too."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def request(self, app: App, trade: Trade, params: Mapping[str, Any]) -> tuple[Refund, Posts]:
        """Take a refund on, or find it again under its number. Returns the posts of its notification that go out at
        once: none of a repetition. Raises Refusal."""
        amount = fields.fen(params["refund_amount"], "refund_amount")
        number = str(params.get("out_request_no") or trade.out_trade_no)
        earlier = trade.refund(number)
        if earlier is not None and earlier.holds:
            if earlier.amount != amount:
                raise errors.business("ACQ.DISCORDANT_REPEAT_REQUEST")
            return earlier, ()
        if app.papers.refund_refusal is not None:
            raise errors.business(app.papers.refund_refusal)
        _check(trade, amount, self._around.clock.now())
        if amount < trade.total and not params.get("out_request_no"):
            raise errors.parameter("out_request_no", "部分退款时不能为空")
        return self.begin(trade, number, amount, str(params.get("refund_reason") or ""))

    def begin(self, trade: Trade, number: str, amount: int, reason: str) -> tuple[Refund, Posts]:
        """Give back now, unless the dial is slow today. Returns the posts that tell of it."""
        dial, now = self._around.dial, self._around.clock.now()
        refund = Refund(number, amount, reason, now)
        # One that failed makes room for another of its number.
        trade.refunds[:] = [each for each in trade.refunds if each.holds or each.out_request_no != number] + [refund]
        if dial.strikes(dial.refund.slow):
            refund.ends_at = now + dial.refund.seconds
            self._wait_for(trade, refund)
            return refund, ()
        return refund, self._give_back(trade, refund)

    async def finish(self, wish: Mapping[str, Any]) -> object:
        """`{"out_request_no", "out_trade_no"?, "app_id"?, "status": "SUCCESS"|"FAIL"}`: a slow refund's end is now.
        One that has ended so already stays as it is."""
        trade, refund = self._named(wish)
        if wish.get("status") not in ("SUCCESS", "FAIL"):
            raise ControlError(400, "wish_unreadable", "status is SUCCESS or FAIL")
        fails = wish["status"] == "FAIL"
        if _under_way(refund):
            refund.fails = fails
            self._end(trade, refund)
        elif fails != (refund.done_at is None):
            raise ControlError(409, "REFUND_ENDED", "the refund has ended otherwise")
        return _shown(trade, refund)

    async def listing(self, wish: Mapping[str, Any]) -> object:
        """`?app_id=&out_trade_no=`, either or none: the refunds taken on, oldest first, each with its trade."""
        names = [name for name in ("app_id", "out_trade_no") if name in wish]
        fitting = [trade for trade in self._trades if all(getattr(trade, name) == wish[name] for name in names)]
        pairs = sorted(((trade, refund) for trade in fitting for refund in trade.refunds), key=_begun)
        return {"refunds": [_shown(trade, refund) for trade, refund in pairs]}

    def _named(self, wish: Mapping[str, Any]) -> tuple[Trade, Refund]:
        """The one refund a wish names. Raises ControlError."""
        names = [name for name in ("app_id", "out_trade_no") if name in wish]
        trades = [trade for trade in self._trades if all(getattr(trade, name) == wish[name] for name in names)]
        found = [(trade, trade.refund(str(wish.get("out_request_no")))) for trade in trades]
        fitting = [(trade, refund) for trade, refund in found if refund is not None]
        if len(fitting) != 1:
            status, code = (409, "ambiguous") if fitting else (404, "REFUND_NOT_EXIST")
            raise ControlError(status, code, "name one refund by out_request_no, out_trade_no and app_id")
        return fitting[0]

    def _wait_for(self, trade: Trade, refund: Refund) -> None:
        self._tasks[id(refund)] = asyncio.create_task(self._end_when_due(trade, refund))

    async def _end_when_due(self, trade: Trade, refund: Refund) -> None:
        await self._around.clock.sleep_until(refund.ends_at)
        dial = self._around.dial
        refund.fails = dial.strikes(dial.refund.closed)
        self._end(trade, refund)

    def _end(self, trade: Trade, refund: Refund) -> None:
        task = self._tasks.pop(id(refund), None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        refund.ends_at = 0.0
        if not refund.fails:
            self._give_back(trade, refund)

    def _give_back(self, trade: Trade, refund: Refund) -> Posts:
        self._trades.move_back(trade, refund, self._apps[trade.app_id].seller_id, self._around.clock.now())
        facts = {"app_id": trade.app_id, "out_trade_no": trade.out_trade_no, "out_request_no": refund.out_request_no}
        self._around.log.write("alipay", "refund", "refund SUCCESS", f"{refund.amount} fen", **facts)
        return self._teller.tell(trade, refund)


def _check(trade: Trade, amount: int, now: float) -> None:
    """Whether so much of the trade can go back. Raises Refusal."""
    status = trade.status(now)
    if trade.paid_at is None:
        raise errors.business("ACQ.TRADE_STATUS_ERROR")
    if status in (CLOSED, FINISHED):
        raise errors.business("ACQ.TRADE_HAS_CLOSE" if status == CLOSED else "ACQ.TRADE_HAS_FINISHED")
    assert status == SUCCESS
    if amount > trade.left:
        raise errors.business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")


def _under_way(refund: Refund) -> bool:
    return refund.done_at is None and refund.ends_at > 0


def _begun(pair: tuple[Trade, Refund]) -> float:
    return pair[1].created_at


def _shown(trade: Trade, refund: Refund) -> dict[str, object]:
    status = "SUCCESS" if refund.done_at is not None else "FAIL" if refund.fails else "PROCESSING"
    numbers = {"app_id": trade.app_id, **answers.numbers(trade), "out_request_no": refund.out_request_no}
    return {**numbers, "refund_amount": answers.yuan(refund.amount), "status": status}
