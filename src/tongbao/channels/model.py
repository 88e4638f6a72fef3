"""What every payment channel speaks: the verbs, and the frozen values they take and give.

A channel object is bound to one merchant account at one gateway. It has no database and knows no orders.
Amounts are integers in the currency's smallest unit (fen for CNY); times are aware UTC.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from tongbao.kit.errors import Rejected
from tongbao.kit.words import Words


class PaymentState(enum.StrEnum):
    """What a gateway can say of a payment. A word that a channel does not know becomes PENDING, with a warning."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"


class Option(enum.StrEnum):
    """What a charge may ask for beside its sum; a method names those it can do."""

    RETURN_URL = "return_url"
    INSTALMENTS = "instalments"
    ONLY = "only"
    WITHOUT = "without"


class Means(enum.StrEnum):
    """What buyers pay with, by which a charge can be limited.

    balance: in the wallet · fund: the wallet's money-market fund · credit: the wallet's own line of credit (花呗).
    """

    BALANCE = "balance"
    FUND = "fund"
    DEBIT_CARD = "debit_card"
    CREDIT_CARD = "credit_card"
    CREDIT = "credit"


class PayerKind(enum.StrEnum):
    """Which of its names for people a gateway is told: one for every app, or one that holds under this app alone."""

    OPEN_ID = "open_id"
    USER_ID = "user_id"


@dataclass(frozen=True, slots=True)
class Instalments:
    """To be paid in so many monthly parts; `seller_pays_fee` or else the buyer does."""

    number: int
    seller_pays_fee: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """One way in which a gateway collects: what it needs, and what it can and cannot do.

    `needs_payer`: the gateway must be told who pays · `needs_payer_ip`: and from which address ·
    `scans_buyer`: the buyer's own code is scanned: `collect` and `reverse` in place of `prepare` and `close` ·
    `is_local`: prepared by a signature of ours, without a word to the gateway ·
    `is_late`: the gateway first hears of the payment when the buyer comes to it, so its "I know no such payment" says
    nothing about a moment later, and a closed order can still be paid until the charge's time is over.
    """

    name: str
    needs_payer: bool = False
    needs_payer_ip: bool = False
    scans_buyer: bool = False
    is_local: bool = False
    is_late: bool = False
    options: frozenset[Option] = frozenset()


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment to be prepared, or to be collected at once.

    `attempt_id` is our number for it at the gateway (its merchant order number): the idempotency key. `app_id` is the
    app that the gateway will say it collected for (see `Channel.app_for`). `payer` is the gateway's name for the buyer
    under `payer_app_id`, where the method needs one, and `payer_kind` says which of its names. The last four are what a
    method's `options` name: where the buyer comes back to, parts, and by which means alone, or by which not.
    """

    attempt_id: str
    method: str
    amount: int
    currency: str
    subject: str
    expires_at: datetime
    notify_url: str
    app_id: str
    payer: str | None = None
    payer_kind: PayerKind = PayerKind.OPEN_ID
    payer_app_id: str | None = None
    payer_ip: str | None = None
    return_url: str | None = None
    instalments: Instalments | None = None
    only: frozenset[Means] = frozenset()
    without: frozenset[Means] = frozenset()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A payment the gateway is ready to collect: its token for it, and until when the token can be used. The token is
    empty where a signature of ours is all that is needed (a method that `is_local`)."""

    token: str
    usable_until: datetime


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A gateway's word about one payment, whichever way it came: notice, query or bill.

    Only `attempt_id` and `state` are always there; the rest is there once the gateway knows it.
    `merchant_number` and `app_id` are whom the gateway says it collected for: they are compared, never trusted. Where
    the answer to a question does not repeat them, they are whom we asked as; a notice must say them itself.
    `raw_state` is the gateway's own word for the state.
    """

    attempt_id: str
    state: PaymentState
    raw_state: str
    merchant_number: str
    app_id: str | None = None
    amount: int | None = None
    payer_amount: int | None = None
    currency: str | None = None
    transaction_id: str | None = None
    paid_at: datetime | None = None
    payer: str | None = None


class RefundState(enum.StrEnum):
    """What a gateway can say of a refund. A word that a channel does not know becomes PENDING, with a warning.

    ABNORMAL: the money could not reach the buyer (a card that is gone, say), and waits at the gateway for a decision.
    """

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    ABNORMAL = "abnormal"


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Money that is to go back to the buyer of a payment.

    `refund_id` is our number for it at the gateway: the idempotency key. The same order sent again refunds once, so it
    must be the same in every field. `payment_amount` is the whole sum that the payment collected.
    """

    refund_id: str
    attempt_id: str
    amount: int
    payment_amount: int
    currency: str
    reason: str
    notify_url: str


@dataclass(frozen=True, slots=True)
class RefundFact:
    """A gateway's word about one refund, whichever way it came: answer, notice, query or bill.

    Only `refund_id` and `state` are always there. `attempt_id`, `amount` and what else is there is compared, never
    trusted. `merchant_number` is None where the gateway's answer does not repeat it (it was asked on our own account).
    """

    refund_id: str
    state: RefundState
    raw_state: str
    merchant_number: str | None = None
    attempt_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    gateway_refund_id: str | None = None
    refunded_at: datetime | None = None


class Destination(enum.StrEnum):
    """Where an abnormal refund may be sent instead: another card of the buyer's, or back to the merchant's own."""

    BUYER_CARD = "buyer_card"
    MERCHANT_CARD = "merchant_card"


@dataclass(frozen=True, slots=True)
class Redirection:
    """Where the money of an abnormal refund is to go. The last three are needed for a buyer's card, kept nowhere."""

    refund_id: str
    gateway_refund_id: str
    to: Destination
    bank: str | None = None
    card_number: str | None = field(default=None, repr=False)
    card_holder: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified, decrypted notification. `notice_id` is the gateway's own id of it; `fact` is None
    for an event that says nothing about a payment or a refund."""

    notice_id: str
    kind: str
    fact: PaymentFact | RefundFact | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a notice cannot be proven, or that it can.

    `wrong` is one of `nothing`, `key`, `serial`, `time`, `body`, `account`; `finding` says what was seen and `cure`
    what to do about it.
    """

    wrong: str
    finding: Words
    cure: Words


@dataclass(frozen=True, slots=True)
class Answer:
    """The exact bytes a gateway expects as our answer to its notification."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class PlatformKey:
    """A public key of the gateway by which it proves its words, found by `serial`."""

    serial: str
    certificate_pem: str
    usable_from: datetime
    usable_until: datetime


class Channel(Protocol):
    """The verbs of a gateway. Network verbs raise Rejected, Unavailable, Uncertain or Untrusted, and nothing else."""

    name: str
    methods: Mapping[str, Method]
    merchant_number: str
    most_refunds: int
    """How many refunds of one payment the gateway takes."""
    notice_window: timedelta
    """How old a notice may be that is believed: the gateway signs when it was made."""

    def app_for(self, payer_app_id: str | None) -> str | None:
        """The app that a payment is collected for, if its buyer is under `payer_app_id` (None: under no app of ours).
        None where the account names no app for such payments."""
        ...

    async def prepare(self, charge: Charge) -> Prepared:
        """Ask the gateway to be ready to collect. Twice with the same charge is harmless. Raises
        Rejected(`payer_missing`, `unsupported_method`, `unsupported_option`, `unsupported_currency`) unsent."""
        ...

    def client_params(self, charge: Charge, prepared: Prepared) -> Mapping[str, str]:
        """What the host's pay function takes, signed now. Pure but for clock and nonce."""
        ...

    async def collect(self, charge: Charge, auth_code: str) -> PaymentFact:
        """Collect at once from a buyer whose payment code was scanned (a method that `scans_buyer`).

        PENDING: the buyer is asked for a password, or the gateway does not know yet: query until sure, then `reverse`.
        Rejected is a certain no. Anything else may have collected: query, never collect again under another number.
        """
        ...

    async def reverse(self, attempt_id: str, app_id: str) -> None:
        """Undo a collected or an open payment of a scanned code, so that it can never succeed: what was collected goes
        back to the buyer. Twice is harmless. An answer that is not yet final is Uncertain: reverse again. An unknown
        number is Rejected, recognised by `is_unknown_payment`, and so are those which cannot be reversed any more."""
        ...

    async def query(self, attempt_id: str) -> PaymentFact:
        """Ask what became of a payment. An unknown number is Rejected with code `ORDER_NOT_EXIST` or alike,
        recognised by `is_unknown_payment`."""
        ...

    async def close(self, attempt_id: str) -> None:
        """Close a payment so that it can never succeed. Closing a closed one is harmless;
        a paid one raises Rejected, recognised by `is_already_paid`."""
        ...

    def is_unknown_payment(self, error: Rejected) -> bool:
        """Whether a Rejected says that the gateway has never heard of this payment: up to now. After an Uncertain
        `prepare` it may still appear a moment later."""
        ...

    def is_already_paid(self, error: Rejected) -> bool:
        """Whether a Rejected says that the payment has been paid already (so: query it)."""
        ...

    async def refund(self, order: RefundOrder) -> RefundFact:
        """Send money back. Twice with the same order is harmless, so it is also how to ask again after an error.

        A plain yes only says that the gateway took it on; its result comes later. What is Uncertain here includes being
        turned away for asking too often (WeChat Pay v3, 5.4): it may have been taken on all the same.
        """
        ...

    async def query_refund(self, refund_id: str, attempt_id: str) -> RefundFact:
        """Ask what became of a payment's refund. An unknown number is Rejected, recognised by `is_unknown_refund`."""
        ...

    async def redirect_refund(self, redirection: Redirection) -> RefundFact:
        """Send an abnormal refund's money elsewhere. Raises Rejected(`unsupported`) where the gateway has no such
        call, or where what a buyer's card needs is missing."""
        ...

    def is_unknown_refund(self, error: Rejected) -> bool:
        """Whether a Rejected says that the gateway has never heard of this refund: up to now."""
        ...

    def is_no_for_now(self, error: Rejected) -> bool:
        """Whether the gateway may say yes to the same refund later, once something is mended: the merchant's balance
        is short, a permission is missing, our key is not known there. Any other certain no is for good."""
        ...

    def advice(self, code: str) -> Words | None:
        """What to do about one of the gateway's error codes (or ours), where that can be said."""
        ...

    def diagnose(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Diagnosis:
        """Why `parse_notify` refuses this notice, or that it would not have when it came. Header names are lower-case.
        Never raises."""
        ...

    async def fetch_platform_keys(self) -> tuple[PlatformKey, ...]:
        """The gateway's present certificates, each proven. Empty where the gateway has none to give
        (public-key merchants). The caller stores them and hands them back in the account's configuration."""
        ...

    def parse_notify(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify over the raw bytes, then decrypt, then read. Header names are lower-case.

        Raises Untrusted with a code that says which of it failed: `signature_missing`, `signature_probe`,
        `timestamp_stale`, `serial_unknown`, `signature_wrong`, `decryption_failed`; Rejected(`malformed`) for a
        body that is proven theirs but cannot be read.
        """
        ...

    def acknowledge(self, accepted: bool, reason: str = "") -> Answer:
        """The answer the gateway takes for yes, or for no (send again)."""
        ...
