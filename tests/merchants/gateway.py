"""A small gateway and platform on loopback, for what merchants and buyers ask of one: certificates, and who logged in.

It signs as the protocol says and shares nothing with the channels.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

APIV3_KEY = "0123456789abcdefghijklmnopqrstuv"
PUBLIC_KEY_ID = "PUB_KEY_ID_0"


@cache
def private_key(number: int = 0) -> rsa.RSAPrivateKey:
    """One of a few RSA keys, made once: making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def private_key_pem(number: int = 0) -> str:
    return (
        private_key(number)
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def public_key_pem() -> str:
    """The key that `PUBLIC_KEY_ID` names."""
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return private_key().public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


@dataclass(frozen=True)
class Certificate:
    """A platform certificate that the gateway signs with."""

    serial: str
    pem: str
    key: rsa.RSAPrivateKey
    usable_from: datetime
    usable_until: datetime


def certificate(key_number: int, *, days: int = 365) -> Certificate:
    """A fresh certificate over one of the keys, usable from an hour ago for so many days."""
    key, name = private_key(key_number), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Platform")])
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM).decode()
    return Certificate(f"{built.serial_number:X}", pem, key, start, start + timedelta(days=days))


@dataclass
class Gateway:
    """What it holds, and what it was asked.

    `failing`: it answers every question with this status. `meanwhile`: what happens while it is asked for certificates.
    """

    base_url: str = ""
    certificates: list[Certificate] = field(default_factory=list)
    failing: int | None = None
    meanwhile: Callable[[], Awaitable[None]] | None = None
    asked: int = 0
    logins: list[str] = field(default_factory=list)
    login_answer: dict[str, Any] = field(default_factory=dict)

    async def certificates_door(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.meanwhile:
            await self.meanwhile()
        if self.failing:
            return web.Response(status=self.failing)
        if not self.certificates:
            return _signed(404, {"code": "RESOURCE_NOT_EXISTS", "message": "none"}, PUBLIC_KEY_ID, private_key())
        signer = self.certificates[-1]
        return _signed(200, {"data": [_offer(one) for one in self.certificates]}, signer.serial, signer.key)

    async def login_door(self, request: web.Request) -> web.Response:
        self.logins.append(request.query["js_code"])
        if self.failing:
            return web.Response(status=self.failing)
        return web.json_response(self.login_answer)

    def account_settings(self, **changes: object) -> dict[str, Any]:
        """The settings of an account here."""
        return {
            "mchid": "1900000109",
            "merchant_serial": "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C",
            "merchant_private_key_pem": private_key_pem(),
            "apiv3_key": APIV3_KEY,
            "base_url": self.base_url,
            **changes,
        }


def _signed(status: int, answer: dict[str, Any], serial: str, key: rsa.RSAPrivateKey) -> web.Response:
    body, timestamp, nonce = json.dumps(answer).encode(), str(int(time.time())), os.urandom(16).hex()
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    headers = {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode(),
    }
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _offer(one: Certificate) -> dict[str, Any]:
    nonce = os.urandom(6).hex()
    sealed = AESGCM(APIV3_KEY.encode()).encrypt(nonce.encode(), one.pem.encode(), b"certificate")
    return {
        "serial_no": one.serial,
        "effective_time": one.usable_from.isoformat(),
        "expire_time": one.usable_until.isoformat(),
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": base64.b64encode(sealed).decode(),
        },
    }


@asynccontextmanager
async def serve() -> AsyncIterator[Gateway]:
    """A gateway on a free port of loopback."""
    gateway = Gateway()
    app = web.Application()
    app.add_routes(
        [
            web.get("/v3/certificates", gateway.certificates_door),
            web.get("/sns/jscode2session", gateway.login_door),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    gateway.base_url = f"http://{host}:{port}"
    try:
        yield gateway
    finally:
        await runner.cleanup()
