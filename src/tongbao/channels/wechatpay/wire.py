"""Our values to WeChat Pay's fields, and back. Pure. What cannot be read raises ValueError, which quotes no value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import orjson
import structlog

from tongbao.channels.fields import fen_or_none, json_object, part, text, text_or_none, time, time_or_none
from tongbao.channels.model import (
    Charge,
    Destination,
    Means,
    Notice,
    PaymentFact,
    PaymentState,
    PlatformKey,
    Redirection,
    RefundFact,
    RefundOrder,
    RefundState,
)
from tongbao.channels.wechatpay.methods import check, check_currency
from tongbao.channels.wechatpay.signing import PaySignature, Sealed
from tongbao.kit.errors import Rejected

# Section 2.6 of the protocol. REFUND is a payment that succeeded and of which some or all went back later.
STATES: Mapping[str, PaymentState] = {
    "SUCCESS": PaymentState.SUCCEEDED,
    "REFUND": PaymentState.SUCCEEDED,
    "NOTPAY": PaymentState.PENDING,
    "USERPAYING": PaymentState.PENDING,
    "ACCEPT": PaymentState.PENDING,
    "CLOSED": PaymentState.CLOSED,
    "REVOKED": PaymentState.CLOSED,
    "PAYERROR": PaymentState.FAILED,
}

# Section 5.3. ABNORMAL is not the end: once redirected, a refund is PROCESSING again.
REFUND_STATES: Mapping[str, RefundState] = {
    "SUCCESS": RefundState.SUCCEEDED,
    "PROCESSING": RefundState.PENDING,
    "ABNORMAL": RefundState.ABNORMAL,
    "CLOSED": RefundState.CLOSED,
}

# What a prepared order is known by, by the method (2.1).
_TOKENS = {"jsapi": "prepay_id", "app": "prepay_id", "native": "code_url", "h5": "h5_url"}

# What they can be told not to take (2.1). Of the rest, and of "nothing but", they have words for the balance alone.
_LIMITS = {Means.BALANCE: "no_balance", Means.CREDIT_CARD: "no_credit", Means.DEBIT_CARD: "no_debit"}
_BALANCE_ONLY = "balance_only"

_DESTINATIONS = {
    Destination.BUYER_CARD: "USER_BANK_CARD",
    Destination.MERCHANT_CARD: "MERCHANT_BANK_CARD",
}

_BEIJING = timezone(timedelta(hours=8))
_LONGEST_DESCRIPTION = 127
_LONGEST_REASON = 80
_UNSAFE_CHARACTER = re.compile("[^\u0000-\ud7ff\ue000-\uffff]")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A notification as it arrives: what it says it is about, and the sealed part that says it."""

    notice_id: str
    event_type: str
    original_type: str
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class CertificateOffer:
    """A platform certificate as it arrives: its PEM is sealed."""

    serial: str
    usable_from: datetime
    usable_until: datetime
    sealed: Sealed


def order_body(charge: Charge, merchant_number: str) -> bytes:
    """The body that prepares a charge (2.1), the same bytes for the same charge: other bytes under one number are
    refused. Raises Rejected for what WeChat Pay can never collect, as `check` does."""
    check(charge, scans_buyer=False)
    fields = _order(charge, merchant_number)
    fields["time_expire"] = charge.expires_at.astimezone(_BEIJING).isoformat(timespec="seconds")
    fields["notify_url"] = charge.notify_url
    # What a method does not take must be left out, not null or empty (1.1).
    if charge.method == "jsapi":
        fields["payer"] = {"openid": charge.payer}
    if limits := _limits(charge):
        fields["limit_pay"] = limits
    if scene := _scene(charge):
        fields["scene_info"] = scene
    return orjson.dumps(fields)


def code_body(charge: Charge, auth_code: str, merchant_number: str) -> bytes:
    """The body that collects from a scanned payment code at once (2.3). Raises Rejected as `check` does.

    It has neither an end nor an address for a notice: the answer is the result, or a query's is.
    """
    check(charge, scans_buyer=True)
    fields = _order(charge, merchant_number)
    fields["payer"] = {"auth_code": auth_code}
    # They insist on a store, by the merchant's own number for it. Until we know of stores, the merchant is one.
    fields["scene_info"] = {"store_info": {"out_id": merchant_number}}
    return orjson.dumps(fields)


def reversal_body(app_id: str, merchant_number: str) -> bytes:
    """The body that reverses a payment of a scanned code (2.3)."""
    return orjson.dumps({"appid": app_id, "mchid": merchant_number})


def close_body(merchant_number: str) -> bytes:
    """The body that closes a payment (2.7)."""
    return orjson.dumps({"mchid": merchant_number})


def refund_body(order: RefundOrder) -> bytes:
    """The body that sends money back (5.1), the same bytes for the same order: a refund that was not answered is sent
    again as it was. Raises Rejected for what WeChat Pay can never refund."""
    check_currency(order.currency)
    fields: dict[str, object] = {
        "out_trade_no": order.attempt_id,
        "out_refund_no": order.refund_id,
        "amount": {"refund": order.amount, "total": order.payment_amount, "currency": order.currency},
    }
    # What is left out must be left out, not null or empty (1.1).
    if order.reason:
        fields["reason"] = _safe_text(order.reason, _LONGEST_REASON)
    if order.notify_url:
        fields["notify_url"] = order.notify_url
    return orjson.dumps(fields)


def redirection_body(redirection: Redirection, encrypt: Callable[[str], str]) -> bytes:
    """The body that sends an abnormal refund elsewhere (5.2).

    Raises Rejected(`unsupported`) where a buyer's card is not wholly described.
    """
    fields = {"out_refund_no": redirection.refund_id, "type": _DESTINATIONS[redirection.to]}
    if redirection.to is Destination.BUYER_CARD:
        bank, number, holder = redirection.bank, redirection.card_number, redirection.card_holder
        if not (bank and number and holder):
            raise Rejected("unsupported", "a buyer's card needs its bank, its number and the name of its holder")
        fields |= {"bank_type": bank, "bank_account": encrypt(number), "real_name": encrypt(holder)}
    return orjson.dumps(fields)


def token(method: str, answer: bytes) -> str:
    """What the client needs of the answer to a prepared order: its token, or an address to be scanned or opened."""
    return text(json_object(answer), _TOKENS[method])


def client_params(
    charge: Charge, token: str, merchant_number: str, sign: Callable[[str], PaySignature]
) -> Mapping[str, str]:
    """What the client takes: the host's pay function or an app's SDK (3.1), or an address to be shown or opened (2.1).

    `sign` signs the pay call for what it names the order by; the app's id is signed, too.
    """
    match charge.method:
        case "jsapi":
            return _request_payment(package := f"prepay_id={token}", sign(package))
        case "app":
            return _app_call(charge.app_id, merchant_number, token, sign(token))
        case "native":
            return {"code_url": token}
        case "h5":
            back = f"&redirect_url={quote(charge.return_url, safe='')}" if charge.return_url else ""
            return {"h5_url": token + back}
        case _:
            return {}


def reversed_attempt(answer: bytes) -> str:
    """Which payment an answer says was reversed (2.3)."""
    return text(json_object(answer), "out_trade_no")


def payment_fact(transaction: bytes) -> PaymentFact:
    """A transaction, from a query (2.5) or a decrypted notice (4.4). A value of the wrong type counts as not there."""
    fields = json_object(transaction)
    amount, payer = part(fields, "amount"), part(fields, "payer")
    word = text(fields, "trade_state")
    return PaymentFact(
        attempt_id=text(fields, "out_trade_no"),
        state=payment_state(word),
        raw_state=word,
        merchant_number=text(fields, "mchid"),
        app_id=text_or_none(fields, "appid"),
        amount=fen_or_none(amount, "total"),
        payer_amount=fen_or_none(amount, "payer_total"),
        currency=text_or_none(amount, "currency"),
        transaction_id=text_or_none(fields, "transaction_id"),
        paid_at=time_or_none(fields, "success_time"),
        payer=text_or_none(payer, "openid"),
    )


def awaited(charge: Charge, merchant_number: str) -> PaymentFact:
    """A payment of which the answer says that the buyer is being asked, and nothing more (2.3)."""
    return PaymentFact(charge.attempt_id, PaymentState.PENDING, "USERPAYING", merchant_number, charge.app_id)


def refund_answer(answer: bytes) -> RefundFact:
    """A refund, as its request, a query and a redirection answer it (5.1). None repeats the merchant."""
    fields = json_object(answer)
    return _refund_fact(fields, text(fields, "status"), merchant_number=None)


def refund_notice(plaintext: bytes) -> RefundFact:
    """A refund in a decrypted notice (5.5), where its state has another name and the currency is not said."""
    fields = json_object(plaintext)
    return _refund_fact(fields, text(fields, "refund_status"), merchant_number=text(fields, "mchid"))


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


def envelope(body: bytes) -> Envelope:
    """Read a notification's outside (4.1)."""
    fields = json_object(body)
    return Envelope(
        notice_id=text(fields, "id"),
        event_type=text(fields, "event_type"),
        original_type=text(part(fields, "resource"), "original_type"),
        sealed=_sealed(part(fields, "resource")),
    )


def notice(outside: Envelope, plaintext: bytes) -> Notice:
    """What a notification says once opened.

    Only a paid transaction speaks of a payment (4.3); the same event type is also sent to the receivers of a shared
    profit, and there its original type differs. What became of a refund is told by its state inside.
    """
    fact: PaymentFact | RefundFact | None = None
    if outside.event_type == "TRANSACTION.SUCCESS" and outside.original_type == "transaction":
        fact = payment_fact(plaintext)
    elif outside.event_type.startswith("REFUND.") and outside.original_type == "refund":
        fact = refund_notice(plaintext)
    return Notice(outside.notice_id, outside.event_type, fact)


def merchant_of(plaintext: bytes) -> str | None:
    """The merchant number that an opened notice speaks of, of whatever kind it is; None where it names none."""
    return text_or_none(json_object(plaintext), "mchid")


def certificate_offers(answer: bytes) -> list[CertificateOffer]:
    """The platform certificates in an answer (1.5), still sealed."""
    offers = json_object(answer).get("data")
    if not isinstance(offers, list) or not all(isinstance(offer, dict) for offer in offers):
        raise ValueError("data is not a list of objects")
    return [
        CertificateOffer(
            serial=text(offer, "serial_no"),
            usable_from=time(offer, "effective_time"),
            usable_until=time(offer, "expire_time"),
            sealed=_sealed(part(offer, "encrypt_certificate")),
        )
        for offer in offers
    ]


def platform_key(offer: CertificateOffer, certificate: bytes) -> PlatformKey:
    """One certificate, opened."""
    return PlatformKey(offer.serial, certificate.decode("ascii"), offer.usable_from, offer.usable_until)


def _refund_fact(fields: Mapping[str, Any], word: str, merchant_number: str | None) -> RefundFact:
    amount = part(fields, "amount")
    if refund_state(word) is not RefundState.PENDING and fen_or_none(amount, "refund") is None:
        raise ValueError("amount.refund is missing")
    return RefundFact(
        refund_id=text(fields, "out_refund_no"),
        state=refund_state(word),
        raw_state=word,
        merchant_number=merchant_number,
        attempt_id=text_or_none(fields, "out_trade_no"),
        amount=fen_or_none(amount, "refund"),
        currency=text_or_none(amount, "currency"),
        gateway_refund_id=text_or_none(fields, "refund_id"),
        refunded_at=time_or_none(fields, "success_time"),
    )


def _order(charge: Charge, merchant_number: str) -> dict[str, object]:
    return {
        "appid": charge.app_id,
        "mchid": merchant_number,
        "description": _safe_text(charge.subject, _LONGEST_DESCRIPTION),
        "out_trade_no": charge.attempt_id,
        "amount": {"total": charge.amount, "currency": charge.currency},
    }


def _limits(charge: Charge) -> list[str]:
    if not charge.only:
        unknown = sorted(charge.without - _LIMITS.keys())
        if unknown:
            raise Rejected("unsupported_option", f"cannot do without {', '.join(unknown)} alone")
        return sorted(_LIMITS[means] for means in charge.without)
    if charge.only != {Means.BALANCE} or Means.BALANCE in charge.without:
        raise Rejected("unsupported_option", "the balance is the only means that it can be limited to")
    return [_BALANCE_ONLY]


def _scene(charge: Charge) -> dict[str, object]:
    scene: dict[str, object] = {"payer_client_ip": charge.payer_ip} if charge.payer_ip else {}
    if charge.method == "h5":
        scene["h5_info"] = {"type": "Wap"}
    return scene


def _request_payment(package: str, signed: PaySignature) -> dict[str, str]:
    return {
        "timeStamp": signed.timestamp,
        "nonceStr": signed.nonce,
        "package": package,
        "signType": "RSA",
        "paySign": signed.signature,
    }


def _app_call(app_id: str, merchant_number: str, token: str, signed: PaySignature) -> dict[str, str]:
    return {
        "appid": app_id,
        "partnerid": merchant_number,
        "prepayid": token,
        "package": "Sign=WXPay",
        "noncestr": signed.nonce,
        "timestamp": signed.timestamp,
        "sign": signed.signature,
    }


def _safe_text(text: str, longest: int) -> str:
    # WeChat Pay takes characters of at most three bytes in UTF-8 (1.1): no emoji, for which `?` stands in.
    return _UNSAFE_CHARACTER.sub("?", text)[:longest]


def _sealed(resource: Mapping[str, Any]) -> Sealed:
    associated_data = text_or_none(resource, "associated_data") or ""
    return Sealed(text(resource, "nonce"), associated_data, text(resource, "ciphertext"))
