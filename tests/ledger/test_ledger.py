"""The ledger, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tongbao import ledger
from tongbao.kit import ids
from tongbao.kit.db import AlreadyThere, Db
from tongbao.ledger import Posting, merkle

NOW = datetime(2026, 11, 21, 8, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    db = await Db.connect(database_url, size=4)
    async with db.tx() as tx:
        tx.write("INSERT INTO merchants (merchant_id, name, created_at) VALUES ('m1', 'one', $1)", NOW)
    yield db
    await db.close()


def posting(key: str, amount: int = 1800) -> Posting:
    return Posting(
        "m1", ids.new("pst"), key, ledger.clearing("acc1"), ledger.MERCHANT, amount, "CNY", "ord1", "pay1", NOW
    )


async def post(db: Db, *postings: Posting) -> None:
    async with db.tx() as tx:
        for each in postings:
            ledger.post(tx, each)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_posting_moves_a_positive_amount(amount: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        posting("k", amount)


def test_a_posting_needs_two_accounts() -> None:
    with pytest.raises(ValueError, match="two accounts"):
        replace(posting("k"), credit_account=ledger.clearing("acc1"))


async def test_a_key_is_posted_once(db: Db) -> None:
    await post(db, posting("payment:1"))
    with pytest.raises(AlreadyThere) as taken:
        await post(db, posting("payment:1"))
    assert taken.value.constraint == "postings_key"
    assert await ledger.balances(db, "m1") == {
        ("clearing:acc1", "CNY"): (1800, 0),
        ("merchant", "CNY"): (0, 1800),
    }


async def test_postings_come_back_as_they_were(db: Db) -> None:
    one = posting("payment:1")
    await post(db, one)
    assert await ledger.postings_of(db, "m1", "ord1") == [one]


async def test_sealing_covers_each_posting_once_and_chains(db: Db) -> None:
    await post(db, *(posting(f"a{n}") for n in range(5)))
    assert await ledger.seal(db, NOW + timedelta(seconds=5)) == 0, "what may still be committing is left for later"
    assert await ledger.seal(db, LATER) == 5
    assert await ledger.seal(db, LATER) == 0
    await post(db, *(posting(f"b{n}") for n in range(3)))
    assert await ledger.seal(db, LATER) == 3
    assert await ledger.check_seals(db, "m1", LATER) == []


async def test_a_posting_committed_late_is_sealed_all_the_same(db: Db) -> None:
    await post(db, replace(posting("on time"), posted_at=NOW))
    assert await ledger.seal(db, NOW + timedelta(minutes=30)) == 1
    await post(db, replace(posting("late"), posted_at=NOW - timedelta(seconds=1)))
    assert await ledger.seal(db, NOW + timedelta(minutes=31)) == 1


async def test_what_nobody_sealed_for_an_hour_shows(db: Db) -> None:
    await post(db, posting("k"))
    (wrong,) = await ledger.check_seals(db, "m1", NOW + timedelta(hours=2))
    assert "1 postings are older than an hour" in wrong


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE postings SET amount = amount + 1 WHERE key = 'k3'",
        "DELETE FROM sealed_postings WHERE posting_id = (SELECT posting_id FROM postings WHERE key = 'k3')",
        "UPDATE seals SET merkle_root = hash WHERE number = 1",
        "DELETE FROM sealed_postings WHERE seal_number = 1; DELETE FROM seals WHERE number = 1",
    ],
)
async def test_tampering_under_a_seal_shows(db: Db, database_url: str, tampering: str) -> None:
    for batch in ("k", "l"):
        await post(db, *(posting(f"{batch}{n}") for n in range(5)))
        await ledger.seal(db, LATER)
    assert await ledger.check_seals(db, "m1", LATER) == []
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("GRANT UPDATE, DELETE ON postings, seals, sealed_postings TO CURRENT_USER")
        owner.execute(tampering.encode())
    assert await ledger.check_seals(db, "m1", LATER) != []


def test_the_merkle_tree_is_that_of_rfc_6962() -> None:
    # The vectors of the certificate-transparency reference implementation, for its first one, two and three leaves.
    leaves = [b"", b"\x00", b"\x10"]
    assert merkle.root(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(leaves[:2]).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert merkle.root(leaves[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
