"""Orders and what may become of them (protocol 2.1 to 2.3, 2.6, 2.7). Knows no HTTP; times are Unix seconds."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tongbao_sandbox.book import Book, Line
from tongbao_sandbox.clock import BEIJING, rfc3339
from tongbao_sandbox.wechat import errors

NOTPAY, SUCCESS, REFUND, CLOSED = "NOTPAY", "SUCCESS", "REFUND", "CLOSED"
USERPAYING, PAYERROR, REVOKED = "USERPAYING", "PAYERROR", "REVOKED"
STATE_TEXTS = {
    NOTPAY: "订单未支付", SUCCESS: "支付成功", REFUND: "转入退款", CLOSED: "订单已关闭",
    USERPAYING: "用户支付中，需要输入密码", PAYERROR: "支付失败，请重新下单支付", REVOKED: "订单已撤销",
}  # fmt: skip

JSAPI, NATIVE, APP, MWEB, MICROPAY = "JSAPI", "NATIVE", "APP", "MWEB", "MICROPAY"
TICKET_LIFE_SECONDS = {JSAPI: 2 * 3600, NATIVE: 2 * 3600, APP: 2 * 3600, MWEB: 5 * 60}
"""How long what an order is paid with can be used: a prepay_id, a code_url, an h5_url. A payment code needs none."""
PASSWORD_LIFE_SECONDS = 45
"""How long a buyer is asked for the password: until then merchants are told to go on asking."""
REVERSIBLE_SECONDS = 7 * 86400
UNPAID_LIFE_SECONDS = 7 * 86400
LONGEST_EXPIRY_SECONDS = 90 * 86400


class CannotPay(Exception):
    """The buyer's payment does not go through; `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Order:
    """One merchant order. `params` is the create request as it came; `prepays` are the tokens given out (each a
    prepay_id or a code_url) with the moment each dies.

    `payer` is whom a JSAPI order names, or else whoever opened it first. Until `password_until` they are asked for the
    password; `sheet` is how they behave meanwhile. `pay_failed` and `reversed_at` happen to payment codes alone.
    """

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
    trade_type: str = JSAPI
    payer: str = ""
    password_until: float = 0.0
    sheet: str = ""
    pay_failed: bool = False
    reversed_at: float | None = None
    collected: int | None = None  # a gateway that errs: another sum than it was asked for

    def __post_init__(self) -> None:
        if not self.payer:
            self.payer = str(self.params.get("payer", {}).get("openid", ""))

    @property
    def total(self) -> int:
        """What it costs, in fen; or what was collected, if that was another sum."""
        return int(self.params["amount"]["total"]) if self.collected is None else self.collected

    def state(self, now: float) -> str:
        """The order's `trade_state`. WeChat closes unpaid orders after seven days; nothing needs to run for that."""
        if self.reversed_at is not None:
            return REVOKED
        if self.paid_at is not None:
            return REFUND if self.has_refund else SUCCESS
        if self.trade_type == MICROPAY and self.pay_failed:
            return PAYERROR
        if self.trade_type == MICROPAY and now < self.password_until:
            return USERPAYING
        abandoned = now >= max(self.created_at + UNPAID_LIFE_SECONDS, self.pay_until)
        return CLOSED if self.closed_by_merchant or abandoned else NOTPAY

    def as_if_paid(self, payer: str, now: float) -> Order:
        """A copy of the order as it was when paid, or would be by `payer`: for notifications, the crafted ones too."""
        if self.paid_at is not None:
            return replace(self, has_refund=False, reversed_at=None)
        return replace(self, paid_at=now, transaction_id=_new_transaction_id(), payer=payer)


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

    def create(self, trade_type: str, params: dict[str, Any], now: float) -> str:
        """Create an order, or enter it again with the same parameters; returns a fresh prepay_id, or code_url.

        Raises Refusal: paid, closed, or the same number with other parameters (protocol 2.1, "Calling create again").
        """
        order = self.entered_before(trade_type, params, now) or self.add(trade_type, params, now)
        if trade_type == NATIVE:
            # A new code makes those before it invalid.
            order.prepays = {code: min(until, now) for code, until in order.prepays.items()}
        token = _new_code_url() if trade_type == NATIVE else _new_prepay_id(now)
        order.prepays[token] = now + TICKET_LIFE_SECONDS[trade_type]
        self._by_prepay[token] = order
        return token

    def entered_before(self, trade_type: str, params: Mapping[str, Any], now: float) -> Order | None:
        """The order this number was given already. Raises Refusal if it can no longer be entered, or not like this."""
        order = self._by_number.get((params["mchid"], params["out_trade_no"]))
        if order is None:
            return None
        if order.reversed_at is not None:
            raise errors.order_reversed() if trade_type == MICROPAY else errors.number_used()
        if order.paid_at is not None:
            raise errors.order_paid()
        if order.state(now) == CLOSED:
            raise errors.order_closed()
        if (order.trade_type, order.params) != (trade_type, params):
            raise errors.other_parameters()
        return order

    def add(self, trade_type: str, params: dict[str, Any], now: float) -> Order:
        """A new order, under a number not used before."""
        pay_until = _pay_until(params.get("time_expire"), now)
        order = Order(params["mchid"], params["out_trade_no"], params, now, pay_until, trade_type=trade_type)
        self._by_number[order.mchid, order.out_trade_no] = order
        return order

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

    def close(self, order: Order, now: float) -> None:
        """Close an order for good; closing a closed one changes nothing. Raises Refusal: paid, being paid, or paid by
        payment code (protocol 2.7)."""
        if order.trade_type == MICROPAY:
            raise errors.only_reversible()
        if order.paid_at is not None:
            raise errors.order_paid()
        if now < order.password_until:
            raise errors.user_paying()
        order.closed_by_merchant = True

    def reverse(self, order: Order, now: float) -> None:
        """Take a payment by code back: what was paid goes back at once, what was not never can be. Reversing a
        reversed one changes nothing. Raises Refusal (protocol 2.3)."""
        if order.trade_type != MICROPAY:
            raise errors.against_the_rules("该订单不是付款码支付订单，不支持撤销")
        if order.reversed_at is not None:
            return
        if now - order.created_at > REVERSIBLE_SECONDS:
            raise errors.against_the_rules("订单已超过可撤销的最大期限（7天）")
        if order.has_refund:
            raise errors.against_the_rules("订单已申请退款，不能撤销")
        if order.sheet == "typing" and order.state(now) == USERPAYING:
            raise errors.user_paying()
        order.reversed_at = now
        if order.paid_at is not None:
            self._write("reversal", order, -order.total, now)

    def with_prepay(self, prepay_id: str) -> Order | None:
        """The order a prepay token was given out for."""
        return self._by_prepay.get(prepay_id)

    def numbered(self, out_trade_no: str, mchids: Iterable[str]) -> list[Order]:
        """The orders that any of these merchants gave this number."""
        found = (self._by_number.get((mchid, out_trade_no)) for mchid in mchids)
        return [order for order in found if order is not None]

    def open_by(self, order: Order, payer: str) -> None:
        """One account looks at the order, and no other can from then on. Raises CannotPay."""
        if order.payer not in ("", payer):
            raise CannotPay("OTHER_ACCOUNT", "该订单只能由首次打开它的微信账号支付")
        order.payer = payer

    def check_payable(self, order: Order, prepay_id: str | None, now: float) -> None:
        """Whether a buyer can pay it, with this token if they came by one. Raises CannotPay."""
        if order.trade_type == MICROPAY:
            raise CannotPay("PAYMENT_CODE_ORDER", "付款码支付订单不能这样支付")
        if order.paid_at is not None:
            raise CannotPay("ORDER_PAID", "该订单已支付")
        if order.state(now) == CLOSED:
            raise CannotPay("ORDER_CLOSED", "该订单已关闭")
        if now > order.pay_until:
            raise CannotPay("ORDER_EXPIRED", "订单已过支付截止时间")
        usable_until = order.prepays[prepay_id] if prepay_id else max(order.prepays.values())
        if now >= usable_until:
            raise CannotPay(*_EXPIRED[order.trade_type])

    def collect(self, order: Order, now: float) -> None:
        """The order moves and so does the money, together."""
        order.paid_at = now
        order.transaction_id = _new_transaction_id()
        self._by_transaction[order.transaction_id] = order
        self._write("payment", order, order.total, now)

    def _write(self, kind: str, order: Order, amount: int, now: float) -> None:
        trade = order.out_trade_no, order.transaction_id or ""
        self._book.write(Line(now, kind, order.mchid, order.payer, *trade, amount))


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
        "payer": {"openid": order.payer},
        "success_time": rfc3339(paid_at),
        "trade_type": order.trade_type,
        "transaction_id": order.transaction_id,
    }


_EXPIRED = {
    JSAPI: ("PREPAY_EXPIRED", "prepay_id已过有效期"),
    APP: ("PREPAY_EXPIRED", "prepay_id已过有效期"),
    NATIVE: ("CODE_URL_EXPIRED", "二维码已失效，请让商家刷新后重新扫描"),
    MWEB: ("H5_URL_EXPIRED", "支付请求已失效，请重新发起支付"),
}


def _new_prepay_id(now: float) -> str:
    return f"wx{datetime.fromtimestamp(now, BEIJING):%Y%m%d%H%M%S}{secrets.token_hex(10)}"


def _new_code_url() -> str:
    letters = string.ascii_letters + string.digits
    return "weixin://wxpay/bizpayurl?pr=" + "".join(secrets.choice(letters) for _ in range(11))


def _new_transaction_id() -> str:
    return f"4200{secrets.randbelow(10**24):024d}"


def _pay_until(time_expire: str | None, now: float) -> float:
    """The last moment to pay: too early is moved to one minute from now, too late is cut to 90 days (protocol 2.2)."""
    if time_expire is None:
        return now + UNPAID_LIFE_SECONDS
    wished = datetime.fromisoformat(time_expire).timestamp()
    return min(max(wished, now + 60), now + LONGEST_EXPIRY_SECONDS)
