"""The published test keys of WeChat Pay's own SDKs, and a platform that signs and seals with them."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tongbao import channels
from tongbao.channels import Channel, Charge, Destination, Redirection, RefundOrder

_FOLDER = Path(__file__).parent / "vectors" / "wechatpay"

APIV3_KEY = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb"
MERCHANT_NUMBER = "1230000109"
MERCHANT_SERIAL = "5F1C72E2A8931B72A2E13AF8DEE92471EB397115"
PLATFORM_SERIAL = "440024045C4A427599D09BB4E3DE0279F2E813FD"
PUBLIC_KEY_ID = "PUB_KEY_ID_0112300001092024060100388900000000"
# Between the beginning and the end of the published certificates.
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


def text(name: str) -> str:
    return (_FOLDER / name).read_text()


def document(name: str) -> Any:
    return json.loads(text(name))


def private_key(name: str) -> RSAPrivateKey:
    key = load_pem_private_key(text(name).encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def settings(**changes: Any) -> dict[str, Any]:
    """An account that believes both the public key (the Go SDK's) and the certificate (the Java SDK's)."""
    return {
        "mchid": MERCHANT_NUMBER,
        "merchant_serial": MERCHANT_SERIAL,
        "merchant_private_key_pem": text("java_merchant_private_key.pem"),
        "apiv3_key": APIV3_KEY,
        "platform_public_key_id": PUBLIC_KEY_ID,
        "platform_public_key_pem": text("go_test_public_key.pem"),
        "platform_certificates": [
            {"serial": PLATFORM_SERIAL, "certificate_pem": text("java_wechat_pay_certificate.pem")},
        ],
        **changes,
    }


MERCHANT_KEY = private_key("java_merchant_private_key.pem")
PUBLIC_KEY_SIDE = private_key("go_test_private_key.pem")
_PLATFORM_KEY = private_key("java_wechat_pay_private_key.pem")


def opened(transport: aiohttp.ClientSession, now: datetime = NOW, **changes: Any) -> Channel:
    return channels.open_channel("wechatpay", settings(**changes), transport, lambda: now)


def signed(
    body: bytes, at: datetime = NOW, serial: str = PLATFORM_SERIAL, key: RSAPrivateKey = _PLATFORM_KEY
) -> dict[str, str]:
    """The headers by which the platform proves a body."""
    timestamp, nonce = str(int(at.timestamp())), "hnX5Fj9Q8Rk2Lw7dVb3TzYc6Ms1GpNe4"
    signature = key.sign(f"{timestamp}\n{nonce}\n".encode() + body + b"\n", PKCS1v15(), SHA256())
    return {
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-serial": serial,
        "wechatpay-signature": base64.b64encode(signature).decode(),
    }


def sealed(plaintext: bytes, associated_data: str = "transaction", key: str = APIV3_KEY) -> dict[str, str]:
    """A sealed part, as it stands in a message."""
    nonce = "fdasflkja484"
    ciphertext = AESGCM(key.encode()).encrypt(nonce.encode(), plaintext, associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": base64.b64encode(ciphertext).decode(),
    }


CHARGE = Charge(
    attempt_id="att0000000000000000000000001",
    method="jsapi",
    amount=100,
    currency="CNY",
    subject="拿铁 (large)",
    expires_at=datetime(2024, 6, 1, 12, 30, 0, 999_999, tzinfo=UTC),
    notify_url="https://pay.example.com/notify/wechatpay/acc1",
    app_id="wxd678efh567hg6787",
    payer="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
)


TRANSACTION: dict[str, Any] = {
    "mchid": MERCHANT_NUMBER,
    "appid": "wxd678efh567hg6787",
    "out_trade_no": "att0000000000000000000000001",
    "transaction_id": "4200000000000000000000000001",
    "trade_type": "JSAPI",
    "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功",
    "success_time": "2024-06-01T19:59:58+08:00",
    "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    "amount": {"total": 100, "payer_total": 90, "currency": "CNY", "payer_currency": "CNY"},
}


REFUND_ORDER = RefundOrder(
    refund_id="rfd0000000000000000000000001",
    attempt_id="att0000000000000000000000001",
    amount=30,
    payment_amount=100,
    currency="CNY",
    reason="少了一杯",
    notify_url="https://pay.example.com/notify/wechatpay/acc1",
)

REFUND: dict[str, Any] = {
    "refund_id": "50000000382019052709732678859",
    "out_refund_no": "rfd0000000000000000000000001",
    "transaction_id": "4200000000000000000000000001",
    "out_trade_no": "att0000000000000000000000001",
    "channel": "ORIGINAL",
    "user_received_account": "招商银行信用卡0403",
    "success_time": "2024-06-01T20:00:16+08:00",
    "create_time": "2024-06-01T20:00:00+08:00",
    "status": "SUCCESS",
    "funds_account": "UNSETTLED",
    "amount": {"total": 100, "refund": 30, "payer_total": 90, "payer_refund": 27, "currency": "CNY"},
}

REFUND_NOTICE: dict[str, Any] = {
    "mchid": MERCHANT_NUMBER,
    "refund_status": "SUCCESS",
    **{name: REFUND[name] for name in ("refund_id", "out_refund_no", "transaction_id", "out_trade_no", "success_time")},
    "user_received_account": "招商银行信用卡0403",
    "amount": {"total": 100, "refund": 30, "payer_total": 90, "payer_refund": 27},
}

TO_THE_BUYERS_CARD = Redirection(
    REFUND_ORDER.refund_id, REFUND["refund_id"], Destination.BUYER_CARD, "ICBC_DEBIT", "6222020200112233445", "张三"
)


def assert_signed_by_the_merchant(request: web.Request, body: bytes) -> None:
    """Check a request as the platform does: over its own raw target and the raw body."""
    scheme, _, pairs = request.headers["Authorization"].partition(" ")
    fields = dict(re.findall(r'(\w+)="([^"]*)"', pairs))
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert (fields["mchid"], fields["serial_no"]) == (MERCHANT_NUMBER, MERCHANT_SERIAL)
    assert fields["timestamp"] == str(int(NOW.timestamp()))
    assert re.fullmatch(r"\w{32}", fields["nonce_str"])
    lines = [request.method, request.raw_path, fields["timestamp"], fields["nonce_str"], body.decode(), ""]
    signature = base64.b64decode(fields["signature"])
    MERCHANT_KEY.public_key().verify(signature, "\n".join(lines).encode(), PKCS1v15(), SHA256())


def refund_notification(**changes: Any) -> bytes:
    """The body of a notification about a refund, in some way other than published."""
    return notification(REFUND_NOTICE | changes, "REFUND.SUCCESS", "refund")


def notification(
    transaction: Any = TRANSACTION, event_type: str = "TRANSACTION.SUCCESS", original_type: str = "transaction"
) -> bytes:
    """The body of a notification about a transaction."""
    envelope = {
        "id": "3119dfba-e649-5eec-ab1e-3412bc4d2e17",
        "create_time": "2024-06-01T20:00:00+08:00",
        "event_type": event_type,
        "resource_type": "encrypt-resource",
        "summary": "支付成功",
        "resource": {"original_type": original_type, **sealed(json.dumps(transaction).encode())},
    }
    return json.dumps(envelope).encode()
