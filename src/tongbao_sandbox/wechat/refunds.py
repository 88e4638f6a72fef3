"""Refunds and what may become of them (protocol 5). Knows no HTTP; times are Unix seconds."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tongbao_sandbox.book import Book, Line
from tongbao_sandbox.clock import rfc3339
from tongbao_sandbox.wechat import errors
from tongbao_sandbox.wechat.credentials import Papers
from tongbao_sandbox.wechat.errors import Refusal
from tongbao_sandbox.wechat.orders import Order, Orders

PROCESSING, SUCCESS, ABNORMAL, CLOSED = "PROCESSING", "SUCCESS", "ABNORMAL", "CLOSED"
NEXT = {PROCESSING: (SUCCESS, ABNORMAL, CLOSED), ABNORMAL: (SUCCESS,), SUCCESS: (), CLOSED: ()}
"""How a refund may end. What the merchant mends on its platform by hand ends an abnormal one well."""

MOST_REFUNDS = 50
LONGEST_AFTER_PAYMENT_SECONDS = 365 * 86400


@dataclass(slots=True)
class Refund:
    """One refund. `params` is the create request as it came, `total` the order's. It ends as `fate` says at
    `ends_at`, and `notify_url` is told. `redirected` is where the merchant sent it when it was abnormal."""

    mchid: str
    out_refund_no: str
    refund_id: str
    out_trade_no: str
    transaction_id: str
    total: int
    params: dict[str, Any]
    notify_url: str
    created_at: float
    fate: str = SUCCESS
    ends_at: float = 0.0
    status: str = PROCESSING
    success_at: float | None = None
    redirected: dict[str, str] | None = None
    user_received_account: str = "支付用户零钱"

    @property
    def amount(self) -> int:
        """What goes back, in fen."""
        return int(self.params["amount"]["refund"])

    def as_if_ended(self, now: float) -> Refund:
        """The refund itself once ended, else a copy of it that looks successful: for notifications that lie."""
        return replace(self, status=SUCCESS, success_at=now) if self.status == PROCESSING else self


class Refunds:
    """All refunds, found by merchant and number, by WeChat's number, or by order."""

    def __init__(self, orders: Orders, book: Book, refunds: Iterable[Refund] = ()) -> None:
        self._orders = orders
        self._book = book
        self._by_number: dict[tuple[str, str], Refund] = {}
        self._by_id: dict[str, Refund] = {}
        self._by_order: defaultdict[tuple[str, str], list[Refund]] = defaultdict(list)
        for refund in refunds:
            self._add(refund)

    def __iter__(self) -> Iterator[Refund]:
        return iter(self._by_number.values())

    def clear(self) -> None:
        """Forget every refund."""
        self._by_number.clear()
        self._by_id.clear()
        self._by_order.clear()

    def entered_before(self, mchid: str, params: Mapping[str, Any]) -> Refund | None:
        """The refund this number was given already. Raises Refusal if it came with other parameters (1.11)."""
        refund = self._by_number.get((mchid, params["out_refund_no"]))
        if refund is not None and refund.params != params:
            raise errors.other_parameters()
        return refund

    def create(self, papers: Papers, params: dict[str, Any], now: float) -> Refund:
        """Take on a refund under a number not used before. Raises Refusal (protocol 5.3, 5.4)."""
        order = self._paid_order(papers.mchid, params)
        if now - (order.paid_at or 0) > LONGEST_AFTER_PAYMENT_SECONDS:
            raise errors.against_the_rules("订单已超过可退款的最大期限（365天）")
        _check_amount(order, params["amount"])
        earlier = self._by_order[order.mchid, order.out_trade_no]
        if params["amount"]["refund"] > order.total - sum(each.amount for each in earlier if each.status != CLOSED):
            raise errors.against_the_rules("申请退款金额超过订单剩余可退金额")
        if len(earlier) >= MOST_REFUNDS:
            raise errors.against_the_rules(f"单笔订单最多部分退款{MOST_REFUNDS}次")
        if earlier and now - earlier[-1].created_at < papers.refund_spacing_seconds:
            raise errors.refund_refused("FREQUENCY_LIMITED")
        if papers.refund_refusal is not None:
            raise errors.refund_refused(papers.refund_refusal)
        refund = _new_refund(order, params, now)
        order.has_refund = True
        self._add(refund)
        return refund

    def find(self, mchid: str, out_refund_no: str) -> Refund:
        """A merchant's refund by the merchant's number. Raises Refusal(RESOURCE_NOT_EXISTS)."""
        return _own(mchid, self._by_number.get((mchid, out_refund_no)))

    def find_by_id(self, mchid: str, refund_id: str) -> Refund:
        """A merchant's refund by WeChat's number. Raises Refusal(RESOURCE_NOT_EXISTS)."""
        return _own(mchid, self._by_id.get(refund_id))

    def numbered(self, out_refund_no: str, mchids: Iterable[str]) -> list[Refund]:
        """The refunds that any of these merchants gave this number."""
        found = (self._by_number.get((mchid, out_refund_no)) for mchid in mchids)
        return [refund for refund in found if refund is not None]

    def redirect(self, refund: Refund, to: dict[str, str], account: str) -> bool:
        """Send an abnormal refund elsewhere; whether that is news. Sending it to the same place again is none.

        Raises Refusal for a refund that is not abnormal, or was sent to another place.
        """
        if refund.redirected == to:
            return False
        if refund.status != ABNORMAL:
            raise errors.against_the_rules("退款单状态不是退款异常，不能发起异常退款")
        refund.status, refund.redirected, refund.user_received_account = PROCESSING, to, account
        return True

    def end(self, refund: Refund, status: str, now: float) -> None:
        """End a refund, whose state allows it. With success the money moves, at the same moment."""
        refund.status = status
        if status == SUCCESS:
            refund.success_at = now
            payer = self._orders.find(refund.mchid, refund.out_trade_no).payer
            trade = refund.out_trade_no, refund.transaction_id
            line = Line(now, "refund", refund.mchid, payer, *trade, -refund.amount, out_refund_no=refund.out_refund_no)
            self._book.write(line)

    def _add(self, refund: Refund) -> None:
        self._by_number[refund.mchid, refund.out_refund_no] = self._by_id[refund.refund_id] = refund
        self._by_order[refund.mchid, refund.out_trade_no].append(refund)

    def _paid_order(self, mchid: str, params: Mapping[str, Any]) -> Order:
        """The order a refund names by either number, or by both. Raises Refusal."""
        try:
            if "transaction_id" in params:
                order = self._orders.find_paid(mchid, params["transaction_id"])
            else:
                order = self._orders.find(mchid, params["out_trade_no"])
        except Refusal:
            raise errors.refund_order_unknown() from None
        if params.get("out_trade_no", order.out_trade_no) != order.out_trade_no:
            raise errors.against_the_rules("transaction_id与out_trade_no不是同一笔订单")
        if order.paid_at is None:
            raise errors.against_the_rules("订单未支付，不能退款")
        if order.reversed_at is not None:
            raise errors.against_the_rules("订单已撤销，不能退款")
        return order


def answer(refund: Refund) -> dict[str, Any]:
    """The refund as creating, asking and redirecting answer it (protocol 5.1)."""
    asked = refund.params["amount"]
    view: dict[str, Any] = {
        "amount": {
            "currency": "CNY",
            "discount_refund": 0,
            "from": asked.get("from", []),
            "payer_refund": refund.amount,
            "payer_total": refund.total,
            "refund": refund.amount,
            "settlement_refund": refund.amount,
            "settlement_total": refund.total,
            "total": refund.total,
        },
        "channel": "ORIGINAL" if refund.redirected is None else "OTHER_BANKCARD",
        "create_time": rfc3339(refund.created_at),
        "funds_account": refund.params.get("funds_account", "UNSETTLED"),
        "out_refund_no": refund.out_refund_no,
        "out_trade_no": refund.out_trade_no,
        "refund_id": refund.refund_id,
        "status": refund.status,
        "transaction_id": refund.transaction_id,
        "user_received_account": refund.user_received_account,
    }
    return view if refund.success_at is None else view | {"success_time": rfc3339(refund.success_at)}


def notice(refund: Refund) -> dict[str, Any]:
    """An ended refund as its notification tells it; the state has another name there (protocol 5.5)."""
    amount, total = refund.amount, refund.total
    view: dict[str, Any] = {
        "mchid": refund.mchid,
        "out_trade_no": refund.out_trade_no,
        "transaction_id": refund.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": refund.status,
        "user_received_account": refund.user_received_account,
        "amount": {"total": total, "refund": amount, "payer_total": total, "payer_refund": amount},
    }
    return view if refund.success_at is None else view | {"success_time": rfc3339(refund.success_at)}


def _new_refund(order: Order, params: dict[str, Any], now: float) -> Refund:
    """It is told where its own request says, else where the order's did; a payment by code's says nothing."""
    assert order.transaction_id is not None
    return Refund(
        mchid=order.mchid,
        out_refund_no=params["out_refund_no"],
        refund_id=f"50{secrets.randbelow(10**27):027d}",
        out_trade_no=order.out_trade_no,
        transaction_id=order.transaction_id,
        total=order.total,
        params=params,
        notify_url=params.get("notify_url", order.params.get("notify_url", "")),
        created_at=now,
    )


def _own(mchid: str, refund: Refund | None) -> Refund:
    if refund is None or refund.mchid != mchid:
        raise errors.refund_unknown()
    return refund


def _check_amount(order: Order, amount: Mapping[str, Any]) -> None:
    """The order's own total, and sources that add up. Raises Refusal."""
    if amount["total"] != order.total:
        raise errors.against_the_rules("订单金额或退款金额与之前请求不一致，请核实后再试")
    sources = amount.get("from")
    if sources is None:
        return
    if len({source["account"] for source in sources}) != len(sources):
        raise errors.parameter("/amount/from", "同一账户只能出现一次")
    if sum(source["amount"] for source in sources) != amount["refund"]:
        raise errors.parameter("/amount/from", "出资金额之和应等于退款金额")
    if not order.params.get("settle_info", {}).get("profit_sharing"):
        raise errors.against_the_rules("非分账订单不支持指定出资账户")
