"""The WeChat host against the sandbox: what unit tests cannot know of the other side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.channels.scripted_gateway import failure
from tongbao import hosts
from tongbao.hosts import Host
from tongbao.kit.errors import Rejected


@dataclass
class Platform:
    """The sandbox's mini-program platform, and the app of its test merchant."""

    control_url: str
    transport: aiohttp.ClientSession
    credentials: dict[str, Any]

    def host(self, **changes: Any) -> Host:
        settings = {
            "app_id": self.credentials["appid"],
            "app_secret": self.credentials["app_secret"],
            "base_url": self.credentials["miniprogram_base_url"],
        }
        return hosts.open_host("wechat", settings | changes, self.transport)

    async def log_in(self) -> str:
        """The code that `wx.login` would give the buyer."""
        answer = await self.ask("POST", "/wechat/buyer/login", {"appid": self.credentials["appid"]})
        return str(answer["code"])

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with self.transport.request(method, self.control_url + path, json=body) as response:
            response.raise_for_status()
            return await response.json()


@pytest_asyncio.fixture
async def platform(sandbox: str) -> AsyncIterator[Platform]:
    async with aiohttp.ClientSession() as transport:
        platform = Platform(sandbox, transport, {})
        platform.credentials = (await platform.ask("GET", "/credentials"))["wechat"]
        yield platform
        await platform.ask("POST", "/reset")


async def test_a_code_tells_who_logged_in(platform: Platform) -> None:
    identity = await platform.host().exchange_code(await platform.log_in())
    assert identity.subject == platform.credentials["openid"]
    assert identity.session_key


async def test_a_code_works_once(platform: Platform) -> None:
    code = await platform.log_in()
    await platform.host().exchange_code(code)
    error = await failure(platform.host().exchange_code(code))
    assert isinstance(error, Rejected)
    assert error.code in {"40029", "40163"}


async def test_a_code_works_for_five_minutes(platform: Platform) -> None:
    code = await platform.log_in()
    await platform.ask("PUT", "/clock", {"offset_seconds": 301})
    error = await failure(platform.host().exchange_code(code))
    assert (type(error), error.code) == (Rejected, "40029")


@pytest.mark.parametrize("code", ["", "never given", "0a1&openid=x", "码" * 50])
async def test_a_code_that_was_never_given_is_rejected(platform: Platform, code: str) -> None:
    assert type(await failure(platform.host().exchange_code(code))) is Rejected


@pytest.mark.parametrize("change", [{"app_id": "wx0000000000000000"}, {"app_secret": "0" * 32}])
async def test_another_app_or_a_wrong_secret_is_rejected_and_the_code_still_works(
    platform: Platform, change: dict[str, str]
) -> None:
    code = await platform.log_in()
    assert type(await failure(platform.host(**change).exchange_code(code))) is Rejected
    assert (await platform.host().exchange_code(code)).subject
