"""The pretend buyer, whose taps are control requests."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from tongbao_sandbox.gateway import ControlError, Surroundings
from tongbao_sandbox.wechat import notices, signing
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.notify import Courier
from tongbao_sandbox.wechat.orders import CannotPay, Order, Orders, transaction


class Buyer:
    """Each verb names its order by `{"prepay_id"}`, by `{"out_trade_no", "mchid"?}`, or by what `wx.requestPayment`
    takes: then the pay sheet's signature is checked as WeChat checks it. Each raises ControlError: 404 for an unknown
    order, 409 for one that cannot be paid, with the reason as its code."""

    def __init__(
        self, around: Surroundings, merchants: Mapping[str, Merchant], orders: Orders, courier: Courier
    ) -> None:
        self._around = around
        self._merchants = merchants
        self._orders = orders
        self._courier = courier

    async def pay(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """`{"prepay_id"}`, `{"out_trade_no", "mchid"?}` or what wx.requestPayment takes: pay. Answers the transaction
        as a query does, and sends the notification."""
        order, prepay_id = self.order(wish)
        self._pay(order, prepay_id)
        self._notify(order)
        return transaction(order, self._around.clock.now())

    async def pay_twice(self, wish: Mapping[str, Any]) -> object:
        """Pay, then tap again: the second payment is refused and the money moves once, but the notification goes out
        twice. Answers the transaction and, under `second`, how the second tap ended."""
        answer = await self.pay(wish)
        order, prepay_id = self.order(wish)
        try:
            self._pay(order, prepay_id)
        except ControlError as refusal:
            second = {"code": refusal.code, "message": str(refusal)}
        self._notify(order)
        return {**answer, "second": second}

    async def abandon(self, wish: Mapping[str, Any]) -> object:
        """Close the pay sheet. Nothing changes; answers the transaction as it is. `reason` is noted."""
        return self._abandoned(wish, str(wish.get("reason", "cancelled by the buyer")))

    async def fail(self, wish: Mapping[str, Any]) -> object:
        """Try and fail, for want of money unless another `reason` is given. Nothing changes either."""
        return self._abandoned(wish, str(wish.get("reason", "insufficient balance")))

    def pay_at_once(self, order: Order, prepay_id: str) -> Collection[asyncio.Task[None]]:
        """Pay before the merchant has heard that it can be paid, if it can. Returns the posts of the notification that
        go out at once."""
        try:
            self._pay(order, prepay_id)
        except ControlError:
            return ()
        return self._notify(order)

    def _pay(self, order: Order, prepay_id: str | None) -> None:
        try:
            self._orders.pay(order, prepay_id, self._around.clock.now())
        except CannotPay as refusal:
            self._note(order, "buyer", "pay", f"refused: {refusal.code}")
            raise ControlError(409, refusal.code, str(refusal)) from None
        self._note(order, "buyer", "pay", f"paid {order.total} fen")

    def _notify(self, order: Order) -> Collection[asyncio.Task[None]]:
        now = self._around.clock.now()
        return self._courier.send(notices.of_payment(self._merchants[order.mchid], order, now))

    def _abandoned(self, wish: Mapping[str, Any], reason: str) -> object:
        (order, _), now = self.order(wish), self._around.clock.now()
        if order.paid_at is not None:
            raise ControlError(409, "ORDER_PAID", "该订单已支付")
        self._note(order, "buyer", "abandon", reason)
        return transaction(order, now)

    def order(self, wish: Mapping[str, Any]) -> tuple[Order, str | None]:
        """The order a wish names, and by which prepay token if by one. Raises ControlError."""
        prepay_id = str(wish.get("prepay_id") or wish.get("package", "")).removeprefix("prepay_id=")
        if prepay_id:
            order = self._orders.with_prepay(prepay_id)
            found = [] if order is None else [order]
        elif "out_trade_no" in wish:
            mchids = [str(wish["mchid"])] if "mchid" in wish else list(self._merchants)
            found = self._orders.numbered(str(wish["out_trade_no"]), mchids)
        else:
            raise ControlError(400, "wish_unreadable", "name the order by prepay_id, package or out_trade_no")
        if not found:
            raise ControlError(404, "ORDER_NOT_EXIST", "订单不存在")
        if len(found) > 1:
            raise ControlError(409, "ambiguous", "several merchants have this out_trade_no: add mchid")
        if "package" in wish:
            self._check_pay_sheet(found[0], wish)
        return found[0], prepay_id or None

    def _check_pay_sheet(self, order: Order, wish: Mapping[str, Any]) -> None:
        """WeChat opens the pay sheet only if the merchant signed it (protocol 3.1). Raises ControlError."""
        lines = (order.params["appid"], wish.get("timeStamp"), wish.get("nonceStr"), wish["package"])
        message = "".join(f"{line}\n" for line in lines).encode()
        key, signature = self._merchants[order.mchid].public_key, str(wish.get("paySign"))
        if wish.get("signType") != "RSA" or not signing.verify(key, message, signature):
            self._note(order, "buyer", "pay sheet", "refused: paySign")
            raise ControlError(409, "PAY_SIGN_INVALID", "支付验证签名失败")

    def _note(self, order: Order, kind: str, summary: str, verdict: str) -> None:
        self._around.log.write("wechat", kind, summary, verdict, mchid=order.mchid, out_trade_no=order.out_trade_no)
