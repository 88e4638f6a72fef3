"""Secrets at rest: AES-256-GCM under a master key that has an id, so that keys can be changed one after the other.

A sealed value is `key id length (1 byte) · key id · nonce (12 bytes) · ciphertext and tag`. Its context (whose secret
it is, and of what) is authenticated with it, so a sealed value copied to another row does not open.

From each master key another is derived that proves what we said ourselves: HMAC-SHA256 (`prove`, `is_proven`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongbao.kit.errors import TongbaoError

_NONCE_BYTES = 12
_PROOF_BYTES = 16


class SealBroken(TongbaoError):
    """A sealed value does not open: its master key is missing, or it was changed, or it belongs elsewhere."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and proves with the current master key, opens and believes with any it knows."""

    current: str
    keys: Mapping[str, AESGCM] = field(repr=False)
    proving_keys: Mapping[str, bytes] = field(repr=False)

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Seal under the current key, bound to `context`."""
        nonce = os.urandom(_NONCE_BYTES)
        key_id = self.current.encode()
        ciphertext = self.keys[self.current].encrypt(nonce, plaintext, context.encode())
        return bytes([len(key_id)]) + key_id + nonce + ciphertext

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open what was sealed with the same context. Raises SealBroken, naming the key it wants."""
        key_id = self.key_id(sealed)
        rest = sealed[1 + len(key_id) :]
        if key_id not in self.keys:
            raise SealBroken(f"no master key {key_id!r}: add it to the master key file; it sealed {context}")
        try:
            return self.keys[key_id].decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise SealBroken(f"{context} does not open with master key {key_id!r}") from None

    def prove(self, message: bytes) -> bytes:
        """Sixteen bytes that only we can put under a message: half an HMAC-SHA256, by the current key."""
        return _proof(self.proving_keys[self.current], message)

    def is_proven(self, message: bytes, proof: bytes) -> bool:
        """Whether we put that under the message, by whichever key: what an older one proved stays proven."""
        return any(hmac.compare_digest(_proof(key, message), proof) for key in self.proving_keys.values())

    @staticmethod
    def key_id(sealed: bytes) -> str:
        """Which master key sealed this: what is still under an old key shows here."""
        return sealed[1 : 1 + sealed[0]].decode(errors="replace")


def sealer_from_text(text: str) -> Sealer:
    """Read master keys: lines of `id:base64 of 32 bytes`; the first is current, the others only open.

    Raises ValueError with the line's number for anything else.
    """
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.split(), 1):
        key_id, _, encoded = line.partition(":")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except ValueError:
            raw = b""
        if not key_id or len(key_id) > 32 or len(raw) != 32:
            raise ValueError(f"master key {number}: expected `id:base64 of 32 bytes`")
        keys[key_id] = raw
    if not keys:
        raise ValueError("there is no master key: expected lines of `id:base64 of 32 bytes`")
    return Sealer(
        next(iter(keys)),
        {key_id: AESGCM(raw) for key_id, raw in keys.items()},
        {key_id: hmac.digest(raw, b"tongbao: proofs", "sha256") for key_id, raw in keys.items()},
    )


def _proof(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)[:_PROOF_BYTES]


def new_master_key(key_id: str) -> str:
    """A fresh master key line."""
    return f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"


def sealer_from_file(path: Path) -> Sealer:
    """Read the master key file, making one (readable by its owner only) where there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_master_key("k1") + "\n")
    return sealer_from_text(path.read_text())
