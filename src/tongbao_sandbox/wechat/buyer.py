"""The pretend buyer, whose taps are control requests, and the hand that crafts notifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongbao_sandbox.gateway import ControlError, Surroundings
from tongbao_sandbox.wechat import letters, signing
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.notify import Courier
from tongbao_sandbox.wechat.orders import SUCCESS, CannotPay, Order, Orders, transaction


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

    async def pay(self, wish: Mapping[str, Any]) -> object:
        """`{"prepay_id"}`, `{"out_trade_no", "mchid"?}` or what wx.requestPayment takes: pay. Answers the transaction
        as a query does, and sends the notification."""
        order, prepay_id = self._order(wish)
        self._pay(order, prepay_id)
        return self._notified(order)

    async def pay_twice(self, wish: Mapping[str, Any]) -> object:
        """Pay, then tap again: the second payment is refused and the money moves once, but the notification goes out
        twice. Answers the transaction and, under `second`, how the second tap ended."""
        order, prepay_id = self._order(wish)
        self._pay(order, prepay_id)
        self._notified(order)
        try:
            self._pay(order, prepay_id)
        except ControlError as refusal:
            second = {"code": refusal.code, "message": str(refusal)}
        return {**self._notified(order), "second": second}

    async def abandon(self, wish: Mapping[str, Any]) -> object:
        """Close the pay sheet. Nothing changes; answers the transaction as it is. `reason` is noted."""
        return self._abandoned(wish, str(wish.get("reason", "cancelled by the buyer")))

    async def fail(self, wish: Mapping[str, Any]) -> object:
        """Try and fail, for want of money unless another `reason` is given. Nothing changes either."""
        return self._abandoned(wish, str(wish.get("reason", "insufficient balance")))

    async def notify(self, wish: Mapping[str, Any]) -> object:
        """`{"out_trade_no", "changes"?, "mutate"?, "url"?}`: send one crafted notification now, for any order, paid
        or not; answers the receiver's status and body. `changes` override fields of the transaction before it is
        sealed and signed; `mutate` spoils the letter afterwards (signature, timestamp, serial, body, aad, key,
        amount, probe); `url` sends it elsewhere than the order says."""
        order, _ = self._order(wish)
        merchant = self._merchants[order.mchid]
        mutate, changes = str(wish.get("mutate", "none")), wish.get("changes", {})
        if not isinstance(changes, dict) or mutate not in letters.SPOILINGS:
            known = ", ".join(letters.SPOILINGS)
            raise ControlError(400, "wish_unreadable", f"changes is an object; mutate is one of {known}")
        now = self._around.clock.now()
        body = letters.envelope(merchant, merged(transaction(order.as_if_paid(now), now), changes), now)
        letter = letters.spoiled(mutate, merchant, body, now)
        url = str(wish.get("url", order.params["notify_url"]))
        if not url.startswith(("http://", "https://")):
            raise ControlError(400, "wish_unreadable", f"url is not http or https: {url!r}")
        reception = await self._courier.post(url, letter)
        summary = f"crafted notification (mutate: {mutate}, changed: {', '.join(changes) or 'nothing'})"
        self._note(order, "notification", summary, reception.verdict())
        return {"status": reception.status, "body": reception.text}

    def _pay(self, order: Order, prepay_id: str | None) -> None:
        try:
            self._orders.pay(order, prepay_id, self._around.clock.now())
        except CannotPay as refusal:
            self._note(order, "buyer", "pay", f"refused: {refusal.code}")
            raise ControlError(409, refusal.code, str(refusal)) from None
        self._note(order, "buyer", "pay", f"paid {order.params['amount']['total']} fen")

    def _notified(self, order: Order) -> dict[str, Any]:
        """Send the order's notification; returns the transaction in it."""
        now, merchant = self._around.clock.now(), self._merchants[order.mchid]
        view = transaction(order, now)
        body = letters.envelope(merchant, view, now)
        self._courier.send(order.mchid, order.out_trade_no, order.params["notify_url"], body)
        return view

    def _abandoned(self, wish: Mapping[str, Any], reason: str) -> object:
        (order, _), now = self._order(wish), self._around.clock.now()
        if order.state(now) == SUCCESS:
            raise ControlError(409, "ORDER_PAID", "该订单已支付")
        self._note(order, "buyer", "abandon", reason)
        return transaction(order, now)

    def _order(self, wish: Mapping[str, Any]) -> tuple[Order, str | None]:
        """The order a wish names, and by which prepay token if by one."""
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


def merged(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with `changes` laid over them, objects merged into objects."""
    result = dict(fields)
    for name, value in changes.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
