"""The ledger's verbs."""

from __future__ import annotations

from datetime import datetime, timedelta

from tongbao.kit.db import AlreadyThere, Db, Tx
from tongbao.ledger import merkle, store
from tongbao.ledger.model import Posting

_LEAVES_PER_SEAL = 10_000
_SETTLING = timedelta(seconds=10)
_OVERDUE = timedelta(hours=1)


def post(tx: Tx, posting: Posting) -> None:
    """Write one movement of money. Its key can be posted once: a second time fails the whole transaction
    with AlreadyThere(`postings_key`)."""
    store.insert(tx, posting)


async def postings_of(db: Db, merchant_id: str, order_id: str) -> list[Posting]:
    """Every movement of money that an order caused, oldest first."""
    return await store.of_order(db, merchant_id, order_id)


async def balances(db: Db, merchant_id: str) -> dict[tuple[str, str], tuple[int, int]]:
    """(account, currency) → (debits, credits), added up from the postings."""
    rows = await store.balances(db, merchant_id)
    return {(row["account"], row["currency"]): (row["debit"], row["credit"]) for row in rows}


async def seal(db: Db, now: datetime) -> int:
    """Seal every posting that is not sealed yet, one merchant at a time; returns how many.

    Twice is harmless: a posting is a leaf once, and of two workers making the same seal one finds its number taken.
    Looking for what is not sealed reads the last hour's postings: so it is done now and then, not in a row.
    """
    until = now - _SETTLING
    sealed = 0
    for merchant_id in await store.merchants_to_seal(db, until):
        leaves = _LEAVES_PER_SEAL
        while leaves == _LEAVES_PER_SEAL:
            try:
                async with db.tx() as tx:
                    leaves = await _seal_merchant(tx, merchant_id, until, now)
            except AlreadyThere:
                break
            sealed += leaves
    return sealed


async def _seal_merchant(tx: Tx, merchant_id: str, until: datetime, now: datetime) -> int:
    last = await store.last_seal(tx, merchant_id)
    postings = await store.unsealed(tx, merchant_id, last["through"] if last else None, until, _LEAVES_PER_SEAL)
    if not postings:
        return 0
    previous, number = (last["hash"], last["number"] + 1) if last else (merkle.EMPTY, 1)
    root = merkle.root([posting.leaf() for posting in postings])
    hashes = (previous, root, merkle.chain(previous, number, root, len(postings)))
    through = until if len(postings) < _LEAVES_PER_SEAL else postings[-1].posted_at
    store.insert_seal(tx, merchant_id, number, hashes, [posting.posting_id for posting in postings], through, now)
    return len(postings)


async def check_seals(db: Db, merchant_id: str, now: datetime) -> list[str]:
    """Recompute every seal from the postings it covers. Returns what is wrong, in words; nothing when all is well."""
    wrong, previous = [], merkle.EMPTY
    for number, row in enumerate(await store.seals(db, merchant_id), 1):
        postings = await store.sealed(db, merchant_id, row["number"])
        if row["number"] != number:
            wrong.append(f"seal {number} is missing")
            break
        root = merkle.root([posting.leaf() for posting in postings]) if postings else b""
        if len(postings) != row["leaves"] or root != row["merkle_root"]:
            wrong.append(f"seal {number}: a posting under it was changed, removed or added")
        if row["previous_hash"] != previous or row["hash"] != merkle.chain(
            previous, number, row["merkle_root"], row["leaves"]
        ):
            wrong.append(f"seal {number} does not follow from the seal before it")
        previous = row["hash"]
    overdue = await store.count_unsealed_before(db, merchant_id, now - _OVERDUE)
    if overdue:
        wrong.append(f"{overdue} postings are older than an hour and not sealed: is the worker running?")
    return wrong
