"""Orders and what may become of them (protocol 2.1, 2.2, 2.6, 2.7). Knows no HTTP; times are Unix seconds."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tongbao_sandbox.clock import BEIJING, rfc3339
from tongbao_sandbox.wechat import errors
from tongbao_sandbox.wechat.book import Book, Line

NOTPAY, SUCCESS, REFUND, CLOSED = "NOTPAY", "SUCCESS", "REFUND", "CLOSED"
STATE_TEXTS = {NOTPAY: "订单未支付", SUCCESS: "支付成功", REFUND: "转入退款", CLOSED: "订单已关闭"}

PREPAY_LIFE_SECONDS = 2 * 3600
UNPAID_LIFE_SECONDS = 7 * 86400
LONGEST_EXPIRY_SECONDS = 90 * 86400


class CannotPay(Exception):
    """The buyer's payment does not go through; `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Order:
    """One merchant order. `params` is the create request as it came; `prepays` are the tokens given out, each with
    the moment it dies."""

    mchid: str
    out_trade_no: str
    params: dict[str, Any]
    created_at: float
    pay_until: float
    closed_by_merchant: bool = False
    prepays: dict[str, float] = field(default_factory=dict)
    paid_at: float | None = None
    transaction_id: str | None = None
    has_refund: bool = False

    @property
    def total(self) -> int:
        """What it costs, in fen."""
        return int(self.params["amount"]["total"])

    def state(self, now: float) -> str:
        """The order's `trade_state`. WeChat closes unpaid orders after seven days; nothing needs to run for that."""
        if self.paid_at is not None:
            return REFUND if self.has_refund else SUCCESS
        abandoned = now >= max(self.created_at + UNPAID_LIFE_SECONDS, self.pay_until)
        return CLOSED if self.closed_by_merchant or abandoned else NOTPAY

    def as_if_paid(self, now: float) -> Order:
        """A copy of the order as it was when paid, or would be: for notifications, the crafted ones too."""
        if self.paid_at is not None:
            return replace(self, has_refund=False)
        return replace(self, paid_at=now, transaction_id=_new_transaction_id())


class Orders:
    """All orders, found by merchant and number, by prepay token, or by transaction."""

    def __init__(self, book: Book, orders: Iterable[Order] = ()) -> None:
        self._book = book
        self._by_number: dict[tuple[str, str], Order] = {}
        self._by_prepay: dict[str, Order] = {}
        self._by_transaction: dict[str, Order] = {}
        for order in orders:
            self._by_number[order.mchid, order.out_trade_no] = order
            self._by_prepay.update(dict.fromkeys(order.prepays, order))
            if order.transaction_id:
                self._by_transaction[order.transaction_id] = order

    def __iter__(self) -> Iterator[Order]:
        return iter(self._by_number.values())

    def clear(self) -> None:
        """Forget them all."""
        self._by_number.clear()
        self._by_prepay.clear()
        self._by_transaction.clear()

    def create(self, params: dict[str, Any], now: float) -> str:
        """Create an order, or enter it again with the same parameters; returns a fresh prepay_id.

        Raises Refusal: paid, closed, or the same number with other parameters (protocol 2.1, "Calling create again").
        """
        mchid, number = params["mchid"], params["out_trade_no"]
        order = self._by_number.get((mchid, number))
        if order is None:
            order = Order(mchid, number, params, now, _pay_until(params.get("time_expire"), now))
            self._by_number[mchid, number] = order
        elif order.paid_at is not None:
            raise errors.order_paid()
        elif order.state(now) == CLOSED:
            raise errors.order_closed()
        elif order.params != params:
            raise errors.other_parameters()
        prepay_id = f"wx{datetime.fromtimestamp(now, BEIJING):%Y%m%d%H%M%S}{secrets.token_hex(10)}"
        order.prepays[prepay_id] = now + PREPAY_LIFE_SECONDS
        self._by_prepay[prepay_id] = order
        return prepay_id

    def find(self, mchid: str, out_trade_no: str) -> Order:
        """A merchant's order by the merchant's number. Raises Refusal(ORDER_NOT_EXIST)."""
        order = self._by_number.get((mchid, out_trade_no))
        if order is None:
            raise errors.order_unknown()
        return order

    def find_paid(self, mchid: str, transaction_id: str) -> Order:
        """A merchant's paid order by WeChat's number. Raises Refusal(ORDER_NOT_EXIST)."""
        order = self._by_transaction.get(transaction_id)
        if order is None or order.mchid != mchid:
            raise errors.order_unknown()
        return order

    def close(self, order: Order) -> None:
        """Close an order for good; closing a closed one changes nothing. Raises Refusal(ORDER_PAID)."""
        if order.paid_at is not None:
            raise errors.order_paid()
        order.closed_by_merchant = True

    def with_prepay(self, prepay_id: str) -> Order | None:
        """The order a prepay token was given out for."""
        return self._by_prepay.get(prepay_id)

    def numbered(self, out_trade_no: str, mchids: Iterable[str]) -> list[Order]:
        """The orders that any of these merchants gave this number."""
        found = (self._by_number.get((mchid, out_trade_no)) for mchid in mchids)
        return [order for order in found if order is not None]

    def pay(self, order: Order, prepay_id: str | None, now: float) -> None:
        """The buyer pays: the order moves and so does the money, together. Raises CannotPay."""
        if order.paid_at is not None:
            raise CannotPay("ORDER_PAID", "该订单已支付")
        if order.state(now) == CLOSED:
            raise CannotPay("ORDER_CLOSED", "该订单已关闭")
        if now > order.pay_until:
            raise CannotPay("ORDER_EXPIRED", "订单已过支付截止时间")
        usable_until = order.prepays.get(prepay_id) if prepay_id else None
        if now > (usable_until or max(order.prepays.values())):
            raise CannotPay("PREPAY_EXPIRED", "prepay_id已过有效期")
        order.paid_at = now
        order.transaction_id = _new_transaction_id()
        self._by_transaction[order.transaction_id] = order
        payer = order.params["payer"]["openid"]
        trade = order.out_trade_no, order.transaction_id
        self._book.write(Line(now, "payment", order.mchid, payer, *trade, order.total))


def transaction(order: Order, now: float) -> dict[str, Any]:
    """The order as a query answers it: `transaction_id`, `payer`, `attach` and such only once paid (protocol 2.5)."""
    state = order.state(now)
    view: dict[str, Any] = {
        "amount": {"currency": "CNY", "total": order.total},
        "appid": order.params["appid"],
        "mchid": order.mchid,
        "out_trade_no": order.out_trade_no,
        "trade_state": state,
        "trade_state_desc": STATE_TEXTS[state],
    }
    if "device_id" in order.params.get("scene_info", {}):
        view["scene_info"] = {"device_id": order.params["scene_info"]["device_id"]}
    if order.paid_at is None:
        return view
    if "attach" in order.params:
        view["attach"] = order.params["attach"]
    return view | _paid_part(order, order.paid_at)


def _paid_part(order: Order, paid_at: float) -> dict[str, Any]:
    amount = {"currency": "CNY", "payer_currency": "CNY", "payer_total": order.total, "total": order.total}
    return {
        "amount": amount,
        "bank_type": "OTHERS",
        "payer": {"openid": order.params["payer"]["openid"]},
        "success_time": rfc3339(paid_at),
        "trade_type": "JSAPI",
        "transaction_id": order.transaction_id,
    }


def _new_transaction_id() -> str:
    return f"4200{secrets.randbelow(10**24):024d}"


def _pay_until(time_expire: str | None, now: float) -> float:
    """The last moment to pay: too early is moved to one minute from now, too late is cut to 90 days (protocol 2.2)."""
    if time_expire is None:
        return now + UNPAID_LIFE_SECONDS
    wished = datetime.fromisoformat(time_expire).timestamp()
    return min(max(wished, now + 60), now + LONGEST_EXPIRY_SECONDS)
