"""Trades and what may become of them (protocol 4.3 to 4.10). Knows no HTTP; times are Unix seconds."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tongbao_sandbox.alipay import errors, fields
from tongbao_sandbox.alipay.fields import CREATE, PAY, PRECREATE
from tongbao_sandbox.book import Book, Line
from tongbao_sandbox.clock import BEIJING

WAITING, CLOSED, SUCCESS, FINISHED = "WAIT_BUYER_PAY", "TRADE_CLOSED", "TRADE_SUCCESS", "TRADE_FINISHED"

DEFAULT_LIFE_SECONDS = 15 * 86400
COUNTER_LIFE_SECONDS = 3 * 3600
QR_LIFE_SECONDS = 2 * 3600
REFUND_WINDOW_SECONDS = 90 * 86400
CANCEL_WINDOW_SECONDS = 86400
PAID_BY = ("total_amount", "subject", "body", "buyer_id", "buyer_open_id")
"""What must be the same when a number comes again."""


class CannotPay(Exception):
    """The buyer's payment does not go through; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(errors.BUSINESS[code])
        self.code = code


@dataclass(slots=True)
class Draft:
    """What a merchant asks to collect, before there is a trade: business parameters, and where to tell of it.
    `certified`: asked in certificate mode, so told in it. `usable_until` is a QR code's end."""

    app_id: str
    method: str
    params: dict[str, Any]
    notify_url: str = ""
    return_url: str = ""
    certified: bool = False
    usable_until: float = 0.0

    @property
    def out_trade_no(self) -> str:
        """The merchant's number."""
        return str(self.params["out_trade_no"])


@dataclass(slots=True)
class Refund:
    """One refund of a trade, in fen. Done at `done_at`; one that is not is done or has failed at `ends_at`."""

    out_request_no: str
    amount: int
    reason: str
    created_at: float
    done_at: float | None = None
    ends_at: float = 0.0
    fails: bool = False

    @property
    def holds(self) -> bool:
        """Whether it takes of what is left: done, or on its way."""
        return self.done_at is not None or not self.fails


@dataclass(slots=True)
class Trade:
    """One trade. `buyer` is the open_id of who may pay, once that is known; `waits` for a password at the counter."""

    draft: Draft
    trade_no: str
    total: int
    created_at: float
    pay_until: float
    buyer: str | None = None
    paid_at: float | None = None
    closed_at: float | None = None
    cancelled: str = ""
    waits: bool = False
    refunds: list[Refund] = field(default_factory=list)

    @property
    def app_id(self) -> str:
        """Whose it is."""
        return self.draft.app_id

    @property
    def out_trade_no(self) -> str:
        """The merchant's number."""
        return self.draft.out_trade_no

    @property
    def refunded(self) -> int:
        """What went back, in fen."""
        return sum(refund.amount for refund in self.refunds if refund.done_at is not None)

    @property
    def left(self) -> int:
        """What can still go back, in fen."""
        return self.total - sum(refund.amount for refund in self.refunds if refund.holds)

    def status(self, now: float) -> str:
        """The `trade_status`. Nothing needs to run for a trade to time out, or for its refund window to end."""
        if self.paid_at is None:
            return CLOSED if self.closed_at is not None or now >= self.pay_until else WAITING
        if self.refunded == self.total:
            return CLOSED
        return FINISHED if now >= self.paid_at + REFUND_WINDOW_SECONDS else SUCCESS

    def as_if_paid(self, now: float) -> Trade:
        """A copy that looks paid: for notifications that lie."""
        return replace(self, paid_at=now) if self.paid_at is None else self

    def refund(self, out_request_no: str) -> Refund | None:
        """The refund of this number."""
        return next((refund for refund in self.refunds if refund.out_request_no == out_request_no), None)


class Trades:
    """All trades, found by app and number, or by trade number; and the QR codes from which trades may come."""

    def __init__(self, book: Book, trades: Iterable[Trade] = (), codes: Mapping[str, Draft] | None = None) -> None:
        self._book = book
        self._by_number: dict[tuple[str, str], Trade] = {}
        self._by_trade_no: dict[str, Trade] = {}
        self.codes = dict(codes or {})
        self._offers = {(draft.app_id, draft.out_trade_no): draft for draft in self.codes.values()}
        for trade in trades:
            self._add(trade)

    def __iter__(self) -> Iterator[Trade]:
        return iter(self._by_number.values())

    def clear(self) -> None:
        """Forget them all."""
        self._by_number.clear()
        self._by_trade_no.clear()
        self.codes.clear()
        self._offers.clear()

    def create(self, draft: Draft, now: float, buyer: str | None = None) -> Trade:
        """The trade of a draft: a new one, or the one entered before with the same content.

        Raises Refusal: paid, closed, the same number with other content, or a time-out that has passed.
        """
        trade = self._by_number.get((draft.app_id, draft.out_trade_no))
        if trade is None:
            total, until = fields.fen(draft.params["total_amount"], "total_amount"), pay_until(draft, now)
            trade = Trade(draft, new_number(now), total, now, until, buyer)
            self._add(trade)
            return trade
        if trade.paid_at is not None:
            raise errors.business("ACQ.TRADE_HAS_SUCCESS")
        if trade.status(now) == CLOSED:
            raise errors.business("ACQ.TRADE_HAS_CLOSE")
        if any(trade.draft.params.get(name) != draft.params.get(name) for name in PAID_BY):
            raise errors.business("ACQ.CONTEXT_INCONSISTENT")
        return trade

    def offer(self, draft: Draft, now: float) -> str:
        """A QR code that leads to a trade once somebody scans it (protocol 4.6). Raises Refusal."""
        trade = self._by_number.get((draft.app_id, draft.out_trade_no))
        if trade is not None:
            self.create(draft, now)
        life = draft.params.get("qr_code_timeout_express")
        draft.usable_until = min(pay_until(draft, now), now + (_seconds(life, now) if life else QR_LIFE_SECONDS))
        code = f"https://qr.alipay.com/bax0{secrets.token_hex(10)}"
        self.codes[code] = self._offers[draft.app_id, draft.out_trade_no] = draft
        return code

    def find(self, app_id: str, params: Mapping[str, Any]) -> Trade:
        """An app's trade by Alipay's number, which goes first, or its own. Raises Refusal(ACQ.TRADE_NOT_EXIST)."""
        if params.get("trade_no"):
            trade = self._by_trade_no.get(params["trade_no"])
        else:
            trade = self._by_number.get((app_id, params["out_trade_no"]))
        if trade is None or trade.app_id != app_id:
            raise errors.business("ACQ.TRADE_NOT_EXIST")
        return trade

    def known(self, app_id: str, out_trade_no: str) -> bool:
        """Whether an app used this number for a trade."""
        return (app_id, out_trade_no) in self._by_number

    def with_trade_no(self, trade_no: str) -> Trade | None:
        """Whosever trade has this number."""
        return self._by_trade_no.get(trade_no)

    def numbered(self, out_trade_no: str, app_ids: Iterable[str]) -> list[Trade | Draft]:
        """What any of these apps gave this number: a trade, or else the newest QR code."""
        keys = [(app_id, out_trade_no) for app_id in app_ids]
        found = (self._by_number.get(key) or self._offers.get(key) for key in keys)
        return [each for each in found if each is not None]

    def pay(self, trade: Trade, buyer: str, seller_id: str, now: float) -> None:
        """The buyer pays: the trade moves and so does the money, together. Raises CannotPay."""
        status = trade.status(now)
        if trade.paid_at is not None:
            raise CannotPay("ACQ.TRADE_HAS_SUCCESS")
        if status == CLOSED:
            raise CannotPay("ACQ.TRADE_HAS_CLOSE")
        if trade.buyer not in (None, buyer):
            raise CannotPay("ACQ.TRADE_BUYER_NOT_MATCH")
        trade.buyer, trade.paid_at, trade.waits = buyer, now, False
        self._book.write(Line(now, "payment", seller_id, buyer, trade.out_trade_no, trade.trade_no, trade.total))

    def close(self, trade: Trade, now: float) -> None:
        """Close an unpaid trade for good. Raises Refusal for any other."""
        if trade.paid_at is not None:
            raise errors.business("ACQ.TRADE_STATUS_ERROR")
        if trade.status(now) == CLOSED:
            raise errors.business("ACQ.REASON_TRADE_STATUS_INVALID")
        trade.closed_at = now

    def cancel(self, trade: Trade, now: float) -> str:
        """Close an unpaid trade or find that a paid one is to go back: `close` or `refund`. Twice is the same.

        Raises Refusal: too late, or of a method that is closed or refunded instead.
        """
        if trade.cancelled:
            return trade.cancelled
        if trade.draft.method not in (PAY, PRECREATE, CREATE):
            raise errors.business("ACQ.CANCEL_NOT_ALLOWED")
        if now - trade.created_at > CANCEL_WINDOW_SECONDS:
            raise errors.business("ACQ.TRADE_CANCEL_TIME_OUT")
        if trade.status(now) == WAITING:
            trade.closed_at = now
        trade.cancelled = "close" if trade.paid_at is None else "refund"
        return trade.cancelled

    def move_back(self, trade: Trade, refund: Refund, seller_id: str, now: float) -> None:
        """The money of a refund moves, at the moment it is done."""
        refund.done_at = now
        names = trade.buyer or "", trade.out_trade_no, trade.trade_no
        self._book.write(Line(now, "refund", seller_id, *names, -refund.amount, out_refund_no=refund.out_request_no))

    def _add(self, trade: Trade) -> None:
        self._by_number[trade.app_id, trade.out_trade_no] = self._by_trade_no[trade.trade_no] = trade


def new_number(now: float) -> str:
    """28 digits: the day of Beijing, and twenty more."""
    return f"{datetime.fromtimestamp(now, BEIJING):%Y%m%d}22001{secrets.randbelow(10**15):015d}"


def pay_until(draft: Draft, now: float) -> float:
    """The last moment to pay; an absolute time wins over a span. Raises Refusal for one that has passed."""
    if draft.params.get("time_expire"):
        until = fields.seconds(draft.params["time_expire"])
        assert until is not None
        if until <= now:
            raise errors.business("ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR")
        return until
    if draft.params.get("timeout_express"):
        return now + _seconds(draft.params["timeout_express"], now)
    return now + (COUNTER_LIFE_SECONDS if draft.method == PAY else DEFAULT_LIFE_SECONDS)


def _seconds(span: str, now: float) -> float:
    if span != "1c":
        return fields.span_seconds(span)
    here = datetime.fromtimestamp(now, BEIJING)
    return ((here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0) - here).total_seconds()
