"""Buyers log in, and prove later who they are."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from tongbao.buyers import store
from tongbao.buyers.model import BuyerPrincipal, Session
from tongbao.hosts import Host, Identity
from tongbao.kit import ids
from tongbao.kit.cache import Cache
from tongbao.kit.db import AlreadyThere, Db
from tongbao.kit.errors import ChannelError, Refusal, Rejected, Unavailable
from tongbao.kit.sealing import Sealer

_LIFE = timedelta(days=7)
_GRACE = timedelta(days=1)

_sessions: Cache[bytes, tuple[BuyerPrincipal, datetime]] = Cache()
_identities: Cache[tuple[str, str], BuyerPrincipal] = Cache()


async def log_in(
    db: Db,
    sealer: Sealer,
    host: Host,
    merchant_id: str,
    host_name: str,
    app_id: str,
    code: str,
    now: datetime,
    *,
    profile: bool = False,
) -> Session:
    """Exchange the client's one-time code for a session of ours. Openid and session key stay on the server. With
    `profile` the host is asked for it too; the log-in is one without it where the buyer did not agree.

    Raises Refusal `invalid_code` (400), `code_used` (409: each code is exchanged once), `login_refused` (401, the
    host's own code in `reason`), or `host_unavailable` (503; `fresh_code` says whether the next try needs a new one).
    """
    if not 1 <= len(code) <= 512:
        raise Refusal("invalid_code", 400)
    claim = (merchant_id, host_name, app_id, _hash(code))
    try:
        async with db.tx() as tx:
            store.claim_code(tx, *claim, now)
    except AlreadyThere:
        raise Refusal("code_used", 409) from None
    try:
        identity = await host.exchange_code(code, profile=profile)
    except Rejected as error:
        raise Refusal("login_refused", 401, reason=error.code) from None
    except Unavailable:
        # The host never saw the code, so the client may send the same one again.
        async with db.tx() as tx:
            store.release_code(tx, *claim)
        raise Refusal("host_unavailable", 503, fresh_code=False) from None
    except ChannelError:
        raise Refusal("host_unavailable", 503, fresh_code=True) from None
    try:
        return await _open_session(db, sealer, merchant_id, host_name, app_id, identity, now)
    except AlreadyThere:
        # The same person logged in for the first time twice at once; now the buyer is there.
        return await _open_session(db, sealer, merchant_id, host_name, app_id, identity, now)


async def _open_session(
    db: Db, sealer: Sealer, merchant_id: str, host: str, app_id: str, identity: Identity, now: datetime
) -> Session:
    token = f"bs_{merchant_id}_{ids.secret()}"
    expires_at = now + _LIFE
    async with db.tx() as tx:
        known = await store.identity(tx, merchant_id, host, app_id, identity.subject)
        buyer_id = known["buyer_id"] if known else ids.new("buy")
        buyer = BuyerPrincipal(merchant_id, buyer_id, host, app_id, identity.subject, identity.kind)
        if known is None:
            store.insert_buyer(tx, buyer, identity.union_subject, now)
        elif identity.union_subject not in (None, known["union_subject"]):
            store.set_union_subject(tx, buyer, identity.union_subject)
        store.insert_session(tx, buyer, _hash(token), _seal_session_key(sealer, token, identity), now, expires_at)
    return Session(token, buyer_id, expires_at, identity.profile)


async def authenticate(db: Db, token: str, now: datetime) -> BuyerPrincipal:
    """Whose session this is. Raises Refusal `unauthorized` or `session_expired` (401): log in again."""
    prefix, _, rest = token.partition("_")
    merchant_id, _, _ = rest.partition("_")
    if prefix != "bs" or not ids.is_id(merchant_id, "mch"):
        raise Refusal("unauthorized", 401)
    token_hash = _hash(token)
    found = await _sessions.get(token_hash, lambda _: store.session(db, merchant_id, token_hash))
    if found is None:
        raise Refusal("unauthorized", 401)
    buyer, expires_at = found
    if expires_at <= now:
        raise Refusal("session_expired", 401)
    return buyer


async def identity_of(db: Db, merchant_id: str, buyer_id: str) -> BuyerPrincipal | None:
    """How the host knows a buyer of this merchant, when it is the merchant's server that asks. None: no such buyer."""
    if not ids.is_id(buyer_id, "buy"):
        return None
    return await _identities.get((merchant_id, buyer_id), lambda _: store.buyer(db, merchant_id, buyer_id))


async def purge(db: Db, now: datetime) -> None:
    """Delete what is of no more use: sessions that expired, and codes that the host has long forgotten (WeChat's live
    five minutes). A day of grace lets us say `session_expired` to who comes late. Twice is harmless."""
    async with db.tx() as tx:
        store.delete_sessions(tx, now - _GRACE)
    async with db.tx() as tx:
        store.delete_codes(tx, now - _GRACE)


def _seal_session_key(sealer: Sealer, token: str, identity: Identity) -> bytes | None:
    if identity.session_key is None:
        return None
    return sealer.seal(identity.session_key.encode(), f"session:{_hash(token).hex()}")


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
