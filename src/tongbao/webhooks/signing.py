"""Signatures after the Standard Webhooks specification ("Signature scheme"): HMAC-SHA256 over `id.timestamp.body`.

A secret is shown as `whsec_` and the base64 of its key; the specification asks for 24 to 64 bytes.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Iterable

_KEY_BYTES = 32
_PREFIX = "whsec_"


def new_key() -> bytes:
    """A fresh signing key."""
    return os.urandom(_KEY_BYTES)


def secret_text(key: bytes) -> str:
    """The key as merchants know it."""
    return _PREFIX + base64.b64encode(key).decode()


def sign(keys: Iterable[bytes], event_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature per key, separated by spaces."""
    message = f"{event_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, message, "sha256")).decode() for key in keys)
