"""What the verbs answer about a trade (protocol 4.5 to 4.12). Members in any order; whoever answers sorts them."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import Any

from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.trades import Refund, Trade
from tongbao_sandbox.clock import BEIJING


def yuan(fen: int) -> str:
    """Fen as Alipay writes amounts: yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


def stamp(when: float) -> str:
    """Unix seconds as Alipay writes times: `2023-12-21 14:48:36`, of Beijing."""
    return datetime.fromtimestamp(when, BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def numbers(trade: Trade) -> dict[str, str]:
    """Both numbers of a trade."""
    return {"out_trade_no": trade.out_trade_no, "trade_no": trade.trade_no}


def query(app: App, trade: Trade, now: float, options: Container[str] = ()) -> dict[str, Any]:
    """A trade as a query answers it. Before it is paid nothing was received."""
    view: dict[str, Any] = numbers(trade) | _amounts(trade) | {"trade_status": trade.status(now)} | _payer(app, trade)
    if trade.paid_at is not None:
        view |= {"send_pay_date": stamp(trade.paid_at), "buyer_user_type": "PRIVATE"}
        view |= {"fund_bill_list": bills(trade)} if "fund_bill_list" in options else {}
    if trade.draft.params.get("passback_params"):
        view["passback_params"] = trade.draft.params["passback_params"]
    return view


def paid(app: App, trade: Trade) -> dict[str, Any]:
    """A payment by code: done, or waiting for the payer's password (10003)."""
    view: dict[str, Any] = numbers(trade) | _amounts(trade) | _payer(app, trade)
    if trade.paid_at is None:
        return view
    return view | {"gmt_payment": stamp(trade.paid_at), "fund_bill_list": bills(trade)}


def refunded(app: App, trade: Trade, refund: Refund, *, moved: bool) -> dict[str, Any]:
    """A refund. `refund_fee` is all that went back of the trade so far; `moved` whether money moved in this call."""
    view = numbers(trade) | _payer(app, trade)
    view |= {"fund_change": "Y" if moved else "N", "refund_fee": yuan(trade.refunded)}
    if refund.done_at is not None:
        view |= {"gmt_refund_pay": stamp(refund.done_at), "send_back_fee": yuan(refund.amount)}
    return view


def refund_query(trade: Trade, refund: Refund | None, options: Container[str]) -> dict[str, Any]:
    """A refund as its query answers it: one that is unknown, on its way or failed leaves the refund's fields out."""
    if refund is None or refund.done_at is None:
        return {}
    view = numbers(trade) | {"out_request_no": refund.out_request_no, "total_amount": yuan(trade.total)}
    view |= {"refund_amount": yuan(refund.amount), "refund_status": "REFUND_SUCCESS"}
    if refund.reason:
        view["refund_reason"] = refund.reason
    return view | {"gmt_refund_pay": stamp(refund.done_at)} if "gmt_refund_pay" in options else view


def bills(trade: Trade) -> list[dict[str, str]]:
    """Where the money came from."""
    return [{"amount": yuan(trade.total), "fund_channel": "ALIPAYACCOUNT"}]


def _amounts(trade: Trade) -> dict[str, str]:
    received = yuan(trade.total if trade.paid_at is not None else 0)
    names = "buyer_pay_amount", "invoice_amount", "receipt_amount"
    return dict.fromkeys(names, received) | {"point_amount": "0.00", "total_amount": yuan(trade.total)}


def _payer(app: App, trade: Trade) -> dict[str, str]:
    person = app.person(trade.buyer) if trade.buyer else None
    return app.named(person) if person else {}
