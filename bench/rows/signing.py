"""(a) One signature, one verification, one decryption: ours, OpenSSL's alone, and those of `wechatpayv3`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bench import opponents
from bench.processes import ROOT, BenchError
from bench.report import Line, Row
from bench.rows.plan import Plan
from tongbao.channels.wechatpay import signing
from tongbao.channels.wechatpay.signing import Sealed, TrustedKey
from tongbao.kit import clock
from tongbao_sandbox.wechat import credentials, letters
from tongbao_sandbox.wechat.credentials import Merchant

_BODY_BYTES = 500
_OPERATIONS = ("sign", "verify", "decrypt")


@dataclass(frozen=True, slots=True)
class Sample:
    """A request to sign, a notice to verify, a resource to open; as text for them, ready to use for us."""

    private_key: RSAPrivateKey = field(repr=False)
    message: bytes
    headers: Mapping[str, str]
    body: bytes
    keys: Mapping[str, TrustedKey]
    cipher: AESGCM = field(repr=False)
    sealed: Sealed
    text: Mapping[str, str] = field(repr=False)


def measure(plan: Plan) -> Row:
    """Time them in turn."""
    sample, rounds = _sample(), []
    python = opponents.python()
    for number in range(plan.rounds):
        plan.progress.step(f"sign, verify, decrypt: round {number + 1}")
        rounds.append(
            (
                _ours(sample, plan.signing_seconds),
                _openssl(len(sample.sealed.ciphertext) * 3 // 4),
                _theirs(sample, python, plan.signing_seconds),
            )
        )
    lines = []
    for name in _OPERATIONS:
        ours, floor, peer = (tuple(times[name] for times in side) for side in zip(*rounds, strict=True))
        lines.append(Line("a", name, "µs", ours, floor, peer))
    return Row(
        f"(a) signing  [{backend.openssl_version_text()} in both Pythons]",
        f"`openssl speed` of {_openssl_version()}",
        "wechatpayv3 2.0.4",
        tuple(lines),
    )


def _sample() -> Sample:
    merchant = Merchant(credentials.new_merchant(["wx0"], time.time()))
    body = letters.envelope(merchant, {"text": "x" * _BODY_BYTES}, time.time())
    letter = letters.signed(merchant, body, time.time())
    headers = {name.lower(): value for name, value in letter.headers.items()}
    public_key = merchant.signers[headers["wechatpay-serial"]].public_key()
    private_key = load_pem_private_key(merchant.papers.merchant_private_key_pem.encode(), None)
    assert isinstance(private_key, RSAPrivateKey)
    target = "/v3/pay/transactions/jsapi"
    message = signing.request_message("POST", target, headers["wechatpay-timestamp"], "n" * 32, b"x" * _BODY_BYTES)
    resource = orjson.loads(body)["resource"]
    text = {
        "private_key_pem": merchant.papers.merchant_private_key_pem,
        "public_key_pem": credentials.public_pem(public_key),
        "timestamp": headers["wechatpay-timestamp"],
        "nonce": headers["wechatpay-nonce"],
        "signature": headers["wechatpay-signature"],
        "body": body.decode(),
        "message": message.decode(),
        "seal_nonce": resource["nonce"],
        "ciphertext": resource["ciphertext"],
        "associated_data": resource["associated_data"],
        "apiv3_key": merchant.papers.apiv3_key,
    }
    sealed = Sealed(resource["nonce"], resource["associated_data"], resource["ciphertext"])
    keys = {headers["wechatpay-serial"]: TrustedKey(public_key)}
    return Sample(private_key, message, headers, body, keys, merchant.cipher, sealed, text)


def _ours(sample: Sample, seconds: float) -> dict[str, float]:
    now = clock.now()
    if signing.find_doubt(sample.headers, sample.body, sample.keys, now):
        raise BenchError("our own sample does not verify")
    return {
        "sign": _microseconds(lambda: signing.sign(sample.private_key, sample.message), seconds),
        "verify": _microseconds(
            lambda: signing.find_doubt(sample.headers, sample.body, sample.keys, now), seconds
        ),
        "decrypt": _microseconds(lambda: signing.unseal(sample.cipher, sample.sealed), seconds),
    }


def _theirs(sample: Sample, python: str, seconds: float) -> dict[str, float]:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_text(json.dumps(sample.text))
        command = [python, str(ROOT / "bench" / "crypto_opponent.py"), file.name, str(seconds)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    times: dict[str, float] = json.loads(answer)
    return times


def _openssl(sealed_bytes: int) -> dict[str, float]:
    """`openssl speed` measures for whole seconds: one each."""
    rsa = _speed("rsa2048", r"\+F2:\d+:2048:([\d.]+):([\d.]+)")
    aes = _speed("-decrypt", "-bytes", str(sealed_bytes), "-evp", "aes-256-gcm", shape=r"\+F:\d+:AES-256-GCM:([\d.]+)")
    return {"sign": 1e6 / rsa[0], "verify": 1e6 / rsa[1], "decrypt": 1e6 * sealed_bytes / aes[0]}
