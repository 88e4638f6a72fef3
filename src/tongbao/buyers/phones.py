"""Phone numbers that buyers consented to show: kept under seal, whole for the merchant's own server only."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import orjson

from tongbao.buyers import store
from tongbao.buyers.model import BuyerPrincipal
from tongbao.hosts import Host, PhoneNumber
from tongbao.kit import ids
from tongbao.kit.db import Conflict, Db
from tongbao.kit.errors import ChannelError, Refusal, Rejected, Unavailable, Untrusted
from tongbao.kit.sealing import Sealer

_BATCH = 100


async def keep_phone(
    db: Db, sealer: Sealer, host: Host, buyer: BuyerPrincipal, consent: str, now: datetime
) -> PhoneNumber:
    """Have the host say which number the buyer consented to show, and keep it. Another one takes its place; twice the
    same is harmless.

    Raises Refusal `no_phone_number` (409), `phone_unsupported` (422: this host shows none), `phone_refused` (422, the
    host's own code in `reason`), or `host_unavailable` (503; `fresh_code` says whether a new consent is needed).
    """
    phone = await _ask(host, consent)
    plain = orjson.dumps([phone.country_code, phone.number])
    sealed = sealer.seal(plain, _context(buyer.merchant_id, buyer.buyer_id))
    async with db.tx() as tx:
        store.keep_phone(tx, buyer.merchant_id, buyer.buyer_id, sealed, now)
    return phone


async def phone_of(db: Db, sealer: Sealer, merchant_id: str, buyer_id: str) -> tuple[PhoneNumber, datetime]:
    """A buyer's whole number, and when it was consented to: for the merchant's own server.

    Raises Refusal `unknown_buyer` or `phone_unknown` (404).
    """
    row = await store.phone(db, merchant_id, buyer_id) if ids.is_id(buyer_id, "buy") else None
    if row is None:
        raise Refusal("unknown_buyer", 404, buyer_id=buyer_id)
    if row["sealed_phone"] is None:
        raise Refusal("phone_unknown", 404, buyer_id=buyer_id)
    country_code, number = orjson.loads(sealer.open(row["sealed_phone"], _context(merchant_id, buyer_id)))
    return PhoneNumber(country_code, number), row["phone_at"]


async def reseal(db: Db, sealer: Sealer) -> int:
    """Seal every number that is under an older master key under the current one; returns how many.

    Twice is harmless: the second time finds nothing. Raises SealBroken where the older key is missing.
    """
    resealed = 0
    while batch := await store.phones_sealed_otherwise(db, sealer.current, _BATCH):
        for row in batch:
            context = _context(row["merchant_id"], row["buyer_id"])
            sealed = sealer.seal(sealer.open(row["sealed_phone"], context), context)
            with suppress(Conflict):  # another came in meanwhile: the next batch has it again, if need be
                async with db.tx() as tx:
                    store.exchange_phone_seal(tx, row, sealed)
                resealed += 1
    return resealed


async def _ask(host: Host, consent: str) -> PhoneNumber:
    try:
        return await host.phone_number(consent)
    except (Rejected, Untrusted) as error:
        match error.code:
            case "no_phone_number":
                raise Refusal("no_phone_number", 409) from None
            case "unsupported":
                raise Refusal("phone_unsupported", 422, host=host.name) from None
        raise Refusal("phone_refused", 422, reason=error.code) from None
    except Unavailable:
        raise Refusal("host_unavailable", 503, fresh_code=False) from None
    except ChannelError:
        raise Refusal("host_unavailable", 503, fresh_code=True) from None


def _context(merchant_id: str, buyer_id: str) -> str:
    return f"phone:{merchant_id}:{buyer_id}"
