"""Ids: a letter prefix and a time-ordered body, lower-case letters and digits only, at most 32 characters.

So an attempt's id fits every gateway's merchant order number (UnionPay forbids `-` and `_`), and rows written
together lie together in an index.
"""

from __future__ import annotations

import base64
import os
import time

BODY_LENGTH = 26


def new(prefix: str) -> str:
    """A new id: `prefix` (2–6 letters), 48 bits of milliseconds, 80 random bits, in base 32 with its order kept."""
    body = int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10)
    return prefix + base64.b32hexencode(body)[:BODY_LENGTH].decode().lower()


def secret(length_bytes: int = 24) -> str:
    """An unguessable word of lower-case letters and digits."""
    return base64.b32hexencode(os.urandom(length_bytes)).rstrip(b"=").decode().lower()


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the shape of one of our ids with this prefix. Checked before anything asks the database."""
    return len(text) == len(prefix) + BODY_LENGTH and text.startswith(prefix) and text.isascii() and text.isalnum()
