"""The verbs of WeChat Pay v3. Each ends in `_call`, which signs, sends, verifies, and sorts every failure."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

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
from tongbao.channels.wechatpay import diagnosis, errors, signing, wire
from tongbao.channels.wechatpay.account import Account, certificate_key
from tongbao.channels.wechatpay.advice import ADVICE
from tongbao.channels.wechatpay.methods import METHODS
from tongbao.channels.wechatpay.signing import PaySignature, TrustedKey
from tongbao.kit.errors import Rejected, Unavailable, Uncertain, Untrusted
from tongbao.kit.words import Words

_SCHEME = "WECHATPAY2-SHA256-RSA2048"
_PREPARE = "/v3/pay/transactions/"
_COLLECT = "/v3/pay/transactions/codepay"
_PAYMENT = "/v3/pay/transactions/out-trade-no/"
_REFUND = "/v3/refund/domestic/refunds"
_CERTIFICATES = "/v3/certificates"

# A prepayment token or a code lives two hours, the address of an h5 payment five minutes (2.1). The margin is for the
# buyer who is just about to type a password, or whose browser is on its way.
_TOKEN_LIFE = timedelta(hours=2) - timedelta(minutes=5)
_ADDRESS_LIFE = timedelta(minutes=5) - timedelta(seconds=30)
_REVERSIBLE = timedelta(days=7)  # (2.3)
_CONNECT_TIMEOUT_SECONDS = 3.0
# An answer that was never compressed is verified over the very bytes that came.
_SKIPPED_HEADERS = ("Accept-Encoding",)
_ACCEPTED = Answer(200, '{"code":"SUCCESS","message":"成功"}'.encode())

_Value = TypeVar("_Value")


class WeChatPay:
    """WeChat Pay v3 for one merchant account."""

    name = "wechatpay"
    methods = METHODS
    most_refunds = 50  # of one payment (5.3)
    notice_window = signing.CLOCK_TOLERANCE

    def __init__(self, account: Account, transport: aiohttp.ClientSession, clock: Callable[[], datetime]) -> None:
        self.merchant_number = account.merchant_number
        self._account = account
        self._transport = transport
        self._clock = clock
        self._headers = _fixed_headers(account)
        self._timeout = aiohttp.ClientTimeout(
            total=account.timeout_seconds, connect=min(_CONNECT_TIMEOUT_SECONDS, account.timeout_seconds / 2)
        )
        self._query_tail = f"?mchid={account.merchant_number}"
        self._close_body = wire.close_body(account.merchant_number)

    def app_for(self, payer_app_id: str | None) -> str | None:
        """The payer's own app, under which their openid holds; else the one that the account names."""
        return payer_app_id or self._account.app_id

    async def prepare(self, charge: Charge) -> Prepared:
        """Create the order, or get a fresh token for the one that is there (2.1): twice is harmless."""
        body = wire.order_body(charge, self.merchant_number)
        usable_until = self._clock() + (_ADDRESS_LIFE if charge.method == "h5" else _TOKEN_LIFE)
        answer = await self._call("POST", _PREPARE + charge.method, body)
        return Prepared(_read(partial(wire.token, charge.method), answer), usable_until)

    def client_params(self, charge: Charge, prepared: Prepared) -> Mapping[str, str]:
        """Exactly what the client takes: `wx.requestPayment`, an app's SDK, a QR code or a browser (2.1, 3.1)."""
        sign = partial(self._sign_pay_call, charge.app_id)
        return wire.client_params(charge, prepared.token, self.merchant_number, sign)

    async def collect(self, charge: Charge, auth_code: str) -> PaymentFact:
        """Collect from a scanned payment code (2.3). No notice follows: the answer is the result, or a query's is."""
        body = wire.code_body(charge, auth_code, self.merchant_number)
        try:
            answer = await self._call("POST", _COLLECT, body, moves_money=True)
        except Uncertain as error:
            if not errors.is_awaiting_buyer(error):
                raise
            return wire.awaited(charge, self.merchant_number)
        return _read_payment(answer, charge.attempt_id)

    async def reverse(self, attempt_id: str, app_id: str) -> None:
        """Undo a payment of a scanned code (2.3). Once reversed it stays so, and again is answered the same."""
        body = wire.reversal_body(app_id, self.merchant_number)
        try:
            answer = await self._call("POST", _payment(attempt_id, "/reverse"), body, moves_money=True)
        except Rejected as error:
            await self._judge_reversal(attempt_id, error)
        else:
            _check_subject(attempt_id, _read(wire.reversed_attempt, answer))

    async def query(self, attempt_id: str) -> PaymentFact:
        """Ask what became of a payment (2.5)."""
        return _read_payment(await self._call("GET", _payment(attempt_id, self._query_tail)), attempt_id)

    async def close(self, attempt_id: str) -> None:
        """Close a payment (2.7). Once closed it stays closed, and closing it again is answered the same."""
        await self._call("POST", _payment(attempt_id, "/close"), self._close_body)

    def is_unknown_payment(self, error: Rejected) -> bool:
        """Whether they have never heard of the payment."""
        return error.code == errors.ORDER_NOT_EXIST

    def is_already_paid(self, error: Rejected) -> bool:
        """Whether it has been paid already."""
        return error.code == errors.ORDER_PAID

    async def refund(self, order: RefundOrder) -> RefundFact:
        """Send money back, or learn what became of it (5.1): the same bytes under the same number refund once."""
        answer = await self._call("POST", _REFUND, wire.refund_body(order), moves_money=True)
        return _read_refund(answer, order.refund_id)

    async def query_refund(self, refund_id: str, attempt_id: str) -> RefundFact:
        """Ask what became of a refund (5.2): they find it by its own number alone."""
        answer = await self._call("GET", f"{_REFUND}/{quote(refund_id, safe='')}")
        return _read_refund(answer, refund_id)

    async def redirect_refund(self, redirection: Redirection) -> RefundFact:
        """Send an abnormal refund to another card (5.2). Number and holder of a buyer's leave here encrypted only."""
        serial, key = signing.newest_key(self._account.platform_keys, self._clock())
        body = wire.redirection_body(redirection, lambda secret: signing.encrypt(key, secret))
        target = f"{_REFUND}/{quote(redirection.gateway_refund_id, safe='')}/apply-abnormal-refund"
        answer = await self._call("POST", target, body, moves_money=True, serial=serial)
        return _read_refund(answer, redirection.refund_id)

    def is_unknown_refund(self, error: Rejected) -> bool:
        """Whether they have never heard of the refund. As an answer to `refund` it says so of the payment."""
        return error.code == errors.RESOURCE_NOT_EXISTS

    def is_no_for_now(self, error: Rejected) -> bool:
        """Whether the merchant can mend what the refund was refused for."""
        return errors.is_no_for_now(error)

    def advice(self, code: str) -> Words | None:
        """What to do about an error code of theirs, or of ours."""
        return ADVICE.get(code)

    async def fetch_platform_keys(self) -> tuple[PlatformKey, ...]:
        """Download the platform's certificates (1.5); none for a merchant who has a public key instead.

        The answer may be signed with a certificate that only it contains. So it is opened first, which nobody can
        prepare without our APIv3 key, and verified with what was in it.
        """
        status, headers, answer = await self._send("GET", _CERTIFICATES)
        offered, keys = self._open_certificates(answer) if status == 200 else ((), {})
        doubt = signing.find_doubt(headers, answer, {**keys, **self._account.platform_keys}, self._clock())
        error = errors.sort_answer(status, answer, doubt)
        if error and not (isinstance(error, Rejected) and error.code == errors.RESOURCE_NOT_EXISTS):
            raise error
        return offered

    def parse_notify(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify over the raw bytes, then open, then read (4.2). Nothing is compared: no order is known here."""
        doubt = signing.find_doubt(headers, body, self._account.platform_keys, self._clock())
        if doubt:
            raise doubt
        try:
            envelope = wire.envelope(body)
            return wire.notice(envelope, signing.unseal(self._account.cipher, envelope.sealed))
        except ValueError as error:
            raise Rejected("malformed", str(error)) from None

    def diagnose(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Diagnosis:
        """Which of key, serial, time, body or account is wrong with a notice."""
        return diagnosis.diagnose(self._account, headers, body, received_at)

    def acknowledge(self, accepted: bool, reason: str = "") -> Answer:
        """200 is yes; 400 makes them send again, fifteen times over a day (4.2)."""
        if accepted:
            return _ACCEPTED
        return Answer(400, orjson.dumps({"code": "FAIL", "message": reason[:64]}))

    async def _judge_reversal(self, attempt_id: str, refusal: Rejected) -> None:
        if refusal.code in errors.ENDED:
            return
        if refusal.code in errors.WHENEVER:
            raise refusal
        # One word of theirs refuses what is too early, what is too late, and what is over already: ask which it is.
        fact = await self.query(attempt_id)
        if fact.state is PaymentState.CLOSED:
            return
        if fact.paid_at and self._clock() - fact.paid_at > _REVERSIBLE:
            raise refusal
        raise Uncertain(refusal.code, refusal.message, refusal.http_status)

    def _sign_pay_call(self, app_id: str, order: str) -> PaySignature:
        timestamp, nonce = self._timestamp(), _nonce()
        message = signing.pay_message(app_id, timestamp, nonce, order)
        return PaySignature(timestamp, nonce, signing.sign(self._account.private_key, message))

    def _open_certificates(self, answer: bytes) -> tuple[tuple[PlatformKey, ...], dict[str, TrustedKey]]:
        try:
            offered = tuple(
                wire.platform_key(offer, signing.unseal(self._account.cipher, offer.sealed))
                for offer in wire.certificate_offers(answer)
            )
            return offered, {key.serial: certificate_key(key.certificate_pem) for key in offered}
        except ValueError as error:
            raise Untrusted("malformed", str(error)) from None

    async def _call(
        self, method: str, target: str, body: bytes = b"", *, moves_money: bool = False, serial: str | None = None
    ) -> bytes:
        status, headers, answer = await self._send(method, target, body, serial)
        doubt = signing.find_doubt(headers, answer, self._account.platform_keys, self._clock())
        error = errors.sort_answer(status, answer, doubt, moves_money=moves_money)
        if error:
            raise error
        return answer

    async def _send(
        self, method: str, target: str, body: bytes = b"", serial: str | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        # The serial names the key that what is secret in the body was encrypted with (1.8).
        named = {"Wechatpay-Serial": serial} if serial else {}
        request = self._transport.request(
            method,
            URL(self._account.base_url + target, encoded=True),
            data=body or None,
            headers={**self._headers, **named, "Authorization": self._authorization(method, target, body)},
            skip_auto_headers=_SKIPPED_HEADERS,
            allow_redirects=False,
            timeout=self._timeout,
        )
        try:
            async with request as response:
                return response.status, response.headers, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable("unreachable", type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            # From here on the request may have arrived, whatever broke afterwards.
            raise Uncertain("no_answer", type(error).__name__) from None

    def _authorization(self, method: str, target: str, body: bytes) -> str:
        account, timestamp, nonce = self._account, self._timestamp(), _nonce()
        message = signing.request_message(method, target, timestamp, nonce, body)
        signature = signing.sign(account.private_key, message)
        return (
            f'{_SCHEME} mchid="{account.merchant_number}",nonce_str="{nonce}",timestamp="{timestamp}",'
            f'serial_no="{account.merchant_serial}",signature="{signature}"'
        )

    def _timestamp(self) -> str:
        return str(int(self._clock().timestamp()))


def _fixed_headers(account: Account) -> dict[str, str]:
    headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "tongbao"}
    if account.public_key_id:
        # Asks for answers signed with the public key while a merchant still has certificates too (1.6).
        headers["Wechatpay-Serial"] = account.public_key_id
    return headers


def _nonce() -> str:
    return secrets.token_hex(16)


def _read(reader: Callable[[bytes], _Value], answer: bytes) -> _Value:
    try:
        return reader(answer)
    except ValueError as error:
        raise Uncertain("malformed", str(error)) from None


def _payment(attempt_id: str, tail: str) -> str:
    return _PAYMENT + quote(attempt_id, safe="") + tail


def _read_payment(answer: bytes, attempt_id: str) -> PaymentFact:
    fact = _read(wire.payment_fact, answer)
    _check_subject(attempt_id, fact.attempt_id)
    return fact


def _read_refund(answer: bytes, refund_id: str) -> RefundFact:
    fact = _read(wire.refund_answer, answer)
    _check_subject(refund_id, fact.refund_id)
    return fact


def _check_subject(asked: str, answered: str) -> None:
    # An answer's signature does not cover the question: an answer to another one could be played back to us.
    if asked != answered:
        raise Untrusted("answer_mismatch", f"asked about {asked}, answered about something else")
