"""The counter: a buyer shows a payment code, the merchant charges it, and sometimes the phone asks for the password
(protocol 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongbao_sandbox.gateway import ControlError, Surroundings
from tongbao_sandbox.wechat import errors
from tongbao_sandbox.wechat.buyer import Buyer
from tongbao_sandbox.wechat.credentials import App
from tongbao_sandbox.wechat.orders import MICROPAY, PASSWORD_LIFE_SECONDS, USERPAYING, Order, Orders, transaction
from tongbao_sandbox.wechat.payment_codes import PaymentCode, PaymentCodes

MOST_WITHOUT_PASSWORD = 100_000
"""Above a thousand yuan the phone asks for the password, whoever pays."""

BEHAVIOURS = {
    "pay": "nothing stands in the way",
    "password": "the phone asks for the password, and buyer/password answers",
    "typing": "the same, and the merchant's reverse is refused with USERPAYING meanwhile",
    "timeout": "the phone asks for the password, and nobody looks at it",
    "fail": "refused with `reason`",
    "unsure": "paid, and the merchant is told SYSTEM_ERROR",
}


class Counter:
    """Holds no state of its own."""

    def __init__(
        self, around: Surroundings, apps: Mapping[str, App], orders: Orders, codes: PaymentCodes, buyer: Buyer
    ) -> None:
        self._around = around
        self._apps = apps
        self._orders = orders
        self._codes = codes
        self._buyer = buyer

    async def show_code(self, wish: Mapping[str, Any]) -> object:
        """`{"openid"?, "behaviour"?, "reason"?}` → `{"auth_code"}`: a fresh payment code, good for a minute and one
        charge, that is paid, or as `behaviour` says: `password`, `typing`, `timeout`, `fail` (with `reason`: NOT_ENOUGH
        if not given) or `unsure`."""
        behaviour, reason = str(wish.get("behaviour", "pay")), str(wish.get("reason", "NOT_ENOUGH"))
        if behaviour not in BEHAVIOURS:
            raise ControlError(400, "wish_unreadable", f"behaviour is one of {', '.join(BEHAVIOURS)}")
        if reason not in errors.CODE_REFUSALS:
            raise ControlError(400, "wish_unreadable", f"reason is one of {', '.join(errors.CODE_REFUSALS)}")
        openid = str(wish.get("openid") or "")
        return {"auth_code": self._codes.show(openid, behaviour, reason, self._around.clock.now())}

    async def enter_password(self, wish: Mapping[str, Any]) -> object:
        """`{"out_trade_no", "mchid"?, "right"?: true|false}`: the buyer types the password a USERPAYING order waits
        for, rightly unless told otherwise. Answers the transaction; no notification follows a payment by code."""
        (order, _), now = self._buyer.order(wish), self._around.clock.now()
        right = wish.get("right", True)
        if not isinstance(right, bool):
            raise ControlError(400, "wish_unreadable", "right is true or false")
        if order.state(now) != USERPAYING or order.sheet == "timeout":
            raise ControlError(409, "NOT_ASKED", "nobody is asked for a password, or nobody answers")
        if right:
            self._orders.collect(order, now)
        order.password_until, order.pay_failed = 0.0, not right
        self._note(order, "password", f"paid {order.total} fen" if right else "wrong")
        return transaction(order, now)

    def charge(self, params: dict[str, Any]) -> Order:
        """Charge a payment code. While the phone asks for the password, charging again the same way changes nothing.
        Raises Refusal: the number is used, the code is not good, or the payment fails."""
        now = self._around.clock.now()
        order = self._orders.entered_before(MICROPAY, params, now)
        if order is not None and order.state(now) == USERPAYING:
            return order
        code = self._codes.take(params["payer"]["auth_code"], now)
        order = self._orders.add(MICROPAY, params, now)
        app = self._apps[params["appid"]]
        order.payer = code.openid or app.openid
        app.learn(order.payer)
        self._act(order, code, now)
        return order

    def _act(self, order: Order, code: PaymentCode, now: float) -> None:
        """What the buyer's phone makes of it. Raises Refusal."""
        if code.behaviour == "fail":
            refusal = errors.code_refused(code.reason)
            order.pay_failed = refusal.status == 500
            self._note(order, "pay", f"failed: {code.reason}")
            raise refusal
        if code.behaviour in ("password", "typing", "timeout") or order.total > MOST_WITHOUT_PASSWORD:
            order.sheet, order.password_until = code.behaviour, now + PASSWORD_LIFE_SECONDS
            self._note(order, "pay", "asked for the password")
            return
        self._orders.collect(order, now)
        self._note(order, "pay", f"paid {order.total} fen")
        if code.behaviour == "unsure":
            raise errors.system_error()

    def _note(self, order: Order, summary: str, verdict: str) -> None:
        facts = {"mchid": order.mchid, "out_trade_no": order.out_trade_no}
        self._around.log.write("wechat", "buyer", f"{summary} by code", verdict, **facts)
