"""Signed texts, signatures, certificate numbers and encrypted content of Alipay (protocol 1.4 to 1.7, 3, 7.3). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Mapping
from contextlib import suppress

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.padding import PKCS7

RSA2, RSA = "RSA2", "RSA"
_HASHES: Mapping[str, HashAlgorithm] = {RSA2: SHA256(), RSA: SHA1()}  # noqa: S303 (the legacy type is SHA-1)
_PADDING = PKCS1v15()
_ZERO_IV = bytes(16)
_RSA_SIGNATURES = "1.2.840.113549.1.1"
_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def parameters_text(parameters: Mapping[str, str], without: Collection[str] = ("sign",)) -> str:
    """What is signed of named parameters: `name=value` by ASCII order of names, joined by `&`, empty ones left out.

    Requests leave out `sign` alone, notifications and return URLs `sign_type` too.
    """
    kept = sorted((name, value) for name, value in parameters.items() if value and name not in without)
    return "&".join(f"{name}={value}" for name, value in kept)


def v3_request_text(auth_string: str, method: str, path: str, body: str, app_auth_token: str | None) -> str:
    """What a caller of the v3 protocol signs: lines each ended by LF. `path` has the query, as on the wire."""
    lines = [auth_string, method, path, body, *([app_auth_token] if app_auth_token else [])]
    return "".join(f"{line}\n" for line in lines)


def v3_answer_text(timestamp: str, nonce: str, body: str) -> str:
    """What Alipay signs in the v3 protocol: three lines, each ended by LF."""
    return f"{timestamp}\n{nonce}\n{body}\n"


def sign(key: RSAPrivateKey, message: bytes, sign_type: str = RSA2) -> str:
    """RSA PKCS#1 v1.5 over the hash that the type names, in base64."""
    return base64.b64encode(key.sign(message, _PADDING, _HASHES[sign_type])).decode()


def verify(key: RSAPublicKey, message: bytes, signature: str, sign_type: str = RSA2) -> bool:
    """Whether the base64 signature is the key's over the message. Bad base64 is a bad signature."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, _PADDING, _HASHES[sign_type])
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def certificate_sn(certificate: x509.Certificate) -> str:
    """A certificate's number: md5 of the issuer's name as RFC 2253 writes it and the decimal serial number."""
    text = f"{certificate.issuer.rfc4514_string()}{certificate.serial_number}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def root_sn(bundle_pem: str) -> str:
    """A root file's number: those of its certificates that are signed with RSA, in file order, joined by `_`."""
    numbers = []
    for pem in _PEM.findall(bundle_pem):
        # The real file has a certificate of SM2, which is not RSA and which not every OpenSSL can read.
        with suppress(ValueError):
            certificate = x509.load_pem_x509_certificate(pem.encode())
            if certificate.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES):
                numbers.append(certificate_sn(certificate))
    return "_".join(numbers)


def encrypted(aes_key: str, plaintext: str) -> str:
    """AES-CBC under a zero IV with PKCS#7 padding, in base64; so is the key."""
    padder = PKCS7(128).padder()
    padded = padder.update(plaintext.encode()) + padder.finalize()
    encryptor = Cipher(AES(base64.b64decode(aes_key)), CBC(_ZERO_IV)).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def decrypted(aes_key: str, ciphertext: str) -> str:
    """The plaintext of what `encrypted` made. Raises ValueError."""
    decryptor = Cipher(AES(base64.b64decode(aes_key)), CBC(_ZERO_IV)).decryptor()
    padded = decryptor.update(base64.b64decode(ciphertext, validate=True)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()
