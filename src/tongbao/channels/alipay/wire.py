"""Our values to Alipay's fields, and back. Pure. What cannot be read raises ValueError, which quotes no value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from tongbao.channels.alipay.methods import check, check_currency
from tongbao.channels.fields import text, text_or_none
from tongbao.channels.model import (
    Charge,
    Means,
    Notice,
    PayerKind,
    PaymentFact,
    PaymentState,
    RefundFact,
    RefundOrder,
    RefundState,
)
from tongbao.kit.money import yuan
from tongbao.protocols.alipay import to_time, to_utc

PAY = "alipay.trade.pay"
QUERY = "alipay.trade.query"
CLOSE = "alipay.trade.close"
CANCEL = "alipay.trade.cancel"
REFUND = "alipay.trade.refund"
REFUND_QUERY = "alipay.trade.fastpay.refund.query"

# Each method's interface, and the product it belongs to (4.4 to 4.7).
INTERFACES = {
    "create": "alipay.trade.create",
    "precreate": "alipay.trade.precreate",
    "wap": "alipay.trade.wap.pay",
    "page": "alipay.trade.page.pay",
    "app": "alipay.trade.app.pay",
}
_PRODUCTS = {
    "create": "JSAPI_PAY",
    "precreate": "FACE_TO_FACE_PAYMENT",
    "wap": "QUICK_WAP_WAY",
    "page": "FAST_INSTANT_TRADE_PAY",
    "app": "QUICK_MSECURITY_PAY",
    "code": "FACE_TO_FACE_PAYMENT",
}

# Section 4.3. TRADE_CLOSED is also what a payment becomes that went back whole.
STATES: Mapping[str, PaymentState] = {
    "WAIT_BUYER_PAY": PaymentState.PENDING,
    "TRADE_SUCCESS": PaymentState.SUCCEEDED,
    "TRADE_FINISHED": PaymentState.SUCCEEDED,
    "TRADE_CLOSED": PaymentState.CLOSED,
}

# Section 4.12. What did not succeed mostly has no word at all.
REFUND_STATES: Mapping[str, RefundState] = {
    "REFUND_SUCCESS": RefundState.SUCCEEDED,
    "REFUND_PROCESSING": RefundState.PENDING,
}

# Section 4.2. Discounts of Alipay's are none of these, and fall away where only some means are let in.
_MEANS = {
    Means.BALANCE: "balance",
    Means.FUND: "moneyFund",
    Means.DEBIT_CARD: "debitCardExpress",
    Means.CREDIT_CARD: "creditCard,creditCardExpress,creditCardCartoon",
    Means.CREDIT: "pcredit,pcreditpayInstallment",
}

_PAYERS = {PayerKind.OPEN_ID: "buyer_open_id", PayerKind.USER_ID: "buyer_id"}
# Newer apps are told open ids, older ones user ids, which notices and answers name differently.
_PAYER_NAMES = ("buyer_open_id", "buyer_user_id", "buyer_id")
_TOKENS = {"create": "trade_no", "precreate": "qr_code"}
_CLIENT_PARAMS = {"create": "tradeNO", "precreate": "qr_code", "wap": "url", "page": "url", "app": "orderStr"}
_NO_NOTICE_KIND = "unknown"
_TRADE_NOTICE = "trade_status_sync"
_LONGEST_TEXT = 256
# A subject may have none of these (4.1); their wide forms look the same. What is no character at all becomes a space.
_SUBJECT = {ord("/"): "／", ord("="): "＝", ord("&"): "＆"}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_YUAN = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?")
_log = structlog.get_logger(__name__)


def order(charge: Charge) -> Mapping[str, object]:
    """What prepares a charge (4.1), the same for the same charge. Raises Rejected as `check` does."""
    check(charge, scans_buyer=False)
    fields = _order(charge)
    if charge.method == "create":
        fields |= {"op_app_id": charge.payer_app_id or charge.app_id, _PAYERS[charge.payer_kind]: charge.payer}
    if charge.method == "wap" and charge.return_url:
        fields["quit_url"] = charge.return_url  # for the buyer who gives up
    return fields


def code_order(charge: Charge, auth_code: str) -> Mapping[str, object]:
    """What collects from a scanned payment code at once (4.5). Raises Rejected as `check` does."""
    check(charge, scans_buyer=True)
    scene = "security_code" if auth_code.startswith("fp") else "bar_code"
    return {**_order(charge), "scene": scene, "auth_code": auth_code}


def trade(attempt_id: str) -> Mapping[str, object]:
    """Which trade is asked about, closed or cancelled."""
    return {"out_trade_no": attempt_id}


def refund(order: RefundOrder) -> Mapping[str, object]:
    """What sends money back (4.11), the same for the same order. Raises Rejected(`unsupported_currency`)."""
    check_currency(order.currency)
    fields = {
        "out_trade_no": order.attempt_id,
        "out_request_no": order.refund_id,
        "refund_amount": yuan(order.amount),
    }
    if order.reason:
        fields["refund_reason"] = _CONTROLS.sub(" ", order.reason)[:_LONGEST_TEXT]
    return fields


def refund_question(refund_id: str, attempt_id: str) -> Mapping[str, object]:
    """Which refund is asked about (4.12); when the money moved is only told to those who ask for it."""
    return {"out_trade_no": attempt_id, "out_request_no": refund_id, "query_options": ["gmt_refund_pay"]}


def token(method: str, answer: Mapping[str, Any]) -> str:
    """What the client needs of the answer to a prepared order."""
    return text(answer, _TOKENS[method])


def client_params(method: str, value: str) -> Mapping[str, str]:
    """What the client takes: `my.tradePay`, an app's SDK, a browser, or whoever shows the code."""
    return {_CLIENT_PARAMS[method]: value}


def attempt_in(answer: Mapping[str, Any]) -> str | None:
    """Which trade an answer is about, where it says so."""
    return text_or_none(answer, "out_trade_no")


def refund_in(answer: Mapping[str, Any]) -> str | None:
    """Which refund an answer is about, where it says so."""
    return text_or_none(answer, "out_request_no")


def paid_fact(answer: Mapping[str, Any], merchant_number: str, app_id: str) -> PaymentFact:
    """A payment that was collected at once (4.5). Whom it was collected for is whom we asked as."""
    return _payment_fact(answer, "TRADE_SUCCESS", merchant_number, app_id, paid_at="gmt_payment")


def waiting_fact(attempt_id: str, word: str, merchant_number: str, app_id: str) -> PaymentFact:
    """A payment whose buyer is asked for the password (4.5)."""
    return PaymentFact(attempt_id, PaymentState.PENDING, word, merchant_number, app_id, currency="CNY")


def queried_fact(answer: Mapping[str, Any], merchant_number: str, app_id: str) -> PaymentFact:
    """A payment in the answer to a query (4.8), which tells what was ordered, and for whom is whom we asked as.

    What it says the buyer paid may be 0.00 of a paid trade: it is not read.
    """
    word = text(answer, "trade_status")
    fields = {name: value for name, value in answer.items() if name != "buyer_pay_amount"}
    return _payment_fact(fields, word, merchant_number, app_id, paid_at="send_pay_date")


def refunded_fact(answer: Mapping[str, Any], order: RefundOrder) -> RefundFact | None:
    """A refund whose money moved in this call (4.11), of the sum that was asked for: the answer's own is that of all
    the payment's refunds. None where none moved: it was done before, or is not done yet."""
    word = text(answer, "fund_change")
    if word != "Y":
        return None
    return RefundFact(
        order.refund_id,
        RefundState.SUCCEEDED,
        word,
        attempt_id=text(answer, "out_trade_no"),
        amount=order.amount,
        currency=order.currency,
        refunded_at=_time_or_none(answer, "gmt_refund_pay"),
    )


def refund_under_way(order: RefundOrder) -> RefundFact:
    """A refund that was taken on, and of which no query says more yet."""
    pending = RefundState.PENDING
    return RefundFact(order.refund_id, pending, "N", attempt_id=order.attempt_id, amount=order.amount)


def queried_refund(answer: Mapping[str, Any]) -> RefundFact | None:
    """A refund in the answer to a query (4.12); None where it does not know it, or not yet that it succeeded."""
    word = text_or_none(answer, "refund_status")
    if word is None:
        return None
    return RefundFact(
        text(answer, "out_request_no"),
        refund_state(word),
        word,
        attempt_id=text(answer, "out_trade_no"),
        amount=_fen_or_none(answer, "refund_amount"),
        currency="CNY",
        refunded_at=_time_or_none(answer, "gmt_refund_pay"),
    )


def must_cancel_again(answer: Mapping[str, Any]) -> bool:
    """Whether a cancellation has not come to an end (4.10)."""
    return text(answer, "retry_flag") != "N"


def was_cancelled(answer: Mapping[str, Any]) -> bool:
    """Whether there was a trade to cancel: it is closed now, or refunded (4.10)."""
    return text_or_none(answer, "action") is not None


def notice(fields: Mapping[str, str]) -> Notice:
    """What a proven notification says (7.2 to 7.5). One about a refund has the state of its trade, paid: it is known
    by the refund's number, time and sum, which is that of all refunds together, and so not read."""
    kind = text_or_none(fields, "notify_type") or _NO_NOTICE_KIND
    fact: PaymentFact | RefundFact | None = None
    if kind == _TRADE_NOTICE:
        is_refund = all(fields.get(name) for name in ("out_biz_no", "gmt_refund", "refund_fee"))
        fact = _refund_notice(fields) if is_refund else _payment_notice(fields)
    return Notice(text(fields, "notify_id"), kind, fact)


def told_app(fields: Mapping[str, str]) -> str:
    """The app that a notification is for; empty where it names none."""
    return fields.get("app_id", "")


def told_at(fields: Mapping[str, str]) -> datetime | None:
    """When a notification was made."""
    return to_utc(fields.get("notify_time", ""))


def payment_state(word: str) -> PaymentState:
    """What their word for a state means. One we do not know means nothing is known: pending, and a warning."""
    if word not in STATES:
        _log.warning("unknown_payment_state", word=word[:32])
    return STATES.get(word, PaymentState.PENDING)


def refund_state(word: str) -> RefundState:
    """What their word for a refund's state means; of an unknown one the same holds as of a payment's."""
    if word not in REFUND_STATES:
        _log.warning("unknown_refund_state", word=word[:32])
    return REFUND_STATES.get(word, RefundState.PENDING)


def _order(charge: Charge) -> dict[str, object]:
    fields: dict[str, object] = {
        "out_trade_no": charge.attempt_id,
        "total_amount": yuan(charge.amount),
        "subject": _subject(charge.subject),
        "product_code": _PRODUCTS[charge.method],
        "time_expire": to_time(charge.expires_at),
    }
    if parts := charge.instalments:
        seller_percent = "100" if parts.seller_pays_fee else "0"
        fields["extend_params"] = {"hb_fq_num": str(parts.number), "hb_fq_seller_percent": seller_percent}
    if charge.only:
        fields["enable_pay_channels"] = _means(charge.only)
    if charge.without:
        fields["disable_pay_channels"] = _means(charge.without)
    return fields


def _means(chosen: frozenset[Means]) -> str:
    return ",".join(words for means, words in _MEANS.items() if means in chosen)


def _subject(text: str) -> str:
    return _CONTROLS.sub(" ", text).translate(_SUBJECT)[:_LONGEST_TEXT]


def _payment_notice(fields: Mapping[str, str]) -> PaymentFact:
    word = text(fields, "trade_status")
    return _payment_fact(fields, word, text(fields, "seller_id"), text(fields, "app_id"), paid_at="gmt_payment")


def _refund_notice(fields: Mapping[str, str]) -> RefundFact:
    return RefundFact(
        text(fields, "out_biz_no"),
        RefundState.SUCCEEDED,
        text(fields, "trade_status"),
        merchant_number=text(fields, "seller_id"),
        attempt_id=text(fields, "out_trade_no"),
        refunded_at=_time_or_none(fields, "gmt_refund"),
    )


def _payment_fact(
    fields: Mapping[str, Any], word: str, merchant_number: str, app_id: str, *, paid_at: str
) -> PaymentFact:
    return PaymentFact(
        attempt_id=text(fields, "out_trade_no"),
        state=payment_state(word),
        raw_state=word,
        merchant_number=merchant_number,
        app_id=app_id,
        amount=_fen_or_none(fields, "total_amount"),
        payer_amount=_fen_or_none(fields, "buyer_pay_amount"),
        currency="CNY",
        transaction_id=text_or_none(fields, "trade_no"),
        paid_at=_time_or_none(fields, paid_at),
        payer=next(filter(None, (text_or_none(fields, name) for name in _PAYER_NAMES)), None),
    )


def _fen_or_none(fields: Mapping[str, Any], name: str) -> int | None:
    """A sum of yuan in fen, exactly; anything else is none."""
    value = fields.get(name)
    parts = _YUAN.fullmatch(value) if isinstance(value, str) else None
    return int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0")) if parts else None


def _time_or_none(fields: Mapping[str, Any], name: str) -> datetime | None:
    return to_utc(text_or_none(fields, name) or "")
