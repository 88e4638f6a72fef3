"""A merchant with a database, a courier and a server that listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.webhooks.receiver import Receiver, listening
from tests.webhooks.shop import MASTER_KEYS, Shop
from tongbao.kit import clock, egress, sealing
from tongbao.kit.db import Db
from tongbao.webhooks import Courier


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """Whoever moves the clock, the next test finds it right."""
    yield
    clock.move(0)


@pytest.fixture
async def db(module_database_url: str) -> AsyncIterator[Db]:
    """One database for a module: every test has merchants of its own, and finds nothing waiting for delivery."""
    db = await Db.connect(module_database_url)
    await db.fetch("DELETE FROM delivery_tries")
    await db.fetch("DELETE FROM deliveries")
    yield db
    await db.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as receiver:
        yield receiver


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with egress.guarded_session(True) as session:
        yield session


@pytest.fixture
def sealer() -> sealing.Sealer:
    return sealing.sealer_from_text(MASTER_KEYS)


@pytest.fixture
async def shop(db: Db, sealer: sealing.Sealer) -> Shop:
    return await Shop.open(db, sealer)


@pytest.fixture
def courier(db: Db, sealer: sealing.Sealer, session: aiohttp.ClientSession) -> Courier:
    return Courier(db, sealer, session)
