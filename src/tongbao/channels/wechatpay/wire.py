"""Our values to WeChat Pay's fields, and back. Pure. What cannot be read raises ValueError, which quotes no value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import structlog

from tongbao.channels.model import (
    Charge,
    Destination,
    Notice,
    PaymentFact,
    PaymentState,
    PlatformKey,
    Redirection,
    RefundFact,
    RefundOrder,
    RefundState,
)
from tongbao.channels.wechatpay.signing import Sealed
from tongbao.kit.errors import Rejected

METHODS = frozenset({"jsapi"})

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
    refused. Raises Rejected for what WeChat Pay can never collect."""
    if charge.method not in METHODS:
        raise Rejected("unsupported_method", charge.method)
    _check_currency(charge.currency)
    if not charge.payer:
        raise Rejected("payer_missing", "this method needs the buyer's openid under the app")
    fields: dict[str, object] = {
        "appid": charge.app_id,
        "mchid": merchant_number,
        "description": _safe_text(charge.subject, _LONGEST_DESCRIPTION),
        "out_trade_no": charge.attempt_id,
        "time_expire": charge.expires_at.astimezone(_BEIJING).isoformat(timespec="seconds"),
        "notify_url": charge.notify_url,
        "amount": {"total": charge.amount, "currency": charge.currency},
        "payer": {"openid": charge.payer},
    }
    if charge.payer_ip:
        fields["scene_info"] = {"payer_client_ip": charge.payer_ip}
    return orjson.dumps(fields)


def close_body(merchant_number: str) -> bytes:
    """The body that closes a payment (2.7)."""
    return orjson.dumps({"mchid": merchant_number})


def refund_body(order: RefundOrder) -> bytes:
    """The body that sends money back (5.1), the same bytes for the same order: a refund that was not answered is sent
    again as it was. Raises Rejected for what WeChat Pay can never refund."""
    _check_currency(order.currency)
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


def package(token: str) -> str:
    """The `package` value of the client's pay call (3.1)."""
    return f"prepay_id={token}"


def prepay_token(answer: bytes) -> str:
    """The token for the client in the answer to a prepared order."""
    return _text(_object(answer), "prepay_id")


def payment_fact(transaction: bytes) -> PaymentFact:
    """A transaction, from a query (2.5) or a decrypted notice (4.4). A value of the wrong type counts as not there."""
    fields = _object(transaction)
    amount, payer = _part(fields, "amount"), _part(fields, "payer")
    word = _text(fields, "trade_state")
    return PaymentFact(
        attempt_id=_text(fields, "out_trade_no"),
        state=payment_state(word),
        raw_state=word,
        merchant_number=_text(fields, "mchid"),
        app_id=_text_or_none(fields, "appid"),
        amount=_fen_or_none(amount, "total"),
        payer_amount=_fen_or_none(amount, "payer_total"),
        currency=_text_or_none(amount, "currency"),
        transaction_id=_text_or_none(fields, "transaction_id"),
        paid_at=_time_or_none(fields, "success_time"),
        payer=_text_or_none(payer, "openid"),
    )


def refund_answer(answer: bytes) -> RefundFact:
    """A refund, as its request, a query and a redirection answer it (5.1). None repeats the merchant."""
    fields = _object(answer)
    return _refund_fact(fields, _text(fields, "status"), merchant_number=None)


def refund_notice(plaintext: bytes) -> RefundFact:
    """A refund in a decrypted notice (5.5), where its state has another name and the currency is not said."""
    fields = _object(plaintext)
    return _refund_fact(fields, _text(fields, "refund_status"), merchant_number=_text(fields, "mchid"))


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
    fields = _object(body)
    return Envelope(
        notice_id=_text(fields, "id"),
        event_type=_text(fields, "event_type"),
        original_type=_text(_part(fields, "resource"), "original_type"),
        sealed=_sealed(_part(fields, "resource")),
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
    return _text_or_none(_object(plaintext), "mchid")


def certificate_offers(answer: bytes) -> list[CertificateOffer]:
    """The platform certificates in an answer (1.5), still sealed."""
    offers = _object(answer).get("data")
    if not isinstance(offers, list) or not all(isinstance(offer, dict) for offer in offers):
        raise ValueError("data is not a list of objects")
    return [
        CertificateOffer(
            serial=_text(offer, "serial_no"),
            usable_from=_time(offer, "effective_time"),
            usable_until=_time(offer, "expire_time"),
            sealed=_sealed(_part(offer, "encrypt_certificate")),
        )
        for offer in offers
    ]


def platform_key(offer: CertificateOffer, certificate: bytes) -> PlatformKey:
    """One certificate, opened."""
    return PlatformKey(offer.serial, certificate.decode("ascii"), offer.usable_from, offer.usable_until)


def _refund_fact(fields: Mapping[str, Any], word: str, merchant_number: str | None) -> RefundFact:
    amount = _part(fields, "amount")
    return RefundFact(
        refund_id=_text(fields, "out_refund_no"),
        state=refund_state(word),
        raw_state=word,
        merchant_number=merchant_number,
        attempt_id=_text_or_none(fields, "out_trade_no"),
        amount=_fen_or_none(amount, "refund"),
        currency=_text_or_none(amount, "currency"),
        gateway_refund_id=_text_or_none(fields, "refund_id"),
        refunded_at=_time_or_none(fields, "success_time"),
    )


def _check_currency(currency: str) -> None:
    if currency != "CNY":
        raise Rejected("unsupported_currency", currency)


def _safe_text(text: str, longest: int) -> str:
    # WeChat Pay takes characters of at most three bytes in UTF-8 (1.1): no emoji, for which `?` stands in.
    return _UNSAFE_CHARACTER.sub("?", text)[:longest]


def _sealed(resource: Mapping[str, Any]) -> Sealed:
    associated_data = _text_or_none(resource, "associated_data") or ""
    return Sealed(_text(resource, "nonce"), associated_data, _text(resource, "ciphertext"))


def _object(raw: bytes) -> Mapping[str, Any]:
    fields = orjson.loads(raw)
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    return fields


def _part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = fields.get(name)
    return part if isinstance(part, dict) else {}


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = _text_or_none(fields, name)
    if text is None:
        raise ValueError(f"{name} is missing")
    return text


def _text_or_none(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        return None
    if "\x00" in value:
        raise ValueError(f"{name} has a character that no text has")  # and that no database keeps
    return value


def _fen_or_none(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if type(value) is int else None


def _time(fields: Mapping[str, Any], name: str) -> datetime:
    moment = _time_or_none(fields, name)
    if moment is None:
        raise ValueError(f"{name} is not a time")
    return moment


def _time_or_none(fields: Mapping[str, Any], name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(fields, name))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
