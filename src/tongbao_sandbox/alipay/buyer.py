"""The pretend buyer, whose taps are control requests."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tongbao_sandbox.alipay import answers, asking, returning
from tongbao_sandbox.alipay.credentials import App, Person, someone
from tongbao_sandbox.alipay.errors import Refusal
from tongbao_sandbox.alipay.refunding import Posts
from tongbao_sandbox.alipay.telling import Deadlines, Teller
from tongbao_sandbox.alipay.trades import WAITING, CannotPay, Draft, Trade, Trades
from tongbao_sandbox.gateway import ControlError, Surroundings


class Buyer:
    """Each verb names its trade by `{"tradeNO"}` (what my.tradePay takes), `{"qr_code"}`, `{"out_trade_no",
    "app_id"?}`, or by the whole order string or pay URL as `order_string`; and perhaps who is tapping as `buyer`, an
    open_id or user_id. Each raises ControlError: 404 for an unknown trade, 409 for one that cannot be paid, with the
    reason as its code."""

    def __init__(
        self, around: Surroundings, apps: Mapping[str, App], trades: Trades, teller: Teller, deadlines: Deadlines
    ) -> None:
        self._around = around
        self._apps = apps
        self._trades = trades
        self._teller = teller
        self._deadlines = deadlines

    async def pay(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """`{"tradeNO"}`, `{"qr_code"}`, `{"out_trade_no", "app_id"?}` or `{"order_string"}`, and `"buyer"?`: pay.
        Answers the trade as a query does, with the way back (`return_url`, `app_result`) where there is one, and
        sends the notification."""
        trade = self.trade(wish)
        app = self._apps[trade.app_id]
        self._pay(trade, self._person(app, trade, wish).open_id)
        self._teller.tell(trade)
        now = self._around.clock.now()
        return answers.query(app, trade, now) | returning.back(app, trade, now)

    async def scan(self, wish: Mapping[str, Any]) -> object:
        """Scan a code, or open a pay page, and pay; with `"pay": false` only look: then there is a trade that
        waits."""
        if wish.get("pay", True):
            return await self.pay(wish)
        return self.view(self.trade(wish))

    async def pay_twice(self, wish: Mapping[str, Any]) -> object:
        """Pay, then tap again: the second payment is refused and the money moves once, but the notification goes out
        twice. Answers the trade and, under `second`, how the second tap ended."""
        answer = await self.pay(wish)
        trade = self.trade({"tradeNO": answer["trade_no"]})
        try:
            self._pay(trade, str(trade.buyer))
        except ControlError as refusal:
            second = {"code": refusal.code, "message": str(refusal)}
        self._teller.tell(trade)
        return {**answer, "second": second}

    async def abandon(self, wish: Mapping[str, Any]) -> object:
        """Close the cashier. Nothing changes; answers the trade as it is. `reason` is noted."""
        return self._abandoned(wish, str(wish.get("reason", "cancelled by the buyer")))

    async def fail(self, wish: Mapping[str, Any]) -> object:
        """Try and fail, for want of money unless another `reason` is given. Nothing changes either."""
        return self._abandoned(wish, str(wish.get("reason", "insufficient balance")))

    async def password(self, wish: Mapping[str, Any]) -> object:
        """`{"out_trade_no", "right"?: true}`: answer the password sheet of a payment by code. A wrong one, or the
        sheet closed, closes the trade."""
        trade = self.trade(wish)
        if not trade.waits:
            raise ControlError(409, "NO_PASSWORD_ASKED", "this trade does not wait for a password")
        if wish.get("right", True):
            self._pay(trade, str(trade.buyer))
        else:
            trade.waits, trade.closed_at = False, self._around.clock.now()
            self._note(trade, "password", "refused")
        self._teller.tell(trade)
        return self.view(trade)

    def pay_at_once(self, trade: Trade) -> Posts:
        """Pay before the merchant has heard that it can be paid, if it can. Returns the posts that tell of it."""
        with suppress(ControlError):
            return self.settle(trade, trade.buyer or self._apps[trade.app_id].papers.buyers[0].open_id)
        return ()

    def scan_at_once(self, draft: Draft) -> Posts:
        """Scan and pay a code before the merchant has it. Returns the posts that tell of it."""
        with suppress(ControlError):
            return self.pay_at_once(self._opened(draft))
        return ()

    def settle(self, trade: Trade, open_id: str) -> Posts:
        """This buyer pays. Returns the posts that tell of it. Raises ControlError."""
        self._pay(trade, open_id)
        return self._teller.tell(trade)

    def view(self, trade: Trade) -> dict[str, Any]:
        """The trade as a query answers it."""
        return answers.query(self._apps[trade.app_id], trade, self._around.clock.now())

    def trade(self, wish: Mapping[str, Any]) -> Trade:
        """The trade a wish names; where there is only a code or an order string, the one that comes of it when the
        buyer gets to the cashier. Raises ControlError."""
        found = self._named(wish)
        return self._opened(found) if isinstance(found, Draft) else found

    def ordered(self, text: str) -> Trade:
        """The trade of an order string or pay URL, which must be signed as any request is. Raises Refusal."""
        query = text.partition("?")[2] if text.startswith("http") else text
        given, _ = asking.parameters(query, b"")
        app = asking.find(self._apps, given)
        asking.prove(app, given, self._around.clock.now())
        return self._begun(asking.asked(app, given).draft(self._apps))

    def _named(self, wish: Mapping[str, Any]) -> Trade | Draft:
        for name in ("order_string", "orderStr", "pay_url"):
            if name in wish:
                try:
                    return self.ordered(str(wish[name]))
                except Refusal as refusal:
                    raise ControlError(409, refusal.sub_code, refusal.sub_msg) from None
        number = wish.get("tradeNO") or wish.get("trade_no")
        found: list[Trade | Draft | None] = []
        if number:
            found = [self._trades.with_trade_no(str(number))]
        elif "qr_code" in wish:
            found = [self._trades.codes.get(str(wish["qr_code"]))]
        elif "out_trade_no" in wish:
            app_ids = [str(wish["app_id"])] if "app_id" in wish else list(self._apps)
            found = [*self._trades.numbered(str(wish["out_trade_no"]), app_ids)]
        else:
            raise ControlError(400, "wish_unreadable", "name it by tradeNO, qr_code, out_trade_no or order_string")
        known = [each for each in found if each is not None]
        if len(known) > 1:
            raise ControlError(409, "ambiguous", "several apps have this out_trade_no: add app_id")
        if not known:
            raise ControlError(404, "ACQ.TRADE_NOT_EXIST", "交易不存在")
        return known[0]

    def _opened(self, draft: Draft) -> Trade:
        """The trade of a QR code. Raises ControlError."""
        if draft.usable_until <= self._around.clock.now():
            raise ControlError(409, "QR_CODE_EXPIRED", "二维码已失效")
        try:
            return self._begun(draft)
        except Refusal as refusal:
            raise ControlError(409, refusal.sub_code, refusal.sub_msg) from None

    def _begun(self, draft: Draft) -> Trade:
        trade = self._trades.create(draft, self._around.clock.now())
        trade.draft.return_url = draft.return_url or trade.draft.return_url
        self._deadlines.watch(trade)
        return trade

    def _person(self, app: App, trade: Trade, wish: Mapping[str, Any]) -> Person:
        number = str(wish["buyer"]) if wish.get("buyer") else trade.buyer
        person = app.person(number) or someone(self._apps.values(), app, str(number))
        if person is None:
            raise ControlError(404, "ACQ.BUYER_NOT_EXIST", "买家不存在")
        return person

    def _pay(self, trade: Trade, open_id: str) -> None:
        try:
            self._trades.pay(trade, open_id, self._apps[trade.app_id].seller_id, self._around.clock.now())
        except CannotPay as refusal:
            self._note(trade, "pay", f"refused: {refusal.code}")
            raise ControlError(409, refusal.code, str(refusal)) from None
        self._deadlines.watch(trade)
        self._note(trade, "pay", f"paid {trade.total} fen")

    def _abandoned(self, wish: Mapping[str, Any], reason: str) -> object:
        trade = self.trade(wish)
        if trade.status(self._around.clock.now()) != WAITING:
            raise ControlError(409, "ACQ.TRADE_STATUS_ERROR", "交易状态非法")
        self._note(trade, "abandon", reason)
        return self.view(trade)

    def _note(self, trade: Trade, summary: str, verdict: str) -> None:
        facts = {"app_id": trade.app_id, "out_trade_no": trade.out_trade_no}
        self._around.log.write("alipay", "buyer", summary, verdict, **facts)
