"""A database, a sealer, a gateway and a merchant for the tests of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.merchants.gateway import Gateway, serve
from tongbao import merchants
from tongbao.kit import ids
from tongbao.kit.db import Db
from tongbao.kit.sealing import Sealer, new_master_key, sealer_from_text
from tongbao.kit.signals import Signals
from tongbao.merchants import Directory, Merchant


@pytest.fixture
async def signals(database_url: str) -> AsyncIterator[Signals]:
    """This process's ear and mouth, wired as the application wires it."""
    signals = Signals(database_url)
    await signals.start()
    signals.listen("keys", lambda _: merchants.forget_keys())
    yield signals
    await signals.stop()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    db = await Db.connect(database_url, size=4)
    yield db
    await db.close()


@pytest.fixture
def sealer() -> Sealer:
    return sealer_from_text(new_master_key("k1"))


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with serve() as gateway:
        yield gateway


@pytest.fixture
async def merchant(db: Db) -> Merchant:
    return await db.run(lambda tx: merchants.create_merchant(tx, "A coffee shop"))


@pytest.fixture
async def directory(db: Db, sealer: Sealer) -> AsyncIterator[Directory]:
    async with aiohttp.ClientSession() as transport:
        yield Directory(db, sealer, transport, "https://pay.example")


@pytest.fixture
def app_id() -> str:
    """An app id that no other test has."""
    return ids.new("wx")
