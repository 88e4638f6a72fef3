"""Phone numbers a buyer has agreed to give (protocol 9.1, 9.3)."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

import orjson
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7


@dataclass(slots=True)
class PhoneCode:
    """What stands behind a code of the phone-number button."""

    appid: str
    openid: str
    number: str
    country_code: str
    expires_at: float
    used: bool = False


def info(phone: PhoneCode, now: float) -> dict[str, object]:
    """The `phone_info`: only a foreign number carries its country code."""
    foreign = phone.country_code != "86"
    return {
        "phoneNumber": f"+{phone.country_code}{phone.number}" if foreign else phone.number,
        "purePhoneNumber": phone.number,
        "countryCode": phone.country_code,
        "watermark": {"timestamp": int(now), "appid": phone.appid},
    }


def encrypted(phone: PhoneCode, session_key: str, now: float) -> dict[str, str]:
    """The older form: the same under the session key, AES-128-CBC with PKCS#7."""
    iv, padder = secrets.token_bytes(16), PKCS7(128).padder()
    padded = padder.update(orjson.dumps(info(phone, now))) + padder.finalize()
    encryptor = Cipher(AES(base64.b64decode(session_key)), CBC(iv)).encryptor()
    sealed = encryptor.update(padded) + encryptor.finalize()
    return {"encryptedData": base64.b64encode(sealed).decode(), "iv": base64.b64encode(iv).decode()}
