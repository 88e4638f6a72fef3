"""How WeChat Pay v3 and we prove ourselves to each other. Pure; proven on published vectors.

Every message is a few lines, each ended by LF, the last one too. Requests and the client's pay call are signed with the
merchant's private key (sections 1.2 and 3.1 of the protocol); answers and notices with the platform's (1.3); what is
secret in a notice is sealed with AES-256-GCM under the APIv3 key (1.7), and in a request with RSA under the platform's
key (1.8).
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from tongbao.kit.errors import Rejected, Untrusted

_PADDING = PKCS1v15()
_HASH = SHA256()
_SECRET_PADDING = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 (theirs to choose; nothing rests on SHA-1 here)
_SECRET_PADDING_BYTES = 42
CLOCK_TOLERANCE = timedelta(seconds=300)
_PROBE_PREFIX = "WECHATPAY/SIGNTEST/"
_NO_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key of the platform, and when it stops proving anything (None: it has no end)."""

    key: RSAPublicKey
    usable_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed part of a message, as it stands in it: text nonce, text associated data, base64 ciphertext and tag."""

    nonce: str
    associated_data: str
    ciphertext: str


@dataclass(frozen=True, slots=True)
class PaySignature:
    """A client's pay call, signed: when, with which nonce, and the signature."""

    timestamp: str
    nonce: str
    signature: str


def request_message(method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What a request's signature covers. `target` is path and raw query exactly as sent (1.2)."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def answer_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What the signature of an answer or a notice covers: the raw body, never a parsed one written again (1.3)."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def pay_message(app_id: str, timestamp: str, nonce: str, order: str) -> bytes:
    """What the signature of a client's pay call covers (3.1). `order` is what the call names the order by: a page or
    mini-program its whole `package`, an app the bare token."""
    return f"{app_id}\n{timestamp}\n{nonce}\n{order}\n".encode()


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """RSA PKCS#1 v1.5 with SHA-256, in base64."""
    return binascii.b2a_base64(key.sign(message, _PADDING, _HASH), newline=False).decode()


def find_doubt(
    headers: Mapping[str, str], body: bytes, keys: Mapping[str, TrustedKey], now: datetime
) -> Untrusted | None:
    """Why these bytes are not proven to be the platform's, or None where they are.

    `headers` are asked for lower-case names. In order of precedence: `signature_missing`, `signature_probe`,
    `timestamp_stale` (1.4: 300 s either way), `serial_unknown`, `signature_wrong`.
    """
    timestamp = headers.get("wechatpay-timestamp", "")
    nonce = headers.get("wechatpay-nonce", "")
    signature = headers.get("wechatpay-signature", "")
    serial = headers.get("wechatpay-serial", "")
    if not (timestamp and nonce and signature and serial):
        return Untrusted("signature_missing")
    if signature.startswith(_PROBE_PREFIX):
        return Untrusted("signature_probe")
    if not _is_fresh(timestamp, now):
        return Untrusted("timestamp_stale", f"{timestamp[:20]!r} is not within {CLOCK_TOLERANCE.seconds} s of {now}")
    trusted = keys.get(serial)
    if trusted is None or (trusted.usable_until and trusted.usable_until <= now):
        return Untrusted("serial_unknown", f"no usable platform key {serial[:64]!r}")
    if not _is_signed(trusted.key, signature, timestamp, nonce, body):
        return Untrusted("signature_wrong")
    return None


def unseal(cipher: AESGCM, sealed: Sealed) -> bytes:
    """The plaintext of a sealed part. Raises Untrusted `decryption_failed`."""
    try:
        ciphertext = binascii.a2b_base64(sealed.ciphertext, strict_mode=True)
        return cipher.decrypt(sealed.nonce.encode(), ciphertext, sealed.associated_data.encode())
    except (InvalidTag, ValueError):
        raise Untrusted("decryption_failed", "it was not sealed with our APIv3 key, or was changed") from None


def newest_key(keys: Mapping[str, TrustedKey], now: datetime) -> tuple[str, RSAPublicKey]:
    """The name and the key by which secrets are sent to the platform: its public key, or its newest certificate (1.8).

    Raises Rejected(`unsupported`) where the account has neither.
    """
    usable = {name: trusted.usable_until or _NO_END for name, trusted in keys.items()}
    name = max(usable, key=lambda name: usable[name], default=None)
    if name is None or usable[name] <= now:
        raise Rejected("unsupported", "the account has no key of the platform to encrypt with")
    return name, keys[name].key


def encrypt(key: RSAPublicKey, secret: str) -> str:
    """A secret that only the platform can read, in base64, other characters each time (1.8).

    Raises Rejected(`unsupported`) for one that is too long.
    """
    plaintext = secret.encode()
    if len(plaintext) > key.key_size // 8 - _SECRET_PADDING_BYTES:
        raise Rejected("unsupported", "longer than what the platform can be sent in secret")
    return binascii.b2a_base64(key.encrypt(plaintext, _SECRET_PADDING), newline=False).decode()


def signed_digest(key: RSAPublicKey, signature: str) -> bytes | None:
    """The SHA-256 digest that a signature of this key covers; None where another key made it, or it is damaged.

    It proves nothing: it is for finding out what went wrong.
    """
    try:
        return key.recover_data_from_signature(binascii.a2b_base64(signature, strict_mode=True), _PADDING, _HASH)
    except (InvalidSignature, ValueError):
        return None


def _is_fresh(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    return abs(int(timestamp) - now.timestamp()) <= CLOCK_TOLERANCE.total_seconds()


def _is_signed(key: RSAPublicKey, signature: str, timestamp: str, nonce: str, body: bytes) -> bool:
    try:
        raw = binascii.a2b_base64(signature, strict_mode=True)
        # Base64 has spare bits before its padding; only the one spelling that our own encoder gives is taken.
        if binascii.b2a_base64(raw, newline=False) != signature.encode():
            return False
        key.verify(raw, answer_message(timestamp, nonce, body), _PADDING, _HASH)
    except (InvalidSignature, ValueError):
        return False
    return True
