"""Who issues certificates: two roots, and below the first one an issuer for apps and one for Alipay (protocol 1.6)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

ROOT, OTHER_ROOT = "Tongbao Sandbox Certification Authority R1", "Tongbao Sandbox Certification Authority R2"
APPS, ALIPAY = "Tongbao Sandbox Certification Authority Class 1", "Tongbao Sandbox Certification Authority Class 2"
CURVE_ROOT = "Tongbao Sandbox Certification Authority E1"
_YEARS = timedelta(days=10 * 365)
_GOOD, _EXPIRED, _NOT_YET, _OTHER = "good", "expired", "not_yet_valid", "other_chain"
KINDS = (_GOOD, _EXPIRED, _NOT_YET, _OTHER)
"""What a certificate can be issued as: three of them are not to be trusted."""


@dataclass(slots=True)
class Issuers:
    """The issuers' keys and certificates, as text. Everybody trusts `root_bundle_pem`, in which one root is not RSA."""

    root_bundle_pem: str
    apps_private_key_pem: str
    apps_pem: str
    alipay_private_key_pem: str
    alipay_pem: str
    other_pem: str


def new_issuers(now: float) -> Issuers:
    """Issuers nobody had before. `other_pem` has Alipay's issuer again, under a root that nobody trusts."""
    root, other, apps, alipay = (new_key() for _ in range(4))
    bundle = [
        _curve_root(now),
        issued(root, ROOT, ROOT, root.public_key(), now, authority=True),
        issued(
            root, "Tongbao Sandbox Root CA - G3", "Tongbao Sandbox Root CA - G3", root.public_key(), now, authority=True
        ),
    ]
    return Issuers(
        # An empty line between certificates is how the real file comes, and how some clients tell them apart.
        root_bundle_pem="\n".join(bundle),
        apps_private_key_pem=private_pem(apps),
        apps_pem=issued(root, ROOT, APPS, apps.public_key(), now, authority=True),
        alipay_private_key_pem=private_pem(alipay),
        alipay_pem=issued(root, ROOT, ALIPAY, alipay.public_key(), now, authority=True),
        other_pem=issued(other, OTHER_ROOT, ALIPAY, alipay.public_key(), now, authority=True),
    )


def app_certificate(issuers: Issuers, key: RSAPublicKey, app_id: str, now: float) -> str:
    """An app's certificate."""
    return issued(rsa_private(issuers.apps_private_key_pem), APPS, app_id, key, now)


def alipay_certificate(issuers: Issuers, key: RSAPublicKey, seller_id: str, now: float, kind: str = _GOOD) -> str:
    """Alipay's certificate for one seller, with its issuer's; of the kind wished."""
    start = {_EXPIRED: now - 2 * _YEARS.total_seconds(), _NOT_YET: now + 30 * 86400}.get(kind, now)
    leaf = issued(rsa_private(issuers.alipay_private_key_pem), ALIPAY, f"Alipay sandbox {seller_id}", key, start)
    return leaf + (issuers.other_pem if kind == _OTHER else issuers.alipay_pem)


def issued(
    issuer_key: RSAPrivateKey, issuer: str, subject: str, key: RSAPublicKey, now: float, *, authority: bool = False
) -> str:
    """A certificate for ten years from the day before `now`, as PEM."""
    start = datetime.fromtimestamp(int(now), UTC) - timedelta(days=1)
    builder = _builder(issuer, subject, start).public_key(key)
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return builder.sign(issuer_key, SHA256()).public_bytes(Encoding.PEM).decode()


def new_key() -> RSAPrivateKey:
    """An RSA key of 2048 bits, which takes some 0.05 s."""
    return generate_private_key(65537, 2048)


def private_pem(key: RSAPrivateKey) -> str:
    """PKCS#8, as Alipay's tools give it out."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: RSAPublicKey) -> str:
    """As the open platform shows it, in PEM lines."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def rsa_private(pem: str) -> RSAPrivateKey:
    """One of our own keys."""
    # So the check that a stranger's key would need (it takes 0.1 s) is left out.
    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key


def _curve_root(now: float) -> str:
    """A root that is not RSA: it does not count in the root file's number."""
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.fromtimestamp(int(now), UTC) - timedelta(days=1)
    certificate = _builder(CURVE_ROOT, CURVE_ROOT, start).public_key(key.public_key()).sign(key, SHA256())
    return certificate.public_bytes(Encoding.PEM).decode()


def _builder(issuer: str, subject: str, start: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().issuer_name(_name(issuer)).subject_name(_name(subject))
    builder = builder.serial_number(secrets.randbits(126) | 1 << 125)
    return builder.not_valid_before(start).not_valid_after(start + _YEARS)


def _name(common_name: str) -> x509.Name:
    parts = {
        NameOID.COUNTRY_NAME: "CN",
        NameOID.ORGANIZATION_NAME: "Tongbao Sandbox",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "Certification Authority",
        NameOID.COMMON_NAME: common_name,
    }
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts.items()])
