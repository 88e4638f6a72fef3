"""Messages, signatures, sealed resources and encrypted fields of WeChat Pay v3 (protocol 1.2, 1.3, 1.7, 1.8). Pure."""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

_PADDING = PKCS1v15()
_HASH = SHA256()
_FIELD_PADDING = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 (the protocol's choice)


def request_message(method: str, path: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What a caller signs: five lines, each ended by LF, the last too. `path` is path and query as on the wire."""
    # Stray bytes in a header or path reach us as surrogates, and go back to the bytes they were.
    return f"{method}\n{path}\n{timestamp}\n{nonce}\n".encode(errors="surrogateescape") + body + b"\n"


def answer_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What WeChat Pay signs, in answers and notifications: three lines, each ended by LF."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """RSA PKCS#1 v1.5 over SHA-256, in base64."""
    return base64.b64encode(key.sign(message, _PADDING, _HASH)).decode()


def verify(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether the base64 signature is the key's over the message. Bad base64 is a bad signature."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, _PADDING, _HASH)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def seal(cipher: AESGCM, nonce: str, plaintext: bytes, associated_data: str) -> str:
    """AES-256-GCM, tag at the end, in base64."""
    return base64.b64encode(cipher.encrypt(nonce.encode(), plaintext, associated_data.encode())).decode()


def unsealed(cipher: AESGCM, nonce: str, ciphertext: str, associated_data: str) -> bytes:
    """The plaintext of what `seal` made. Raises InvalidTag."""
    return cipher.decrypt(nonce.encode(), base64.b64decode(ciphertext), associated_data.encode())


def decrypted_field(key: RSAPrivateKey, value: str) -> str | None:
    """The plaintext of a sensitive field, or None if it was not encrypted for this key."""
    try:
        return key.decrypt(base64.b64decode(value, validate=True), _FIELD_PADDING).decode()
    except ValueError:
        return None


def new_nonce(length: int = 32) -> str:
    """A random string of so many characters (an even number)."""
    return secrets.token_hex(length // 2)
