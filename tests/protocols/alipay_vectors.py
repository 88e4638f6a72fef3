"""Published keys and exchanges of Alipay's, and an Alipay that signs with one of those keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

_FOLDER = Path(__file__).parent.parent / "channels" / "vectors" / "alipay"

APP_ID = "9021000122682882"
SELLER_ID = "2088721003899159"
NOW = datetime(2023, 12, 21, 6, 54, 37, tzinfo=UTC)  # 14:54:37 in Beijing


def text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text(name))["vectors"]
    return found


@cache
def private_key(name: str) -> RSAPrivateKey:
    key = load_pem_private_key(text(name).encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


@cache
def public_key(name: str) -> RSAPublicKey:
    key = load_pem_public_key(text(name).encode())
    assert isinstance(key, RSAPublicKey)
    return key


APP_KEY = private_key("keys/yansongda_sandbox_app_private.pem")
# A published app's key stands in for Alipay's own, whose private half nobody has.
ALIPAY_KEY = private_key("keys/nodejs_app_private.pem")


def settings(**changes: Any) -> dict[str, Any]:
    """The keys of an app that believes one bare key; a change to None takes a setting away."""
    all_of_them = {
        "app_id": APP_ID,
        "app_private_key_pem": text("keys/yansongda_sandbox_app_private.pem"),
        "alipay_public_key_pem": text("keys/nodejs_app_public.pem"),
        **changes,
    }
    return {name: value for name, value in all_of_them.items() if value is not None}


def sign(message: bytes, key: RSAPrivateKey = ALIPAY_KEY) -> str:
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def answer(
    root: str, value: Mapping[str, Any] | str, key: RSAPrivateKey | None = ALIPAY_KEY, serial: str | None = None
) -> bytes:
    """An answer as Alipay writes it: compact, slashes escaped, signed over the value as it stands; or unsigned."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
    named = f',"alipay_cert_sn":"{serial}"' if serial else ""
    proof = f',"sign":"{sign(written.encode(), key)}"' if key else ""
    return f'{{"{root}":{written}{named}{proof}}}'.encode()


def yes(**fields: Any) -> dict[str, Any]:
    return {"code": "10000", "msg": "Success", **fields}


def no(code: str, sub_code: str, sub_msg: str = "说明") -> dict[str, Any]:
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": sub_msg}


def notification(fields: Mapping[str, str], key: RSAPrivateKey = ALIPAY_KEY) -> bytes:
    """The body of a notification with these fields, signed without its `sign_type`."""
    message = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value)
    return urlencode({**fields, "sign_type": "RSA2", "sign": sign(message.encode(), key)}).encode()


def sent(body: bytes) -> dict[str, str]:
    """The fields of a request, proven to be signed by the app as the gateway would prove it."""
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    message = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if name != "sign")
    APP_KEY.public_key().verify(base64.b64decode(fields["sign"]), message.encode(), PKCS1v15(), SHA256())
    assert "" not in fields.values()
    return fields


PAID_NOTICE: dict[str, str] = {
    "notify_time": "2023-12-21 14:50:00",
    "notify_type": "trade_status_sync",
    "notify_id": "2023122101222145044060800592112345",
    "app_id": APP_ID,
    "auth_app_id": APP_ID,
    "charset": "utf-8",
    "version": "1.0",
    "trade_no": "2023122122001499160501586202",
    "out_trade_no": "att0000000000000000000000001",
    "seller_id": SELLER_ID,
    "buyer_open_id": "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5",
    "trade_status": "TRADE_SUCCESS",
    "total_amount": "1.00",
    "buyer_pay_amount": "0.90",
    "subject": "1+1 杯拿铁 100%",
    "gmt_payment": "2023-12-21 14:49:58",
}
