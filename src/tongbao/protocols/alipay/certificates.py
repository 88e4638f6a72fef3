"""Alipay's certificates: their numbers, and whether one leads to a root (section 1.6 of the protocol). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_SERIAL = re.compile("[0-9a-f]{32}")
_RSA_SIGNATURES = "1.2.840.113549.1.1."


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of Alipay's that was learned and proven: its number, itself with those that lead to the root, as
    PEM, and its time."""

    serial: str
    pem: str
    usable_from: datetime
    usable_until: datetime


def read_chain(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a file, the owner's first. Those of other kinds than ours (SM2) are passed over, as Alipay's
    own root file has some. Raises ValueError where none is left."""
    chain = []
    for block in _PEM.findall(pem):
        try:
            chain.append(x509.load_pem_x509_certificate(block.encode()))
        except ValueError:
            continue
    if not chain:
        raise ValueError("no certificate in it")
    return tuple(chain)


def is_serial(text: str) -> bool:
    """Whether this is the number of a certificate."""
    return _SERIAL.fullmatch(text) is not None


def serial_of(certificate: x509.Certificate) -> str:
    """The number by which Alipay names a certificate: a hash of who issued it and its serial number in decimal."""
    text = certificate.issuer.rfc4514_string() + str(certificate.serial_number)
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def root_serial_of(roots: Sequence[x509.Certificate]) -> str:
    """The number of a root file: those of its RSA-signed certificates, in its order."""
    return "_".join(serial_of(root) for root in roots if _is_rsa_signed(root))


def rsa_key(certificate: x509.Certificate) -> RSAPublicKey:
    """The key that a certificate speaks for. Raises ValueError where it is not RSA."""
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
        key = None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA certificate")
    return key


def owner_of(certificate: x509.Certificate) -> str:
    """Whose certificate it is: the common name."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def is_in_time(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a certificate has begun, and has not ended."""
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def leads_to(roots: Sequence[x509.Certificate], chain: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether the first of a chain was issued by one of the roots, or through others of the chain that may issue.

    Whoever has an app gets a certificate under the same root: so what stands between must be a CA's.
    """
    certificate, between = chain[0], chain[1:]
    if any(is_in_time(root, now) and _issued(root, certificate) for root in roots):
        return True
    for issuer in between:
        if _may_issue(issuer) and is_in_time(issuer, now) and _issued(issuer, certificate):
            return leads_to(roots, [issuer, *(other for other in between if other is not issuer)], now)
    return False


def _is_rsa_signed(certificate: x509.Certificate) -> bool:
    return certificate.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
