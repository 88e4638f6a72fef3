"""The pretend buyer, whose taps are control requests."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tongbao_sandbox.gateway import ControlError, Surroundings
from tongbao_sandbox.wechat import fields, h5, notices, orders, signing
from tongbao_sandbox.wechat.credentials import App, Merchant
from tongbao_sandbox.wechat.notify import Courier
from tongbao_sandbox.wechat.orders import APP, JSAPI, MWEB, NATIVE, CannotPay, Order, Orders, transaction


@dataclass(frozen=True, slots=True)
class PaySheet:
    """What a merchant signs so that a mini-program or an app can ask for its money (protocol 3.1). `lines` are signed
    below the appid."""

    trade_type: str
    lines: tuple[object, ...]
    signature: str
    is_malformed: bool
    mchid: str | None = None


class Buyer:
    """Each verb names its order by `{"prepay_id"}`, `{"code_url"}`, `{"h5_url"}`, by `{"out_trade_no", "mchid"?}`, or
    by what `wx.requestPayment` or the app's SDK takes: then the signature is checked as WeChat checks it. `openid` says
    which buyer it is: the usual one if not given. Each raises ControlError: 404 for an unknown order, 409 for one that
    cannot be paid, with the reason as its code."""

    def __init__(
        self,
        around: Surroundings,
        apps: Mapping[str, App],
        merchants: Mapping[str, Merchant],
        orders: Orders,
        courier: Courier,
    ) -> None:
        self._around = around
        self._apps = apps
        self._merchants = merchants
        self._orders = orders
        self._courier = courier

    async def pay(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """`{"prepay_id"}`, `{"code_url"}`, `{"h5_url"}`, `{"out_trade_no", "mchid"?}`, or what wx.requestPayment or the
        app's SDK takes, and `openid`?: pay. Answers the transaction as a query does, and sends the notification. With
        `amount` the gateway errs and collects that many fen instead."""
        order, prepay_id = self._opened(wish)
        if "amount" in wish:
            order.collected = _fen(wish["amount"])
        self._pay(order, prepay_id)
        self._notify(order)
        return transaction(order, self._around.clock.now())

    async def scan(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """`{"code_url"}` or `{"out_trade_no", "mchid"?}` of a native order, `openid`?, `with`?: scan the merchant's
        code and pay. Only the `camera` may read it: `with` `album` or `press` (a long press on it) is refused."""
        order, _ = self.order(wish)
        if order.trade_type != NATIVE:
            raise ControlError(409, "SCENE_INVALID", "支付场景非法")
        if wish.get("with", "camera") != "camera":
            raise ControlError(409, "SCAN_REFUSED", "该二维码不支持长按识别或相册识别，请使用扫一扫")
        return await self.pay(wish)

    async def open(self, wish: Mapping[str, Any]) -> object:
        """Open the pay sheet and begin to type the password, for 45 s: until pay, abandon or fail the merchant's close
        is answered 202 USERPAYING. Answers the transaction as it is."""
        order, prepay_id = self._opened(wish)
        self.check_payable(order, prepay_id)
        now = self._around.clock.now()
        order.password_until = now + orders.PASSWORD_LIFE_SECONDS
        self._note(order, "buyer", "open", "types the password")
        return transaction(order, now)

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
            self._open_by(order, self.expected(order))
            self._pay(order, prepay_id)
        except ControlError:
            return ()
        return self._notify(order)

    def expected(self, order: Order) -> str:
        """The openid of whoever opened the order, or else of the usual buyer."""
        return order.payer or self._apps[order.params["appid"]].openid

    def check_payable(self, order: Order, prepay_id: str | None) -> None:
        """Whether the order can be paid, by this token if the buyer came by one. Raises ControlError."""
        try:
            self._orders.check_payable(order, prepay_id, self._around.clock.now())
            self._check_network(order)
        except CannotPay as refusal:
            raise self._refused(order, refusal) from None

    def _pay(self, order: Order, prepay_id: str | None) -> None:
        self.check_payable(order, prepay_id)
        self._orders.collect(order, self._around.clock.now())
        self._note(order, "buyer", "pay", f"paid {order.total} fen")

    def _check_network(self, order: Order) -> None:
        """An H5 order must name the phone's public address, or paying fails (protocol 2.1). Raises CannotPay."""
        if order.trade_type != MWEB or self._merchants[order.mchid].papers.h5_local_ip:
            return
        if fields.is_loopback(order.params["scene_info"]["payer_client_ip"]):
            raise CannotPay("H5_IP_REFUSED", "网络环境未能通过安全验证，请稍后再试（payer_client_ip须为用户公网地址）")

    def _opened(self, wish: Mapping[str, Any]) -> tuple[Order, str | None]:
        """The order a wish names, as `order` finds it, opened by this buyer."""
        order, prepay_id = self.order(wish)
        self._open_by(order, str(wish.get("openid") or self.expected(order)))
        return order, prepay_id

    def _open_by(self, order: Order, openid: str) -> None:
        if order.payer == openid:
            return
        try:
            self._orders.open_by(order, openid)
        except CannotPay as refusal:
            raise self._refused(order, refusal) from None
        self._apps[order.params["appid"]].learn(openid)

    def _refused(self, order: Order, refusal: CannotPay) -> ControlError:
        self._note(order, "buyer", "pay", f"refused: {refusal.code}")
        return ControlError(409, refusal.code, str(refusal))

    def _notify(self, order: Order) -> Collection[asyncio.Task[None]]:
        now = self._around.clock.now()
        return self._courier.send(notices.of_payment(self._merchants[order.mchid], order, now))

    def _abandoned(self, wish: Mapping[str, Any], reason: str) -> object:
        (order, _), now = self.order(wish), self._around.clock.now()
        if order.paid_at is not None:
            raise ControlError(409, "ORDER_PAID", "该订单已支付")
        order.password_until = 0.0
        self._note(order, "buyer", "abandon", reason)
        return transaction(order, now)

    def order(self, wish: Mapping[str, Any]) -> tuple[Order, str | None]:
        """The order a wish names, and by which prepay token if by one. Raises ControlError."""
        prepay_id = _token(wish)
        if prepay_id:
            order = self._orders.with_prepay(prepay_id)
            found = [] if order is None else [order]
        elif "out_trade_no" in wish:
            mchids = [str(wish["mchid"])] if "mchid" in wish else list(self._merchants)
            found = self._orders.numbered(str(wish["out_trade_no"]), mchids)
        else:
            names = "prepay_id, package, code_url, h5_url or out_trade_no"
            raise ControlError(400, "wish_unreadable", f"name the order by {names}")
        if not found:
            raise ControlError(404, "ORDER_NOT_EXIST", "订单不存在")
        if len(found) > 1:
            raise ControlError(409, "ambiguous", "several merchants have this out_trade_no: add mchid")
        sheet = _pay_sheet(wish)
        if sheet is not None:
            self._check_pay_sheet(found[0], sheet)
        return found[0], prepay_id or None

    def _check_pay_sheet(self, order: Order, sheet: PaySheet) -> None:
        """WeChat opens the sheet only where the order is for, and if the merchant signed it. Raises ControlError."""
        if order.trade_type != sheet.trade_type:
            self._note(order, "buyer", "pay sheet", f"refused: a prepay_id of {order.trade_type}")
            raise ControlError(409, "SCENE_INVALID", "支付场景非法")
        message = "".join(f"{line}\n" for line in (order.params["appid"], *sheet.lines)).encode()
        signed = signing.verify(self._merchants[order.mchid].public_key, message, sheet.signature)
        if not signed or sheet.is_malformed or sheet.mchid not in (None, order.mchid):
            self._note(order, "buyer", "pay sheet", "refused: paySign")
            raise ControlError(409, "PAY_SIGN_INVALID", "支付验证签名失败")

    def _note(self, order: Order, kind: str, summary: str, verdict: str) -> None:
        self._around.log.write("wechat", kind, summary, verdict, mchid=order.mchid, out_trade_no=order.out_trade_no)


def _pay_sheet(wish: Mapping[str, Any]) -> PaySheet | None:
    """The sheet of `wx.requestPayment` or of the app's SDK, if the wish is one."""
    stamp, nonce = wish.get("timeStamp"), wish.get("nonceStr")
    if "package" in wish:
        lines, is_malformed = (stamp, nonce, wish["package"]), wish.get("signType") != "RSA"
        return PaySheet(JSAPI, lines, str(wish.get("paySign")), is_malformed)
    if "prepayId" in wish:
        lines, is_malformed = (stamp, nonce, wish["prepayId"]), wish.get("packageValue") != "Sign=WXPay"
        return PaySheet(APP, lines, str(wish.get("sign")), is_malformed, str(wish.get("partnerId")))
    return None


def _token(wish: Mapping[str, Any]) -> str:
    """The prepay_id or code_url by which a wish names its order, or nothing."""
    if "h5_url" in wish:
        return h5.prepay_id_in(str(wish["h5_url"])) or "none"
    token = wish.get("code_url") or wish.get("prepay_id") or wish.get("prepayId") or wish.get("package", "")
    return str(token).removeprefix("prepay_id=")


def _fen(amount: object) -> int:
    """A sum that a wish names. Raises ControlError."""
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 < amount <= 10**10:
        raise ControlError(400, "wish_unreadable", "amount is a whole number of fen")
    return amount
