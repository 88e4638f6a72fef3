"""Nobody who holds a database connection waits for another: with a full pool, everybody would wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reliability.chores import Chores
from reliability.merchant import Merchant
from reliability.stage import Stage
from reliability.wallets import OTHER, WALLETS, Wallet, at_both
from tongbao.kit.db import Db

_PATIENCE_SECONDS = 20
_UNTIL_ASKED_SECONDS = 6


@pytest.fixture
async def merchant(data_folder: Path) -> AsyncIterator[Merchant]:
    """On a stage whose worker rests, and whose gateways tell nothing by themselves."""
    async with Stage.open(data_folder, worker_apart=True) as stage:
        assert stage.worker
        await stage.worker.stop()
        await stage.control("PUT", "/faults", at_both({"notify": {"lose": 1}, "refund": {"slow": 1, "seconds": 3600}}))
        yield await stage.merchant()


async def _work_for_every_chore(merchant: Merchant, wallet: Wallet) -> None:
    """A payment that is made twice, one that is left until it expires, and one whose parameters are prefetched."""
    order = await merchant.order(merchant.draft(wallet, paying=True))
    left = await merchant.order(merchant.draft(wallet, paying=True, expires_in=60))
    prefetched = await merchant.order(merchant.draft(wallet, paying=True, prefetch=True))
    assert order and left and prefetched and order.is_yes and left.is_yes and prefetched.is_yes
    second = await merchant.show_code(order.body["id"], OTHER[wallet.channel])
    assert second and second.is_yes
    for started in (order, second):
        await merchant.buyer_pays(started.body["attempt"]["id"])


async def test_every_chore_gets_by_with_one_connection(merchant: Merchant) -> None:
    stage = merchant.stage
    for wallet in WALLETS:
        await _work_for_every_chore(merchant, wallet)
    await stage.advance(_UNTIL_ASKED_SECONDS)
    db = await Db.connect(stage.database_url, size=1)
    try:
        async with Chores.open(stage, db) as chores:
            for _ in range(3):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await chores.do()
                await stage.advance(60)
                chores.directory.forget()
    finally:
        await db.close()
    rows = await stage.db.fetch("SELECT state, count(*) AS count FROM attempts GROUP BY state")
    assert {row["state"]: row["count"] for row in rows} == {"succeeded": 2, "surplus": 2, "closed": 2, "pending": 2}
