"""A certificate authority like Alipay's: a root, what issues to Alipay, and what issues to apps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.protocols.alipay_vectors import ALIPAY_KEY, APP_KEY

ALIPAY_NAME = "支付宝(中国)网络技术有限公司-2088721003899159"


class Authority:
    """Its certificates are around the moment `now`, in days."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._root_key = generate_private_key(65537, 2048)
        self._issuer_key = generate_private_key(65537, 2048)
        self.root_pem = self._issue("Root R1", self._root_key.public_key(), "Root R1", self._root_key, is_ca=True)
        self._class_2 = self._issue("Class 2", self._issuer_key.public_key(), "Root R1", self._root_key, is_ca=True)
        self.app_cert_pem, self.alipay_cert_pem = self.app(), self.alipay()

    def settings(self, **changes: Any) -> dict[str, Any]:
        """In certificate mode, and without the bare key."""
        own = {
            "alipay_public_key_pem": None,
            "app_cert_pem": self.app_cert_pem,
            "alipay_cert_pem": self.alipay_cert_pem,
            "alipay_root_cert_pem": self.root_pem,
        }
        return own | changes

    def app(self, begins: int = -10, ends: int = 10) -> str:
        name = "2088721003899159-9021000122682882"
        return self._issue(name, APP_KEY.public_key(), "Root R1", self._root_key, begins, ends)

    def alipay(self, begins: int = -10, ends: int = 10, name: str = ALIPAY_NAME) -> str:
        key = ALIPAY_KEY.public_key()
        return self._issue(name, key, "Class 2", self._issuer_key, begins, ends) + self._class_2

    def issued_by_an_app(self) -> str:
        """An app's owner issues a certificate in Alipay's name."""
        app = x509.load_pem_x509_certificate(self.app_cert_pem.encode())
        name = str(app.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        return self._issue(ALIPAY_NAME, ALIPAY_KEY.public_key(), name, APP_KEY) + self.app_cert_pem

    def _issue(
        self,
        name: str,
        key: RSAPublicKey,
        issuer: str,
        issuer_key: RSAPrivateKey,
        begins: int = -10,
        ends: int = 10,
        *,
        is_ca: bool = False,
    ) -> str:
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + timedelta(days=begins))
            .not_valid_after(self._now + timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(issuer_key, SHA256())
        )
        return certificate.public_bytes(Encoding.PEM).decode()


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
