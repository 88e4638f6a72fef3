from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio

from tests.channels import wechatpay_vectors
from tests.channels.sandbox_process import sandbox_process
from tests.channels.scripted_gateway import ScriptedGateway, scripted_gateway
from tongbao.channels import Channel

# Claims fail with as many words as any other test.
pytest.register_assert_rewrite("tests.channels.suites")


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    async with scripted_gateway() as gateway:
        yield gateway


@pytest.fixture
def channel(transport: aiohttp.ClientSession, gateway: ScriptedGateway) -> Channel:
    """WeChat Pay, asking the scripted gateway, and impatient."""
    return wechatpay_vectors.opened(transport, base_url=gateway.base_url, timeout_seconds=0.4)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as url:
        yield url
