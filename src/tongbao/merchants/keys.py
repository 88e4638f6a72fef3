"""API keys: `sk_<merchant>_<key>_<secret>`. The text names its owner, so that one look-up finds it; we keep a hash."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from tongbao.kit import clock, ids, signals
from tongbao.kit.cache import Cache
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import Refusal
from tongbao.merchants import store
from tongbao.merchants.model import ApiKey, Principal
from tongbao.merchants.service import get_merchant

_kept: Cache[tuple[str, str], ApiKey] = Cache()


async def create_key(tx: Tx, merchant_id: str, name: str, expires_at: datetime | None) -> tuple[ApiKey, str]:
    """Make a key. Its text, the second of what is returned, cannot be shown again.

    Raises Refusal `unknown_merchant` or `invalid_name`.
    """
    await get_merchant(tx, merchant_id)
    if len(name) > 100 or not name.isprintable():
        raise Refusal("invalid_name", 400)
    key_id = ids.new("key")
    text = f"sk_{merchant_id}_{key_id}_{ids.secret()}"
    key = ApiKey(merchant_id, key_id, name, _hash(text), clock.now(), expires_at, None)
    store.insert(tx, key)
    return key, text


async def revoke_key(tx: Tx, merchant_id: str, key_id: str) -> None:
    """End a key for ever. Twice is harmless. The signal `keys` tells the servers, and who misses it follows in seconds.

    Raises Refusal `unknown_key`.
    """
    if await store.key(tx, merchant_id, key_id) is None:
        raise Refusal("unknown_key", 404, key_id=key_id)
    store.revoke_key(tx, merchant_id, key_id, clock.now())
    tx.after_commit(lambda: signals.send("keys"))


async def list_keys(db: Db, merchant_id: str) -> list[ApiKey]:
    """A merchant's keys, oldest first. Raises Refusal `unknown_merchant`."""
    await get_merchant(db, merchant_id)
    return await store.keys(db, merchant_id)


async def authenticate(db: Db, text: str, now: datetime) -> Principal:
    """Whose key this is. Raises Refusal `unauthorized`, `key_revoked` or `key_expired` (401).

    What is wrong with a key is told only to who has all of it.
    """
    prefix, _, rest = text.partition("_")
    merchant_id, _, rest = rest.partition("_")
    key_id, _, _ = rest.partition("_")
    if prefix != "sk" or not (ids.is_id(merchant_id, "mch") and ids.is_id(key_id, "key")):
        raise Refusal("unauthorized", 401)
    key = await _kept.get((merchant_id, key_id), lambda _: store.key(db, merchant_id, key_id))
    if key is None or not hmac.compare_digest(key.secret_hash, _hash(text)):
        raise Refusal("unauthorized", 401)
    if key.revoked_at is not None:
        raise Refusal("key_revoked", 401)
    if key.expires_at is not None and key.expires_at <= now:
        raise Refusal("key_expired", 401)
    return Principal(merchant_id, key_id)


def forget_keys() -> None:
    """Look every key up again: one was revoked. To be called on the signal `keys`."""
    _kept.forget()


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
