"""A notice, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tongbao.payments import Decision
from tongbao.payments import Verdict as PaymentVerdict
from tongbao.refunds import Decision as RefundDecision
from tongbao.refunds import Verdict as RefundVerdict


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a notice: a code, the same in words, and whether the gateway may stop sending it."""

    code: str
    detail: str
    accepted: bool


_APPLIED = {
    PaymentVerdict.SUCCEEDED: "the payment succeeded and the order is paid",
    PaymentVerdict.SURPLUS: "the payment succeeded, but the order does not need it: it is surplus",
    PaymentVerdict.FAILED: "the payment failed",
    PaymentVerdict.CLOSED: "the payment was closed at the gateway",
    PaymentVerdict.REPEATED: "we knew this already: nothing moved",
    PaymentVerdict.DOUBTED: "we have reversed the payment: the gateway is asked whether that came later",
    PaymentVerdict.NO_NEWS: "the payment has no final state yet: nothing moved",
}

_REFUSED = {
    "signature_missing": "it carries no signature: it is not from the gateway",
    "signature_probe": "it is one of the gateway's own signature probes, which must be refused",
    "timestamp_stale": "its timestamp is too far from our clock: an old notice, or a wrong clock",
    "serial_unknown": "we have no key with the serial it names: check the account's platform key or certificates",
    "signature_wrong": "its signature does not fit its bytes: it was changed on the way, or is not from the gateway",
    "wrong_account": "it is signed by the gateway, but for another app or merchant than this account",
    "decryption_failed": "it does not decrypt with this account's symmetric key: another merchant's, or a wrong key",
    "malformed": "it is signed by the gateway, but cannot be read",
}


def refused(code: str) -> Verdict:
    """The verdict on a notice that is not proven, or cannot be read."""
    return Verdict(code, _REFUSED.get(code, "it is not proven to be from the gateway"), accepted=False)


def settled(decision: Decision) -> Verdict:
    """The verdict on a notice that was believed. What is held or unknown is asked for again."""
    if decision.verdict is PaymentVerdict.HELD:
        return Verdict("held", f"it does not match what we asked for ({decision.reason}): held", accepted=False)
    if decision.verdict is PaymentVerdict.MISMATCHED:
        detail = f"it contradicts a payment that is settled ({decision.reason}): nothing moved"
        return Verdict("mismatched", detail, accepted=False)
    if decision.verdict is PaymentVerdict.UNKNOWN_PAYMENT:
        return Verdict("unknown_payment", "we know no such payment on this account", accepted=False)
    return Verdict(decision.verdict.value, _APPLIED[decision.verdict], accepted=True)


def refund_settled(decision: RefundDecision) -> Verdict:
    """The verdict on a notice about a refund that was believed."""
    if decision.verdict is RefundVerdict.MISMATCHED:
        detail = f"it does not match the refund we asked for ({decision.reason}): nothing moved"
        return Verdict("mismatched", detail, accepted=False)
    if decision.verdict is RefundVerdict.UNKNOWN_REFUND:
        return Verdict("unknown_refund", "we know no such refund on this account", accepted=False)
    if decision.verdict is RefundVerdict.MOVED:
        return Verdict(f"refund_{decision.state}", f"the refund is {decision.state}", accepted=True)
    return Verdict(decision.verdict.value, "we knew this already: nothing moved", accepted=True)


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice as it is kept. Field names are the columns' names."""

    merchant_id: str
    notice_id: str
    account_id: str
    received_at: datetime
    headers: dict[str, str]
    body: bytes
    verdict: str
    detail: str
    attempt_id: str | None
    refund_id: str | None = None
