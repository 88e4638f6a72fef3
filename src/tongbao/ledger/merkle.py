"""Merkle trees as in RFC 6962 (certificate transparency), section 2.1: leaves and nodes are hashed apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY = bytes(32)
"""What the first seal is chained to."""


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of at least one leaf."""
    level = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0]


def chain(previous_hash: bytes, number: int, merkle_root: bytes, leaves: int) -> bytes:
    """A seal's own hash: it covers the seal before, its number, its root and how many leaves it has."""
    return hashlib.sha256(b"\x02" + previous_hash + f"{number}:{leaves}:".encode() + merkle_root).digest()
