"""How Alipay and an app prove themselves to each other, and seal what they say. Pure; proven on published vectors.

Requests are signed with the app's private key over their fields, sorted (1.4); answers with Alipay's over the very
bytes of their value (1.5); notifications over their fields as they came (7.3). Contents are sealed with AES under the
app's key, and then signed (1.7).
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.padding import PKCS7

from tongbao.kit.errors import Untrusted

_PADDING = PKCS1v15()
_HASH = SHA256()
# Theirs to choose: without a fresh one it seals, and the signature is what proves.
_IV = bytes(16)
_BLOCK_BITS = 128
_LEAST_SIGNATURE_BYTES = 256


def request_message(fields: Mapping[str, str]) -> bytes:
    """What a request's signature covers: all fields but the signature, sorted, raw (1.4). None of them is empty."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields)).encode()


def form_messages(fields: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """What a notification's signature may cover: its fields in its own character set, decoded once, sorted (7.3).

    Some kinds of message are signed with their `sign_type`, and trades without.
    """
    with_type = [field for field in sorted(fields) if field[1] and field[0] != b"sign"]
    without = [field for field in with_type if field[0] != b"sign_type"]
    return [b"&".join(b"%b=%b" % field for field in signed) for signed in (without, with_type)]


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """RSA PKCS#1 v1.5 with SHA-256 ("RSA2"), in base64."""
    return binascii.b2a_base64(key.sign(message, _PADDING, _HASH), newline=False).decode()


def is_signed(key: RSAPublicKey, message: bytes, signature: str | bytes) -> bool:
    """Whether the key's owner signed the message. The older "RSA" with SHA-1 proves nothing here."""
    try:
        key.verify(_raw(signature), message, _PADDING, _HASH)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_signature(text: bytes) -> bool:
    """Whether this can be a signature at all, anyone's."""
    try:
        return len(_raw(text)) >= _LEAST_SIGNATURE_BYTES
    except ValueError:
        return False


def signed_digest(key: RSAPublicKey, signature: str | bytes) -> bytes | None:
    """The SHA-256 digest that a signature of this key covers; None where another key made it, or it is damaged.

    It proves nothing: it is for finding out what went wrong.
    """
    try:
        return key.recover_data_from_signature(_raw(signature), _PADDING, _HASH)
    except (InvalidSignature, ValueError):
        return None


def seal(key: bytes, plaintext: bytes) -> str:
    """AES-128-CBC in base64 (1.7)."""
    padder, encryptor = PKCS7(_BLOCK_BITS).padder(), Cipher(AES(key), CBC(_IV)).encryptor()
    padded = padder.update(plaintext) + padder.finalize()
    return binascii.b2a_base64(encryptor.update(padded) + encryptor.finalize(), newline=False).decode()


def unseal(key: bytes | None, ciphertext: str) -> bytes:
    """The plaintext of what Alipay sealed. Raises Untrusted `decryption_failed`, also where the app has no key."""
    if key is None:
        raise Untrusted("decryption_failed", "it is sealed, and the app has no aes_key here")
    try:
        decryptor, unpadder = Cipher(AES(key), CBC(_IV)).decryptor(), PKCS7(_BLOCK_BITS).unpadder()
        padded = decryptor.update(binascii.a2b_base64(ciphertext, strict_mode=True)) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise Untrusted("decryption_failed", "it was not sealed with our aes_key, or was changed") from None


def _raw(signature: str | bytes) -> bytes:
    raw = binascii.a2b_base64(signature, strict_mode=True)
    # Base64 has spare bits before its padding; only the one spelling that our own encoder gives is taken.
    if binascii.b2a_base64(raw, newline=False) != (signature.encode() if isinstance(signature, str) else signature):
        raise ValueError("base64 in another spelling")
    return raw
