"""The keys of one app at Alipay's OpenAPI: its own, and those by which it believes Alipay. Checked and parsed once."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from tongbao.kit.errors import Untrusted
from tongbao.protocols.alipay import certificates
from tongbao.protocols.alipay.certificates import Certificate

SECRET_FIELDS = frozenset({"app_private_key_pem", "aes_key"})
_ROOTS = "alipay_root_cert_pem"
_CERTIFICATE_FIELDS = ("app_cert_pem", "alipay_cert_pem", _ROOTS)
PUBLIC_FIELDS = frozenset({"app_id", "alipay_public_key_pem", "platform_certificates", *_CERTIFICATE_FIELDS})
_LEAST_KEY_BITS = 2048
_AES_KEY_BYTES = 16
_DOWNLOAD = "Download it again: open.alipay.com, Console > the app > Development settings > Interface signing"


class KeyProblem(ValueError):
    """A setting with which nothing could be signed or believed: its name, and a reason that says how to cure it. The
    value is never quoted: it may be a secret put into the wrong field."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.field = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key of Alipay's, and the time in which it proves anything (None: always)."""

    key: RSAPublicKey
    usable_from: datetime | None = None
    usable_until: datetime | None = None

    def is_usable(self, now: datetime) -> bool:
        """Whether it proves anything now."""
        return self.doubt(now) is None

    def doubt(self, now: datetime) -> Untrusted | None:
        """Why it proves nothing now, or None where it does."""
        if self.usable_from is not None and now < self.usable_from:
            began = self.usable_from.isoformat()
            return Untrusted("certificate_not_yet_valid", f"Alipay's certificate is not valid before {began}")
        if self.usable_until is not None and now >= self.usable_until:
            return Untrusted("certificate_expired", f"Alipay's certificate ended at {self.usable_until.isoformat()}")
        return None


@dataclass(frozen=True, slots=True)
class CertificateMode:
    """What an app in certificate mode tells beside its signature, and by what it believes a new certificate."""

    app_serial: str
    root_serial: str
    roots: tuple[x509.Certificate, ...] = field(repr=False)
    alipay_name: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Who calls, and whom it believes. `alipay_keys` are found by certificate number; without certificates there is
    one, under the empty one. `aes_key` seals contents, where the app has one."""

    app_id: str
    private_key: RSAPrivateKey = field(repr=False)
    alipay_keys: Mapping[str, TrustedKey] = field(repr=False)
    certificate_mode: CertificateMode | None = None
    aes_key: bytes | None = field(default=None, repr=False)


def read_keys(settings: Mapping[str, Any], *, check_at: datetime | None = None) -> Keys:
    """Read the keys in the settings of an account or a host's app. Raises KeyProblem.

    `check_at` is the moment when somebody enters them: then the private key's numbers are proven, which takes some
    30 ms of CPU, and certificates must have begun, not have ended, and lead to the root. Later they are taken as they
    are: one that has ended proves nothing any more, and its successor is learned (1.6).

    A key may come with its PEM lines or, as Alipay's key tool writes it, without.
    """
    private_key = _private_key(settings, check=check_at is not None)
    in_certificates = any(settings.get(name) for name in _CERTIFICATE_FIELDS)
    if in_certificates and settings.get("alipay_public_key_pem"):
        raise KeyProblem("alipay_public_key_pem", f"leave it out, or else these: {', '.join(_CERTIFICATE_FIELDS)}")
    mode: CertificateMode | None = None
    if in_certificates:
        mode, alipay_keys = _certificates(settings, private_key, check_at)
    else:
        alipay_keys = {"": _alipay_key(settings, private_key)}
    return Keys(
        app_id=_text(settings, "app_id", r"\d{16}", "expected the app's id: 16 digits"),
        private_key=private_key,
        alipay_keys=alipay_keys,
        certificate_mode=mode,
        aes_key=_aes_key(settings),
    )


def prove(mode: CertificateMode, serial: str, pem: str, now: datetime) -> tuple[Certificate, TrustedKey]:
    """A certificate of that number that was downloaded, and its key: of Alipay's own name, usable now, and issued under
    the roots. Raises Untrusted: `certificate_expired`, `certificate_not_yet_valid`, `certificate_other_chain`, and
    `serial_unknown` where it is not the one that was asked for.

    The name matters: whoever has an app has a certificate under the same roots.
    """
    try:
        chain = certificates.read_chain(pem)
        key = trusted(chain[0])
    except ValueError as error:
        raise Untrusted("serial_unknown", f"certificate {serial} cannot be read: {error}") from None
    if certificates.serial_of(chain[0]) != serial:
        raise Untrusted("serial_unknown", f"asked for certificate {serial}, got one of another number")
    if certificates.owner_of(chain[0]) != mode.alipay_name:
        raise Untrusted("serial_unknown", f"certificate {serial} is of another name than alipay_cert_pem")
    if doubt := key.doubt(now):
        raise doubt
    if not certificates.leads_to(mode.roots, chain, now):
        reason = f"certificate {serial} does not lead to any in alipay_root_cert_pem"
        raise Untrusted("certificate_other_chain", reason)
    return Certificate(serial, pem, chain[0].not_valid_before_utc, chain[0].not_valid_after_utc), key


def trusted(certificate: x509.Certificate) -> TrustedKey:
    """The key of a certificate, for its time. Raises ValueError where it is not RSA."""
    return TrustedKey(
        certificates.rsa_key(certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    )


def _certificates(
    settings: Mapping[str, Any], private_key: RSAPrivateKey, check_at: datetime | None
) -> tuple[CertificateMode, dict[str, TrustedKey]]:
    (app, *_), alipay_chain, roots = (_chain(settings, name) for name in _CERTIFICATE_FIELDS)
    if check_at:
        if certificates.rsa_key(app) != private_key.public_key():
            raise KeyProblem("app_cert_pem", "this certificate is of another key than app_private_key_pem")
        _check_time(app, "app_cert_pem", check_at)
        _check_time(alipay_chain[0], "alipay_cert_pem", check_at)
        _check_chain(alipay_chain, roots, check_at)
    mode = CertificateMode(
        app_serial=certificates.serial_of(app),
        root_serial=certificates.root_serial_of(roots),
        roots=roots,
        alipay_name=certificates.owner_of(alipay_chain[0]),
    )
    known = {certificates.serial_of(alipay_chain[0]): trusted(alipay_chain[0])}
    return mode, {**_learned(settings, mode), **known}


def _learned(settings: Mapping[str, Any], mode: CertificateMode) -> dict[str, TrustedKey]:
    """The certificates that were learned before. Each was proven then, by the roots and name of then."""
    keys = {}
    for entry in settings.get("platform_certificates") or ():
        try:
            chain = certificates.read_chain(entry["certificate_pem"])
            began = chain[0].not_valid_before_utc
            if certificates.owner_of(chain[0]) == mode.alipay_name and certificates.leads_to(mode.roots, chain, began):
                keys[certificates.serial_of(chain[0])] = trusted(chain[0])
        except (KeyError, TypeError, ValueError):
            reason = "expected a list of {serial, certificate_pem} with RSA certificates of Alipay's"
            raise KeyProblem("platform_certificates", reason) from None
    return keys


def _chain(settings: Mapping[str, Any], name: str) -> tuple[x509.Certificate, ...]:
    missing = f"missing: certificate mode needs all of {', '.join(_CERTIFICATE_FIELDS)}"
    pem = _text(settings, name, r"[\s\S]+", missing)
    try:
        chain = certificates.read_chain(pem)
        if name != _ROOTS:  # Among those are some of other kinds.
            certificates.rsa_key(chain[0])
    except ValueError:
        reason = f"expected RSA certificates: the whole content of the .crt file. {_DOWNLOAD}"
        raise KeyProblem(name, reason) from None
    return chain


def _check_time(certificate: x509.Certificate, name: str, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        began = certificate.not_valid_before_utc.isoformat()
        raise KeyProblem(name, f"this certificate is not valid before {began}: wait, or set the server's clock right")
    if now >= certificate.not_valid_after_utc:
        raise KeyProblem(name, f"this certificate ended on {certificate.not_valid_after_utc.date()}. {_DOWNLOAD}")


def _check_chain(chain: tuple[x509.Certificate, ...], roots: tuple[x509.Certificate, ...], now: datetime) -> None:
    if not certificates.leads_to(roots, chain, now):
        reason = (
            f"this certificate does not lead to any in alipay_root_cert_pem. {_DOWNLOAD}, all three files together, "
            "and take each file whole: it may hold several certificates"
        )
        raise KeyProblem("alipay_cert_pem", reason)


def _alipay_key(settings: Mapping[str, Any], private_key: RSAPrivateKey) -> TrustedKey:
    name = "alipay_public_key_pem"
    missing = f"missing: Alipay's public key (not the app's own), or else {', '.join(_CERTIFICATE_FIELDS)}"
    text = _text(settings, name, r"[\s\S]+", missing)
    try:
        key = load_pem_public_key(text.encode()) if "-----" in text else load_der_public_key(_der(text))
    except ValueError:
        key = None
    if not isinstance(key, RSAPublicKey):
        raise KeyProblem(name, f"expected Alipay's RSA public key. {_DOWNLOAD} > View > Alipay public key")
    if key == private_key.public_key():
        raise KeyProblem(name, "this is the app's own public key; Alipay's stands beside it on the same page")
    return TrustedKey(key)


def _private_key(settings: Mapping[str, Any], *, check: bool) -> RSAPrivateKey:
    name = "app_private_key_pem"
    text = _text(settings, name, r"[\s\S]+", "missing: the private key that Alipay's key tool made for the app")
    try:
        if "-----" in text:
            key = load_pem_private_key(text.encode(), None, unsafe_skip_rsa_key_validation=not check)
        else:
            key = load_der_private_key(_der(text), None, unsafe_skip_rsa_key_validation=not check)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise KeyProblem(name, "expected an RSA private key without password, as Alipay's key tool wrote it")
    if key.key_size < _LEAST_KEY_BITS:
        raise KeyProblem(name, f"the key has {key.key_size} bits; RSA2 needs {_LEAST_KEY_BITS}: make a new one")
    return key


def _aes_key(settings: Mapping[str, Any]) -> bytes | None:
    if settings.get("aes_key") is None:
        return None
    reason = "expected the app's AES key: 24 characters of base64, which end with =="
    try:
        key = binascii.a2b_base64(_text(settings, "aes_key", r"[\w+/=]+", reason), strict_mode=True)
    except ValueError:
        key = b""
    if len(key) != _AES_KEY_BYTES:
        raise KeyProblem("aes_key", reason)
    return key


def _der(text: str) -> bytes:
    return binascii.a2b_base64("".join(text.split()), strict_mode=True)


def _text(settings: Mapping[str, Any], name: str, pattern: str, reason: str) -> str:
    value = settings.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise KeyProblem(name, reason)
    return value
