"""Notifications as bytes: signed forms, and every way to spoil them (protocol 7)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tongbao_sandbox.alipay import authority, signing
from tongbao_sandbox.alipay.answers import stamp
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.courier import STALE, TRUE, Letter

UNSIGNED = ("sign", "sign_type")
STALE_SECONDS = 600

Form = dict[str, str]
Writing = Callable[[App, Form, bool, float], Letter]
"""Signs a form's fields now, in certificate mode or not, and perhaps spoils it."""


def signed(app: App, form: Form, certified: bool, now: float) -> Letter:
    """The form as it is to be believed."""
    return _posted(_signed(app, form, certified, now))


def signed_url(app: App, url: str, parameters: Mapping[str, str], *, certified: bool) -> str:
    """A browser's way back to the merchant: `url` with the parameters and their signature (protocol 4.7)."""
    text = signing.parameters_text(parameters, UNSIGNED).encode()
    query = urlencode({**parameters, "sign": app.sign(text, certified=certified)})
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _signed(app: App, form: Form, certified: bool, now: float) -> Form:
    dated = {**form, "notify_time": stamp(now)}
    text = signing.parameters_text(dated, UNSIGNED).encode()
    return {**dated, "sign": app.sign(text, certified=certified)}


def _posted(form: Form) -> Letter:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": "Mozilla/4.0"}
    return Letter(headers, urlencode(form).encode())


def _changed(name: str) -> Writing:
    """A field says something else than what was signed; a field that is not there is added."""

    def write(app: App, form: Form, certified: bool, now: float) -> Letter:
        letter = _signed(app, form, certified, now)
        return _posted({**letter, name: _other(name, letter.get(name, ""))})

    return write


def _other(name: str, value: str) -> str:
    """Something else of the same shape."""
    if name == "trade_status":
        return "TRADE_SUCCESS" if value != "TRADE_SUCCESS" else "TRADE_FINISHED"
    if not value:
        return "1"
    last = value[-1]
    return value[:-1] + ("1" if last == "0" else "0" if last.isdigit() else "x" if last != "x" else "y")


def _any_changed(app: App, form: Form, certified: bool, now: float) -> Letter:
    """One field, whichever, changes on the way."""
    return _changed(secrets.choice(sorted(set(form) - set(UNSIGNED))))(app, form, certified, now)


def _bad_signature(app: App, form: Form, certified: bool, now: float) -> Letter:
    """A byte of the signature changes; it is still good base64."""
    letter = _signed(app, form, certified, now)
    raw = bytearray(base64.b64decode(letter["sign"]))
    raw[secrets.randbelow(len(raw))] ^= 1
    return _posted({**letter, "sign": base64.b64encode(raw).decode()})


def _without_signature(app: App, form: Form, certified: bool, now: float) -> Letter:
    """Nobody signed it."""
    letter = _signed(app, form, certified, now)
    return _posted({name: value for name, value in letter.items() if name != "sign"})


def _strangely_signed(app: App, form: Form, certified: bool, now: float) -> Letter:
    """Signed by somebody who is not Alipay."""
    dated = {**form, "notify_time": stamp(now)}
    text = signing.parameters_text(dated, UNSIGNED).encode()
    return _posted({**dated, "sign": signing.sign(stranger(), text)})


def _stale(app: App, form: Form, certified: bool, now: float) -> Letter:
    """Truly signed, ten minutes ago: a replay."""
    return signed(app, form, certified, now - STALE_SECONDS)


@cache
def stranger() -> RSAPrivateKey:
    """A key that is nobody's."""
    return authority.new_key()


_PAYMENT = ("total_amount", "trade_status", "out_trade_no", "trade_no", "app_id", "seller_id", "buyer_pay_amount",
            "notify_id", "notify_time", "notify_type", "subject", "added")  # fmt: skip
_REFUND = ("refund_fee", "out_biz_no", "gmt_refund")
WRITINGS: Mapping[str, Writing] = {
    TRUE: signed,
    **{name: _changed(name) for name in (*_PAYMENT, *_REFUND)},
    "body": _any_changed,
    "signature": _bad_signature,
    "unsigned": _without_signature,
    "key": _strangely_signed,
    STALE: _stale,
}
"""How a letter can be written, by the name of what is wrong with it. There is no probe: Alipay sends none."""
FORGERIES = ("body", "key", "total_amount", "signature", "unsigned")
TAMPERINGS: Mapping[bool, tuple[str, ...]] = {
    False: (*_PAYMENT, "signature"),
    True: (*_PAYMENT, *_REFUND, "signature"),
}
"""The fields the tamper fault changes, each in turn: of a payment's notice, and of a refund's."""
