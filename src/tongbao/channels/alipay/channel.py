"""The verbs of Alipay. Each that asks ends in `_call`; `protocols.alipay` signs, sends, verifies, sorts failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import aiohttp

from tongbao.channels.alipay import diagnosis, errors, wire
from tongbao.channels.alipay.account import Account
from tongbao.channels.alipay.advice import ADVICE
from tongbao.channels.alipay.methods import METHODS
from tongbao.channels.model import (
    Answer,
    Charge,
    Diagnosis,
    Notice,
    PaymentFact,
    PaymentState,
    PlatformKey,
    Prepared,
    Redirection,
    RefundFact,
    RefundOrder,
)
from tongbao.kit.errors import Rejected, Uncertain, Untrusted
from tongbao.kit.words import Words
from tongbao.protocols import alipay

# A code to be scanned lives two hours (4.6); the margin is for the buyer who is just about to type a password.
_CODE_LIFE = timedelta(hours=2) - timedelta(minutes=5)
_TEXT = "text/plain"
_ACCEPTED = Answer(200, b"success", _TEXT)
_REFUSED = Answer(400, b"failure", _TEXT)

_Value = TypeVar("_Value")


class Alipay:
    """Alipay for one merchant account."""

    name = "alipay"
    methods = METHODS
    # They publish no limit (4.11). So many are sent that no honest payment needs more, and one mistake in a merchant's
    # loop ends.
    most_refunds = 50
    # They send again over 25 hours (7.1), and the machines of both sides may stand still in between.
    notice_window = timedelta(hours=48)

    def __init__(self, account: Account, transport: aiohttp.ClientSession, clock: Callable[[], datetime]) -> None:
        self.merchant_number = account.merchant_number
        self._app_id = account.keys.app_id
        self._keys = account.keys
        self._clock = clock
        self._client = alipay.Client(account.keys, account.base_url, transport, clock, account.timeout_seconds)

    def app_for(self, payer_app_id: str | None) -> str:
        """The account's own app: it may collect from the buyers of any other of the merchant's (4.4)."""
        return self._app_id

    async def prepare(self, charge: Charge) -> Prepared:
        """Make the trade or its code, or find the one that is there (4.4): twice is harmless. What is carried by the
        buyer's browser or app is only looked at."""
        biz = wire.order(charge)
        if METHODS[charge.method].is_local:
            return Prepared("", charge.expires_at)
        usable_until = charge.expires_at
        if charge.method == "precreate":
            usable_until = min(usable_until, self._clock() + _CODE_LIFE)
        answer = await self._call(wire.INTERFACES[charge.method], biz, charge.attempt_id, charge.notify_url)
        return Prepared(_read(wire.token, charge.method, answer), usable_until)

    def client_params(self, charge: Charge, prepared: Prepared) -> Mapping[str, str]:
        """What `my.tradePay` takes, an app's SDK, a browser, or whoever shows the code; of a scanned code nothing."""
        method = METHODS[charge.method]
        if method.scans_buyer:
            return {}
        return wire.client_params(charge.method, self._signed(charge) if method.is_local else prepared.token)

    async def collect(self, charge: Charge, auth_code: str) -> PaymentFact:
        """Collect from a scanned payment code at once (4.5), or while the buyer is asked for the password."""
        biz = wire.code_order(charge, auth_code)
        try:
            answer = await self._call(wire.PAY, biz, charge.attempt_id, charge.notify_url)
        except Uncertain as error:
            if error.code != errors.IN_PROCESS:
                raise
            return wire.waiting_fact(charge.attempt_id, error.code, self.merchant_number, self._app_id)
        return _read(wire.paid_fact, answer, self.merchant_number, self._app_id)

    async def reverse(self, attempt_id: str, app_id: str) -> None:
        """Cancel a trade (4.10): an open one is closed, a paid one goes back whole. Twice is harmless."""
        answer = await self._call(wire.CANCEL, wire.trade(attempt_id), attempt_id)
        if _read(wire.must_cancel_again, answer):
            raise Uncertain("retry", "the cancellation is not done yet")
        if not wire.was_cancelled(answer):
            raise Rejected(errors.TRADE_NOT_EXIST, "nothing was there to cancel")

    async def query(self, attempt_id: str) -> PaymentFact:
        """Ask what became of a payment (4.8)."""
        answer = await self._call(wire.QUERY, wire.trade(attempt_id), attempt_id)
        return _read(wire.queried_fact, answer, self.merchant_number, self._app_id)

    async def close(self, attempt_id: str) -> None:
        """Close a payment (4.9). A refusal does not tell one that is paid from one that is closed: a query does."""
        try:
            await self._call(wire.CLOSE, wire.trade(attempt_id), attempt_id)
        except Rejected as error:
            if error.code not in errors.NOT_OPEN:
                raise
            await self._check_closed(attempt_id, error)

    def is_unknown_payment(self, error: Rejected) -> bool:
        """Whether there is no such trade, up to now: of a late method there is none until the buyer comes (4.3)."""
        return error.code == errors.TRADE_NOT_EXIST

    def is_already_paid(self, error: Rejected) -> bool:
        """Whether it has been paid already."""
        return error.code == errors.TRADE_HAS_SUCCESS

    async def refund(self, order: RefundOrder) -> RefundFact:
        """Send money back (4.11); the same number refunds once. Where no money moved in this call, a query tells
        whether it had moved before, or is still to."""
        answer = await self._call(wire.REFUND, wire.refund(order), order.attempt_id)
        return _read(wire.refunded_fact, answer, order) or await self._follow(order)

    async def query_refund(self, refund_id: str, attempt_id: str) -> RefundFact:
        """Ask what became of a refund (4.12). They have no word for one that is under way, did not work out or never
        reached them: each is as unknown, and may be sent again under its number."""
        fact = await self._ask_refund(refund_id, attempt_id)
        if fact is None:
            raise Rejected("refund_unknown", "they do not say that it succeeded")
        return fact

    async def redirect_refund(self, redirection: Redirection) -> RefundFact:
        """They have no such call: what cannot reach the buyer comes back to the merchant by itself."""
        raise Rejected("unsupported", "Alipay cannot send a refund elsewhere")

    def is_unknown_refund(self, error: Rejected) -> bool:
        """Whether they do not know that the refund succeeded. As an answer to `refund`: no such payment."""
        return error.code in (errors.REFUND_UNKNOWN, errors.TRADE_NOT_EXIST)

    def is_no_for_now(self, error: Rejected) -> bool:
        """Whether the merchant can mend what the refund was refused for."""
        return error.code in errors.MENDABLE

    def advice(self, code: str) -> Words | None:
        """What to do about an error code of theirs, or of ours."""
        return ADVICE.get(code)

    async def fetch_platform_keys(self) -> tuple[PlatformKey, ...]:
        """The certificates that were learned since the account was opened: their answers name them, and nobody can ask
        which there are (1.6)."""
        return tuple(
            PlatformKey(one.serial, one.pem, one.usable_from, one.usable_until) for one in self._client.learned()
        )

    def parse_notify(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify over the fields as they came, then see for whom and of when it is, then read (7.3)."""
        fields = self._client.verify_form(body)
        if wire.told_app(fields) != self._app_id:
            raise Untrusted("wrong_account", "it is proven, and for another app")
        told_at = wire.told_at(fields)
        if told_at is None or told_at < self._clock() - self.notice_window:
            raise Untrusted("timestamp_stale", f"made at {told_at}, and {self.notice_window} are allowed")
        try:
            return wire.notice(fields)
        except ValueError as error:
            raise Rejected("malformed", str(error)) from None

    def diagnose(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Diagnosis:
        """Which of key, serial, time, body or account is wrong with a notice."""
        oldest = received_at - self.notice_window
        return diagnosis.diagnose(self._keys, self._client.usable_keys(received_at), body, oldest)

    def acknowledge(self, accepted: bool, reason: str = "") -> Answer:
        """Seven bytes are yes; anything else makes them send again (7.1)."""
        return _ACCEPTED if accepted else _REFUSED

    def _signed(self, charge: Charge) -> str:
        interface, biz = wire.INTERFACES[charge.method], wire.order(charge)
        if charge.method == "app":
            return self._client.order_string(interface, biz, notify_url=charge.notify_url)
        return self._client.page_url(interface, biz, notify_url=charge.notify_url, return_url=charge.return_url)

    async def _check_closed(self, attempt_id: str, refused: Rejected) -> None:
        fact = await self.query(attempt_id)
        if fact.state is PaymentState.SUCCEEDED:
            raise Rejected(errors.TRADE_HAS_SUCCESS, refused.message) from None
        if fact.state is not PaymentState.CLOSED:
            raise Uncertain(refused.code, f"it would not be closed, and is {fact.raw_state}") from None

    async def _follow(self, order: RefundOrder) -> RefundFact:
        try:
            return await self._ask_refund(order.refund_id, order.attempt_id) or wire.refund_under_way(order)
        except Rejected as error:
            # The question was turned down; the refund was taken on.
            raise Uncertain(error.code, error.message) from None

    async def _ask_refund(self, refund_id: str, attempt_id: str) -> RefundFact | None:
        answer = await self._call(wire.REFUND_QUERY, wire.refund_question(refund_id, attempt_id), attempt_id)
        _check_subject(refund_id, _read(wire.refund_in, answer))
        return _read(wire.queried_refund, answer)

    async def _call(
        self, interface: str, biz: Mapping[str, object], attempt_id: str, notify_url: str | None = None
    ) -> Mapping[str, Any]:
        answer = await self._client.call(interface, biz, notify_url=notify_url)
        _check_subject(attempt_id, _read(wire.attempt_in, answer))
        return answer


def _read(reader: Callable[..., _Value], *values: object) -> _Value:
    try:
        return reader(*values)
    except ValueError as error:
        raise Uncertain("malformed", str(error)) from None


def _check_subject(asked: str, answered: str | None) -> None:
    # An answer's signature does not cover the question: an answer to another one could be played back to us.
    if answered not in (None, asked):
        raise Untrusted("answer_mismatch", f"asked about {asked}, answered about something else")
