"""The pieces that stories are made of, each with sensible values that a test may change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tongbao.callbacks import KeptNotice
from tongbao.cases import Case, Entry
from tongbao.journal import Call
from tongbao.ledger import Posting
from tongbao.payments import Attempt, Order
from tongbao.refunds import Refund
from tongbao.webhooks import Delivery, Try

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAYER = "oBuyersOpenId"


def ago(seconds: float) -> datetime:
    """The moment so many seconds before now."""
    return NOW - timedelta(seconds=seconds)


def later(seconds: float) -> datetime:
    """The moment so many seconds from now."""
    return NOW + timedelta(seconds=seconds)


def order(**changes: Any) -> Order:
    values: dict[str, Any] = {
        "merchant_id": "mer1",
        "order_id": "ord1",
        "reference": "tea-1",
        "content_hash": b"",
        "amount": 1800,
        "currency": "CNY",
        "subject": "Latte",
        "items": [],
        "metadata": {},
        "buyer_id": "buy1",
        "notify_url": None,
        "status": "open",
        "version": 1,
        "created_at": ago(600),
        "expires_at": later(1200),
        "expire_due_at": later(1200),
        "paid_at": None,
        "paid_attempt_id": None,
        "closed_at": None,
        "close_reason": None,
    }
    return Order(**values | changes)


def paid_order(**changes: Any) -> Order:
    paid = {"status": "paid", "paid_at": ago(300), "paid_attempt_id": "pay1", "expire_due_at": None}
    return order(**paid | changes)


def closed_order(**changes: Any) -> Order:
    closed = {"status": "closed", "closed_at": ago(300), "close_reason": "expired", "expire_due_at": None}
    return order(**closed | changes)


def attempt(**changes: Any) -> Attempt:
    """One that the phone can pay now."""
    values: dict[str, Any] = {
        "merchant_id": "mer1",
        "attempt_id": "pay1",
        "order_id": "ord1",
        "account_id": "acc1",
        "channel": "wechatpay",
        "method": "jsapi",
        "app_id": "wx1",
        "payer": PAYER,
        "amount": 1800,
        "currency": "CNY",
        "state": "pending",
        "version": 1,
        "token": "a token",
        "token_until": later(6000),
        "transaction_id": None,
        "reason": None,
        "created_at": ago(500),
        "prepared_at": ago(499),
        "settled_at": None,
        "paid_at": None,
        "ask_at": later(25),
        "asked": 3,
    }
    return Attempt(**values | changes)


def ended_attempt(state: str, **changes: Any) -> Attempt:
    came_in = {"paid_at": ago(310)} if state in ("succeeded", "surplus", "held") else {}
    return attempt(**{"state": state, "settled_at": ago(300), "ask_at": None, **came_in, **changes})


def refund(**changes: Any) -> Refund:
    """One of the whole payment that the gateway has taken on."""
    values: dict[str, Any] = {
        "merchant_id": "mer1",
        "refund_id": "rfd1",
        "reference": "back-1",
        "content_hash": b"",
        "order_id": "ord1",
        "attempt_id": "pay1",
        "account_id": "acc1",
        "channel": "wechatpay",
        "origin": "merchant",
        "amount": 1800,
        "payment_amount": 1800,
        "currency": "CNY",
        "reason": "cold coffee",
        "items": [],
        "notify_url": "",
        "state": "sent",
        "state_reason": None,
        "version": 1,
        "in_doubt": False,
        "gateway_refund_id": None,
        "created_at": ago(200),
        "sent_at": ago(199),
        "settled_at": None,
        "refunded_at": None,
        "ask_at": later(300),
        "asked": 1,
    }
    return Refund(**values | changes)


def ended_refund(state: str, **changes: Any) -> Refund:
    return refund(**{"state": state, "settled_at": ago(100), "ask_at": None, **changes})


def call(verb: str, outcome: str, code: str, **changes: Any) -> Call:
    values: dict[str, Any] = {
        "merchant_id": "mer1",
        "call_id": "cal1",
        "order_id": "ord1",
        "attempt_id": "pay1",
        "refund_id": "rfd1" if "refund" in verb else None,
        "verb": verb,
        "outcome": outcome,
        "code": code,
        "detail": "",
        "asked_at": ago(20),
    }
    return Call(**values | changes)


def notice(verdict: str, **changes: Any) -> KeptNotice:
    values: dict[str, Any] = {
        "merchant_id": "mer1",
        "notice_id": "ntc1",
        "account_id": "acc1",
        "received_at": ago(301),
        "headers": {},
        "body": b"the body of a notice",
        "verdict": verdict,
        "detail": "the verdict in words",
        "attempt_id": "pay1",
        "refund_id": None,
    }
    return KeptNotice(**values | changes)


def case(kind: str, **changes: Any) -> tuple[Case, list[Entry]]:
    """An open one, with its first entry."""
    values: dict[str, Any] = {
        "merchant_id": "mer1",
        "case_id": "cas1",
        "kind": kind,
        "key": "what it is of",
        "order_id": "ord1",
        "attempt_id": "pay1",
        "refund_id": "rfd1" if kind.startswith("refund") else None,
        "detail": {},
        "status": "open",
        "version": 1,
        "opened_at": ago(90),
        "due_at": later(7200),
    }
    return Case(**values | changes), [Entry(ago(90), "tongbao", "opened", "")]


def posting(**changes: Any) -> Posting:
    values: dict[str, Any] = {
        "merchant_id": "mer1",
        "posting_id": "pst1",
        "key": "payment:pay1",
        "debit_account": "clearing:acc1",
        "credit_account": "merchant",
        "amount": 1800,
        "currency": "CNY",
        "order_id": "ord1",
        "attempt_id": "pay1",
        "posted_at": ago(300),
    }
    return Posting(**values | changes)


def delivery(state: str, *tries: Try, **changes: Any) -> tuple[Delivery, list[Try]]:
    values: dict[str, Any] = {
        "merchant_id": "mer1",
        "event_id": "evt1",
        "endpoint_id": "whe1",
        "url": "https://shop.example.com/hooks?token=whsec_abc",
        "type": "order.paid",
        "order_id": "ord1",
        "attempt_id": "pay1",
        "state": state,
        "tries": len(tries),
        "due_at": later(120) if state == "pending" else None,
        "created_at": ago(300),
        "delivered_at": None,
    }
    return Delivery(**values | changes), list(tries)


def tried(outcome: str, status: int | None = None) -> Try:
    return Try(ago(299), status, outcome, 12)
