"""(a) One signature, one verification, one decryption: ours, OpenSSL's alone, and those of `wechatpayv3`."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from bench import opponents
from bench.processes import BenchError
from bench.progress import Progress
from bench.report import Row
from bench.rounds import Plan, Results, compare, in_turn
from bench.timing import microseconds
from tongbao.channels.wechatpay import signing
from tongbao.channels.wechatpay.signing import Sealed, TrustedKey
from tongbao.kit import clock
from tongbao_sandbox.gateway import Address
from tongbao_sandbox.wechat import credentials, letters
from tongbao_sandbox.wechat.credentials import Merchant
from tools.programs import ROOT

_BODY_BYTES = 500

CONTENDERS = 3

_Acts = Mapping[str, Callable[[], object]]


def measure(plan: Plan, progress: Progress) -> Row:
    """Time them in turn. Where there is no `openssl` there is no floor."""
    sample, openssl = _sample(), shutil.which("openssl")
    contenders: dict[str, Callable[[], Results]] = {
        "Tongbao": partial(microseconds, _our_acts(sample), plan.signing_seconds),
        "wechatpayv3": partial(_their_times, sample, opponents.python(), plan.signing_seconds),
    }
    if openssl:
        contenders["openssl"] = partial(_openssl_times, openssl, len(sample["ciphertext"]) * 3 // 4)
    own, peer, *floor = in_turn(plan.rounds, "(a) sign, verify, decrypt", contenders, progress)
    least = floor[0] if floor else ()
    lines = [compare(f"{name} once", "µs", name, own, least, peer) for name in ("sign", "verify", "decrypt")]
    return Row("(a) signing", f"`openssl speed`, {_version(openssl)}", "wechatpayv3 2.0.4", tuple(lines))


def _sample() -> dict[str, str]:
    """A request to sign, a notice to verify, a resource to open, and the keys for it: all as text."""
    now, app = time.time(), credentials.new_app()
    merchant = Merchant(credentials.new_merchant([app.appid], now))
    papers = credentials.published(merchant, app, app, Address("127.0.0.1", 1))
    envelope = letters.envelope(merchant, "TRANSACTION.SUCCESS", {"text": "x" * _BODY_BYTES}, now)
    letter = letters.signed(merchant, envelope, now)
    target = "/v3/pay/transactions/jsapi"
    resource = orjson.loads(letter.body)["resource"]
    return {
        "private_key_pem": papers["merchant_private_key_pem"],
        "public_key_pem": papers["platform_public_key_pem"],
        "message": signing.request_message("POST", target, str(int(now)), "n" * 32, b"x" * _BODY_BYTES).decode(),
        "body": letter.body.decode(),
        "timestamp": letter.headers["Wechatpay-Timestamp"],
        "nonce": letter.headers["Wechatpay-Nonce"],
        "serial": letter.headers["Wechatpay-Serial"],
        "signature": letter.headers["Wechatpay-Signature"],
        "apiv3_key": papers["apiv3_key"],
        "sealing_nonce": resource["nonce"],
        "associated_data": resource["associated_data"],
        "ciphertext": resource["ciphertext"],
    }


def _our_acts(sample: Mapping[str, str]) -> _Acts:
    private_key = load_pem_private_key(sample["private_key_pem"].encode(), None)
    public_key = load_pem_public_key(sample["public_key_pem"].encode())
    assert isinstance(private_key, RSAPrivateKey) and isinstance(public_key, RSAPublicKey)
    cipher = AESGCM(sample["apiv3_key"].encode())
    headers = {f"wechatpay-{name}": sample[name] for name in ("timestamp", "nonce", "serial", "signature")}
    body, message, now = sample["body"].encode(), sample["message"].encode(), clock.now()
    keys = {sample["serial"]: TrustedKey(public_key)}
    sealed = Sealed(sample["sealing_nonce"], sample["associated_data"], sample["ciphertext"])
    if signing.find_doubt(headers, body, keys, now):
        raise BenchError("we do not accept our own sample")
    return {
        "sign": lambda: signing.sign(private_key, message),
        "verify": lambda: signing.find_doubt(headers, body, keys, now),
        "decrypt": lambda: signing.unseal(cipher, sealed),
    }


def _their_times(sample: Mapping[str, str], python: str, seconds: float) -> Results:
    command = [python, "-m", "bench.signing_opponent", str(seconds)]
    done = subprocess.run(command, cwd=ROOT, input=orjson.dumps(sample), capture_output=True, check=True)
    times: Results = orjson.loads(done.stdout)
    return times


def _openssl_times(openssl: str, sealed_bytes: int) -> Results:
    """`openssl speed` measures for whole seconds: one for each."""
    sign, verify = _openssl_speed(openssl, r"\+F2:\d+:2048:([\d.]+):([\d.]+)", "rsa2048")
    options = ("-decrypt", "-bytes", str(sealed_bytes), "-evp", "aes-256-gcm")
    (bytes_per_second,) = _openssl_speed(openssl, r"\+F:\d+:AES-256-GCM:([\d.]+)", *options)
    return {"sign": 1e6 / sign, "verify": 1e6 / verify, "decrypt": 1e6 * sealed_bytes / bytes_per_second}


def _version(openssl: str | None) -> str:
    if openssl is None:
        return "but there is no openssl on the PATH"
    said = subprocess.run([openssl, "version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:2])


def _openssl_speed(openssl: str, shape: str, *options: str) -> list[float]:
    command = [openssl, "speed", "-mr", "-seconds", "1", *options]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(shape, said)
    if found is None:
        raise BenchError(f"`openssl speed` said something else than expected:\n{said}")
    return [float(number) for number in found.groups()]
