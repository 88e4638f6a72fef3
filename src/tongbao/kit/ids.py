"""Ids: a letter prefix and a time-ordered body, lower-case letters and digits only, at most 32 characters.

So an attempt's id fits every gateway's merchant order number (UnionPay forbids `-` and `_`), and rows written
together lie together in an index.
"""

from __future__ import annotations

import os
import time

BODY_LENGTH = 28


def new(prefix: str) -> str:
    """A new id: `prefix` (2–4 letters), 48 bits of milliseconds and 64 random bits, in hexadecimal."""
    return prefix + int(time.time() * 1000).to_bytes(6, "big").hex() + os.urandom(8).hex()


def secret(length_bytes: int = 24) -> str:
    """An unguessable word of lower-case letters and digits."""
    return os.urandom(length_bytes).hex()


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the shape of one of our ids with this prefix. Checked before anything asks the database."""
    return len(text) == len(prefix) + BODY_LENGTH and text.startswith(prefix) and text.isascii() and text.isalnum()
