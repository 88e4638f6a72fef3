"""The one call to Alipay's gateway: sign, send, verify, open, and sort every failure. What browsers and apps carry
there themselves is signed here too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from yarl import URL

from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted
from tongbao.protocols.alipay import certificates, errors, keys, signing, wire
from tongbao.protocols.alipay.certificates import Certificate
from tongbao.protocols.alipay.keys import Keys, TrustedKey
from tongbao.protocols.alipay.wire import Answer

_CONNECT_TIMEOUT_SECONDS = 3.0
# The character set stands in the address too: their gateway must know it before it can decode the form.
_PATH = "/gateway.do"
_POST = f"{_PATH}?charset=utf-8"
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8", "User-Agent": "tongbao"}
# An answer that was never compressed is verified over the very bytes that came.
_SKIPPED_HEADERS = ("Accept-Encoding",)
_MOST_LEARNED = 8
_DOWNLOAD_PAUSE = timedelta(minutes=1)

_Value = TypeVar("_Value")
_log = structlog.get_logger(__name__)


class Client:
    """Alipay's OpenAPI for one app."""

    def __init__(
        self,
        app_keys: Keys,
        base_url: str,
        transport: aiohttp.ClientSession,
        clock: Callable[[], datetime],
        timeout_seconds: float,
    ) -> None:
        self._keys = app_keys
        self._alipay_keys = dict(app_keys.alipay_keys)
        self._learned: dict[str, Certificate] = {}
        self._asked: dict[str, tuple[datetime, Untrusted]] = {}
        self._learning = asyncio.Lock()
        self._page = base_url + _PATH
        self._url = URL(base_url + _POST)
        self._transport = transport
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, connect=min(_CONNECT_TIMEOUT_SECONDS, timeout_seconds / 2)
        )
        self._fixed = _fixed_fields(app_keys)

    async def call(
        self,
        method: str,
        biz: Mapping[str, Any] | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        notify_url: str | None = None,
    ) -> Mapping[str, Any]:
        """Ask the gateway, and return the fields of its plain yes (code 10000, or none where the method has none).

        `biz` is sent as the request's content, sealed where the app has an AES key; `fields` beside it, unsealed.
        Raises Rejected (a proven no; of a log-in an unsigned one too), Unavailable, Uncertain (code `10003` among
        them: made, and waiting for the buyer) or Untrusted. `code` is theirs: the `sub_code`, or else the `code`.
        """
        answer = await self._ask(method, biz, fields, notify_url)
        doubt = await self._doubt_of(answer)
        value = self._opened(answer, doubt)
        error = errors.sort_answer(method, value, is_own=answer.is_own, doubt=doubt)
        if error:
            raise error
        return value

    def order_string(self, method: str, biz: Mapping[str, Any], *, notify_url: str | None = None) -> str:
        """What an app hands to Alipay's SDK (4.7). Signed here; nothing is sent."""
        return urlencode(self._signed(method, biz, {}, notify_url, seals=False))

    def page_url(
        self, method: str, biz: Mapping[str, Any], *, notify_url: str | None = None, return_url: str | None = None
    ) -> str:
        """Where a browser is sent (1.3). Signed here; nothing is sent."""
        back = {"return_url": return_url} if return_url else {}
        return f"{self._page}?{urlencode(self._signed(method, biz, back, notify_url, seals=False))}"

    def verify_form(self, body: bytes) -> Mapping[str, str]:
        """The fields of a notification that is proven Alipay's (7.3); its age and app are for the caller to look at.

        Raises Untrusted `signature_missing` or `signature_wrong`; Rejected(`malformed`) for one that is proven theirs
        but cannot be read.
        """
        try:
            form = wire.read_form(body)
        except ValueError as error:
            raise Untrusted("signature_wrong", str(error)) from None
        if form.get(b"sign_type") != b"RSA2":
            raise Untrusted("signature_wrong", "sign_type is not RSA2")
        self._prove(signing.form_messages(form.raw), form.get(b"sign"))
        try:
            return form.texts()
        except ValueError as error:
            raise Rejected("malformed", str(error)) from None

    def open_sealed(self, response: str, signature: str | None) -> Mapping[str, Any]:
        """The fields of what Alipay handed a mini-program, sealed and signed, for its server (6.3).

        Raises Untrusted (`signature_missing`, `signature_wrong`, `decryption_failed`) and Rejected with their sub-code
        where it says no, or `malformed`. A no is not sealed, and not proven: it is believed, since it gives nothing.
        """
        is_plain = response.lstrip().startswith("{")
        if not is_plain:
            self._prove([f'"{response}"'.encode()], signature)
        try:
            value = wire.json_object(response.encode() if is_plain else signing.unseal(self._keys.aes_key, response))
        except ValueError as error:
            raise Rejected("malformed", str(error)) from None
        if is_plain or value.get("code") != errors.PROCESSED:
            raise Rejected(
                str(value.get("subCode") or value.get("code") or "malformed")[:64], str(value.get("subMsg", ""))[:256]
            )
        return value

    def usable_keys(self, at: datetime) -> list[RSAPublicKey]:
        """Alipay's keys that prove something at this moment, learned ones too."""
        return [trusted.key for trusted in self._alipay_keys.values() if trusted.is_usable(at)]

    def learned(self) -> tuple[Certificate, ...]:
        """The certificates that Alipay proved itself with and that were not among the settings, each proven."""
        return tuple(self._learned.values())

    async def _ask(
        self, method: str, biz: Mapping[str, Any] | None, fields: Mapping[str, str] | None, notify_url: str | None
    ) -> Answer:
        form = urlencode(self._signed(method, biz, fields or {}, notify_url, seals=True)).encode()
        status, body = await self._send(form)
        if status != 200:
            raise Uncertain("malformed", "", status)
        try:
            return wire.read_answer(body, method)
        except ValueError as error:
            raise Uncertain("malformed", str(error), status) from None

    async def _send(self, form: bytes) -> tuple[int, bytes]:
        request = self._transport.post(
            self._url,
            data=form,
            headers=_HEADERS,
            skip_auto_headers=_SKIPPED_HEADERS,
            allow_redirects=False,
            timeout=self._timeout,
        )
        try:
            async with request as response:
                return response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable("unreachable", type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            # From here on the request may have arrived, whatever broke afterwards.
            raise Uncertain("no_answer", type(error).__name__) from None

    def _signed(
        self,
        method: str,
        biz: Mapping[str, Any] | None,
        more: Mapping[str, str],
        notify_url: str | None,
        *,
        seals: bool,
    ) -> dict[str, str]:
        """A request's fields. An empty one is left out: whether it is signed differs by who reads it (1.4)."""
        fields = {**self._fixed, "method": method, "timestamp": wire.to_time(self._clock()), **more}
        if notify_url:
            fields["notify_url"] = notify_url
        if (plaintext := wire.content(biz)) is not None:
            key = self._keys.aes_key if seals else None
            wire.with_content(fields, signing.seal(key, plaintext) if key else plaintext.decode(), is_sealed=bool(key))
        fields["sign"] = signing.sign(self._keys.private_key, signing.request_message(fields))
        return fields

    async def _doubt_of(self, answer: Answer) -> Untrusted | None:
        """Why an answer is not proven theirs, or None where it is."""
        if answer.signature is None:
            return Untrusted("signature_missing")
        serial = (answer.certificate_serial or "-") if self._keys.certificate_mode else ""
        try:
            trusted = self._alipay_keys.get(serial) or await self._learn(serial)
        except Untrusted as refused:
            return refused
        if doubt := trusted.doubt(self._clock()):
            return doubt
        if not signing.is_signed(trusted.key, answer.value, answer.signature):
            return Untrusted("signature_wrong")
        return None

    async def _learn(self, serial: str) -> TrustedKey:
        """Download the certificate that Alipay names, and believe it if it is proven to be Alipay's (1.6).

        One is asked for at a time, and once a minute: whoever waited finds it here, or why it is not believed. Raises
        Untrusted as `keys.prove` does.
        """
        mode, now = self._keys.certificate_mode, self._clock()
        unknown = Untrusted("serial_unknown", f"no certificate {serial[:64]!r}")
        if mode is None or not certificates.is_serial(serial):
            raise unknown
        async with self._learning:
            if serial in self._alipay_keys:
                return self._alipay_keys[serial]
            asked_at, doubt = self._asked.get(serial, (None, unknown))
            if asked_at is not None and now < asked_at + _DOWNLOAD_PAUSE:
                raise Untrusted(doubt.code, doubt.message)
            _keep(self._asked, serial, (now, unknown))
            try:
                certificate, trusted = keys.prove(mode, serial, await self._download(serial), now)
            except Untrusted as refused:
                _log.warning("alipay_certificate_not_learned", serial=serial, reason=str(refused))
                _keep(self._asked, serial, (now, refused))
                raise
            for forgotten in _keep(self._learned, serial, certificate):
                del self._alipay_keys[forgotten]
            self._alipay_keys[serial] = trusted
            return trusted

    async def _download(self, serial: str) -> str:
        try:
            answer = await self._ask(wire.CERTIFICATE_DOWNLOAD, wire.certificate_wish(serial), None, None)
            return wire.certificate_pem(self._opened(answer, None))
        except (ChannelError, ValueError) as error:
            raise Untrusted("serial_unknown", f"certificate {serial} was not to be had: {error}") from None

    def _opened(self, answer: Answer, doubt: Untrusted | None) -> Mapping[str, Any]:
        is_sealed = answer.value.startswith(b'"')
        if is_sealed and doubt:
            raise doubt
        try:
            plaintext = (
                signing.unseal(self._keys.aes_key, wire.json_string(answer.value)) if is_sealed else answer.value
            )
            return wire.json_object(plaintext)
        except ValueError as error:
            raise Uncertain("malformed", str(error)) from None

    def _prove(self, messages: list[bytes], signature: str | bytes | None) -> None:
        if not signature:
            raise Untrusted("signature_missing")
        usable = self.usable_keys(self._clock())
        if not any(signing.is_signed(key, message, signature) for message in messages for key in usable):
            raise Untrusted("signature_wrong")


def _fixed_fields(app_keys: Keys) -> dict[str, str]:
    fields = {"app_id": app_keys.app_id, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2", "version": "1.0"}
    if mode := app_keys.certificate_mode:
        fields |= {"app_cert_sn": mode.app_serial, "alipay_root_cert_sn": mode.root_serial}
    return fields


def _keep(newest: dict[str, _Value], name: str, value: _Value) -> list[str]:
    """Add to what is kept, which is not much; returns the names of what gave way to it, the oldest."""
    newest[name] = value
    gone = list(newest)[:-_MOST_LEARNED]
    for old in gone:
        del newest[old]
    return gone
