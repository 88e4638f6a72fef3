"""Test merchants, their keys and certificates, and the mini-programs they collect for."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from tongbao_sandbox.gateway import Address
from tongbao_sandbox.wechat import signing

CERTIFICATE = "certificate"
PUBLIC_KEY = "public_key"


@dataclass(slots=True)
class Papers:
    """Everything about a merchant that is kept, as text.

    `signing` is what notifications are signed with. `has_certificate` is False for a merchant that was opened after
    WeChat Pay stopped issuing platform certificates: it has the public key alone. `refund_refusal` is the code every
    new refund of its is refused with, if any; refunds of one order must lie `refund_spacing_seconds` apart. It may be
    paid by every method but those it is `without`. `userpaying` is how it hears that a buyer types the password: by 202
    and an error `code`, by 202 and the transaction (`accepted`), or by 200 and the transaction (`state`). Its H5 pages
    lie under `h5_domain`, if it has registered one; `h5_local_ip` lets buyers pay there whose address is said to be
    this machine's.
    """

    mchid: str
    apiv3_key: str
    merchant_private_key_pem: str
    merchant_certificate_pem: str
    platform_private_key_pem: str
    platform_certificate_pem: str
    platform_public_key_id: str
    platform_public_key_private_pem: str
    appids: list[str]
    signing: str = PUBLIC_KEY
    has_certificate: bool = True
    refund_refusal: str | None = None
    refund_spacing_seconds: float = 0
    without: list[str] = field(default_factory=list)
    userpaying: str = "code"
    h5_domain: str | None = None
    h5_local_ip: bool = False


class Merchant:
    """A merchant with its keys parsed once. The gateway has two signing keys for it: that of the platform
    certificate, and the WeChat Pay public key's. Every merchant has its own of both, as with the real one."""

    def __init__(self, papers: Papers) -> None:
        self.papers = papers
        self.mchid = papers.mchid
        certificate = x509.load_pem_x509_certificate(papers.merchant_certificate_pem.encode())
        self.serial = serial_text(certificate)
        self.public_key = _rsa_public(certificate)
        self.platform_certificate = x509.load_pem_x509_certificate(papers.platform_certificate_pem.encode())
        self.platform_serial = serial_text(self.platform_certificate)
        self.public_key_id = papers.platform_public_key_id
        self.signers: dict[str, RSAPrivateKey] = {
            self.platform_serial: _rsa_private(papers.platform_private_key_pem),
            self.public_key_id: _rsa_private(papers.platform_public_key_private_pem),
        }
        self.cipher = AESGCM(papers.apiv3_key.encode())

    def answer_serial(self, wished: str | None) -> str:
        """Which key signs an answer: the public key's if the request names it or there is no other (protocol 1.6)."""
        if wished == self.public_key_id or not self.papers.has_certificate:
            return self.public_key_id
        return self.platform_serial

    def notify_serial(self) -> str:
        """Which key signs notifications."""
        return self.answer_serial(self.public_key_id if self.papers.signing == PUBLIC_KEY else None)


@dataclass(slots=True)
class App:
    """A mini-program, or an official account with pages inside WeChat (`is_web`): its secret, who its pretend buyer is,
    and everybody who ever logged in."""

    appid: str
    secret: str
    openid: str
    openids: list[str] = field(default_factory=list)
    is_web: bool = False

    def knows(self, openid: str) -> bool:
        """Whether this openid is somebody's under this appid."""
        return openid == self.openid or openid in self.openids

    def learn(self, openid: str) -> None:
        """Somebody is here, perhaps for the first time."""
        if not self.knows(openid):
            self.openids.append(openid)


def new_merchant(appids: list[str], now: float) -> Papers:
    """A merchant nobody had before. Generating its three key pairs takes some 0.1 s."""
    merchant, platform, public = (generate_private_key(65537, 2048) for _ in range(3))
    mchid = f"19{secrets.randbelow(10**8):08d}"
    return Papers(
        mchid=mchid,
        apiv3_key=signing.new_nonce(32),
        merchant_private_key_pem=_private_pem(merchant),
        merchant_certificate_pem=_certificate_pem(merchant, mchid, now),
        platform_private_key_pem=_private_pem(platform),
        platform_certificate_pem=_certificate_pem(platform, "Tenpay.com sign (sandbox)", now),
        platform_public_key_id=f"PUB_KEY_ID_0{mchid}{secrets.randbelow(10**16):016d}",
        platform_public_key_private_pem=_private_pem(public),
        appids=appids,
    )


def new_app(*, is_web: bool = False) -> App:
    """A mini-program or an official account nobody had before, with a buyer of its own."""
    return App(appid=f"wx{secrets.token_hex(8)}", secret=secrets.token_hex(16), openid=new_openid(), is_web=is_web)


def new_openid() -> str:
    """28 characters beginning with `o`."""
    return "o" + base64.urlsafe_b64encode(secrets.token_bytes(21)).decode()[:27]


def published(merchant: Merchant, app: App, web_app: App, address: Address) -> dict[str, Any]:
    """What a merchant's developer holds: enough to configure any SDK."""
    papers = merchant.papers
    public = merchant.signers[merchant.public_key_id].public_key()
    return {
        "base_url": address.url(1),
        "miniprogram_base_url": address.url(2),
        "mchid": merchant.mchid,
        "appid": app.appid,
        "app_secret": app.secret,
        "web_appid": web_app.appid,
        "web_app_secret": web_app.secret,
        "apiv3_key": papers.apiv3_key,
        "merchant_serial": merchant.serial,
        "merchant_private_key_pem": papers.merchant_private_key_pem,
        "merchant_certificate_pem": papers.merchant_certificate_pem,
        "platform_public_key_id": merchant.public_key_id,
        "platform_public_key_pem": _public_pem(public),
        "platform_certificate_pem": papers.platform_certificate_pem,
        "platform_serial": merchant.platform_serial,
        "openid": app.openid,
        "web_openid": web_app.openid,
    }


def serial_text(certificate: x509.Certificate) -> str:
    """A certificate's serial number as WeChat Pay writes it: upper-case hex."""
    return f"{certificate.serial_number:X}"


def _certificate_pem(key: RSAPrivateKey, name: str, now: float) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.fromtimestamp(int(now), UTC) - timedelta(days=1)
    # Forty hex digits, as the real ones have, so the top bits of the number are fixed.
    serial = secrets.randbits(158) | 1 << 158
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tongbao sandbox CA")]))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=5 * 365))
        .sign(key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def _private_pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_pem(key: RSAPublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _rsa_private(pem: str) -> RSAPrivateKey:
    # These keys are our own, so the check that a stranger's key would need (it takes 0.1 s) is left out.
    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key


def _rsa_public(certificate: x509.Certificate) -> RSAPublicKey:
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    return key
