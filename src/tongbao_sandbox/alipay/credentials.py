"""Test apps: their keys and certificates, the sellers they collect for, and the buyers who use them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tongbao_sandbox.alipay import authority, signing
from tongbao_sandbox.alipay.authority import Issuers
from tongbao_sandbox.gateway import Address

OPEN_ID, USER_ID = "open_id", "user_id"


@dataclass(slots=True)
class Person:
    """A pretend buyer: `user_id` is the same for all apps, `open_id` this app's."""

    user_id: str
    open_id: str
    logon_id: str = "tbs***@sandbox.com"
    nick_name: str = "通宝沙箱买家"
    mobile: str = "18818181818"


@dataclass(slots=True)
class SigningCertificate:
    """A key Alipay signs with for an app in certificate mode, and its certificate."""

    private_key_pem: str
    certificate_pem: str


@dataclass(slots=True)
class Papers:
    """Everything about an app and its seller that is kept, as text.

    The last of `alipay_certificates` signs. `identity` says which of a buyer's ids the app gets to see: newer apps
    only the `open_id`. `refund_refusal` is the code every new refund is refused with, if any; `forbidden_methods` are
    those the app has no right to. `answers` is how it is lied to, if at all (see envelope).
    """

    app_id: str
    seller_id: str
    aes_key: str
    app_private_key_pem: str
    app_cert_pem: str
    alipay_private_key_pem: str
    alipay_certificates: list[SigningCertificate]
    alipay_root_cert_pem: str
    buyers: list[Person] = field(default_factory=list)
    identity: str = OPEN_ID
    refund_refusal: str | None = None
    forbidden_methods: list[str] = field(default_factory=list)
    answers: str | None = None


class App:
    """An app with its keys parsed once. Alipay signs for it with one key, or in certificate mode with the newest
    certificate's, which is the same until it is renewed."""

    def __init__(self, papers: Papers) -> None:
        self.papers = papers
        self.app_id = papers.app_id
        self.seller_id = papers.seller_id
        certificate = x509.load_pem_x509_certificate(papers.app_cert_pem.encode())
        key = certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        self.public_key = key
        self.cert_sn = signing.certificate_sn(certificate)
        self.cert_expires_at = certificate.not_valid_after_utc.timestamp()
        self.root_sn = signing.root_sn(papers.alipay_root_cert_pem)
        self.plain_signer = authority.rsa_private(papers.alipay_private_key_pem)
        self._people: dict[str, Person] = {}
        for person in papers.buyers:
            self._people |= {person.open_id: person, person.user_id: person}
        self.take_up_certificate()

    def take_up_certificate(self) -> None:
        """Sign with the newest certificate's key from now on."""
        newest = self.papers.alipay_certificates[-1]
        self.certificate_signer = authority.rsa_private(newest.private_key_pem)
        self.alipay_cert_sn = _leaf_sn(newest)

    def sign(self, message: bytes, *, certified: bool, sign_type: str = signing.RSA2) -> str:
        """Alipay's signature, with the key of the mode the app uses."""
        return signing.sign(self.certificate_signer if certified else self.plain_signer, message, sign_type)

    def certificate(self, alipay_cert_sn: str) -> str | None:
        """Alipay's certificate of this number, with its issuer's, if this app was ever given it."""
        fitting = (each for each in self.papers.alipay_certificates if _leaf_sn(each) == alipay_cert_sn)
        return next((each.certificate_pem for each in fitting), None)

    def person(self, number: str | None) -> Person | None:
        """The buyer with this open_id or user_id; the first one if none is named."""
        return self.papers.buyers[0] if number is None else self._people.get(number)

    def welcome(self, person: Person) -> None:
        """From now on this is one of its buyers."""
        self.papers.buyers.append(person)
        self._people |= {person.open_id: person, person.user_id: person}

    def named(self, person: Person) -> dict[str, str]:
        """How this app sees a buyer in answers: `buyer_open_id` or `buyer_user_id`, and the masked log-on name."""
        by_user_id = self.papers.identity == USER_ID
        ids = {"buyer_user_id": person.user_id} if by_user_id else {"buyer_open_id": person.open_id}
        return {"buyer_logon_id": person.logon_id} | ids


def someone(apps: Iterable[App], app: App, user_id: str) -> Person | None:
    """The person of this user_id, who is the same to every app; one who is new to `app` gets an open_id there."""
    known = next((person for each in (app, *apps) if (person := each.person(user_id))), None)
    if known is None or known.user_id != user_id:
        return None
    if app.person(user_id) is None:
        known = replace(known, open_id=new_open_id())
        app.welcome(known)
    return known


def new_app(issuers: Issuers, now: float) -> Papers:
    """An app nobody had before, with a seller and a buyer of its own. Generating its keys takes some 0.1 s."""
    ours, alipay = authority.new_key(), authority.new_key()
    app_id, seller_id = f"9021{secrets.randbelow(10**12):012d}", new_user_id()
    certificate = authority.alipay_certificate(issuers, alipay.public_key(), seller_id, now)
    return Papers(
        app_id=app_id,
        seller_id=seller_id,
        aes_key=base64.b64encode(secrets.token_bytes(16)).decode(),
        app_private_key_pem=authority.private_pem(ours),
        app_cert_pem=authority.app_certificate(issuers, ours.public_key(), app_id, now),
        alipay_private_key_pem=authority.private_pem(alipay),
        alipay_certificates=[SigningCertificate(authority.private_pem(alipay), certificate)],
        alipay_root_cert_pem=issuers.root_bundle_pem,
        buyers=[Person(new_user_id(), new_open_id())],
    )


def new_signing_certificate(issuers: Issuers, seller_id: str, now: float, kind: str) -> SigningCertificate:
    """A new key of Alipay's with a certificate of one of `authority.KINDS`."""
    key = authority.new_key()
    certificate = authority.alipay_certificate(issuers, key.public_key(), seller_id, now, kind)
    return SigningCertificate(authority.private_pem(key), certificate)


def new_user_id() -> str:
    """Sixteen digits beginning 2088."""
    return f"2088{secrets.randbelow(10**12):012d}"


def new_open_id() -> str:
    """An opaque string, good for one app."""
    return secrets.token_urlsafe(36)


def published(app: App, address: Address) -> dict[str, Any]:
    """What an app's developer holds: enough to configure any SDK."""
    papers, buyer = app.papers, app.papers.buyers[0]
    return {
        "base_url": address.url(3),
        "app_id": app.app_id,
        "app_private_key_pem": papers.app_private_key_pem,
        "alipay_public_key_pem": authority.public_pem(app.plain_signer.public_key()),
        "app_cert_pem": papers.app_cert_pem,
        "alipay_cert_pem": papers.alipay_certificates[-1].certificate_pem,
        "alipay_root_cert_pem": papers.alipay_root_cert_pem,
        "app_cert_sn": app.cert_sn,
        "alipay_cert_sn": app.alipay_cert_sn,
        "alipay_root_cert_sn": app.root_sn,
        "aes_key": papers.aes_key,
        "seller_id": app.seller_id,
        "buyer_id": buyer.user_id,
        "buyer_open_id": buyer.open_id,
        "identity": papers.identity,
        "refund_refusal": papers.refund_refusal,
        "forbidden_methods": papers.forbidden_methods,
        "answers": papers.answers,
    }


def _leaf_sn(signing_certificate: SigningCertificate) -> str:
    return signing.certificate_sn(x509.load_pem_x509_certificate(signing_certificate.certificate_pem.encode()))


def base64_text(text: str) -> str:
    """How certificates travel."""
    return base64.b64encode(text.encode()).decode()
