"""Pages inside WeChat against the sandbox: the way there and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from tests.channels.scripted_gateway import failure
from tests.hosts.platform import Platform
from tongbao import hosts
from tongbao.hosts import Host
from tongbao.kit.errors import Rejected

BACK = "https://pay.example/back?order=1&shop=甲"


class WeChatWeb(Platform):
    """The sandbox's WeChat, and the official account of its test merchant."""

    def host(self, **changes: Any) -> Host:
        address = self.credentials["miniprogram_base_url"]
        settings = {
            "app_id": self.credentials["web_appid"],
            "app_secret": self.credentials["web_app_secret"],
            "base_url": address,
            "open_base_url": address,
        }
        return hosts.open_host("wechat_web", settings | changes, self.transport)

    async def come_back(self, host: Host) -> URL:
        """Where WeChat sends a browser that was sent to log in."""
        url = URL(host.login_url(BACK, "s1"), encoded=True)
        async with self.transport.get(url, allow_redirects=False) as response:
            assert response.status == 302, await response.text()
            return URL(response.headers["Location"])


@pytest_asyncio.fixture
async def platform(sandbox: str) -> AsyncIterator[WeChatWeb]:
    async with aiohttp.ClientSession() as transport:
        platform = WeChatWeb(sandbox, transport, {})
        platform.credentials = (await platform.ask("GET", "/credentials"))["wechat"]
        yield platform
        await platform.ask("POST", "/reset")


async def test_a_browser_sent_to_log_in_comes_back_with_a_code_that_tells_who_it_is(platform: WeChatWeb) -> None:
    host = platform.host()
    back = await platform.come_back(host)
    assert (back.origin(), back.path) == (URL(BACK).origin(), "/back")
    brought = {name: value for name, value in back.query.items() if name != "code"}
    assert brought == {"order": "1", "shop": "甲", "state": "s1"}
    identity = await host.exchange_code(back.query["code"])
    assert (identity.subject, identity.session_key) == (platform.credentials["web_openid"], None)


async def test_a_code_works_once(platform: WeChatWeb) -> None:
    host = platform.host()
    code = (await platform.come_back(host)).query["code"]
    await host.exchange_code(code)
    error = await failure(host.exchange_code(code))
    assert isinstance(error, Rejected)
    assert error.code in {"40029", "40163"}


@pytest.mark.parametrize("code", ["", "never given", "0a1&openid=x"])
async def test_a_code_that_was_never_given_is_rejected(platform: WeChatWeb, code: str) -> None:
    assert type(await failure(platform.host().exchange_code(code))) is Rejected


async def test_who_has_the_wrong_secret_learns_nothing(platform: WeChatWeb) -> None:
    code = (await platform.come_back(platform.host())).query["code"]
    assert type(await failure(platform.host(app_secret="0" * 32).exchange_code(code))) is Rejected
