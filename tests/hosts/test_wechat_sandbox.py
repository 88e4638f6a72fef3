"""The WeChat host against the sandbox: what unit tests cannot know of the other side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.channels.scripted_gateway import failure
from tests.hosts.platform import Platform
from tongbao import hosts
from tongbao.hosts import Host, PhoneNumber
from tongbao.kit.errors import Rejected


class WeChat(Platform):
    """The sandbox's mini-program platform, and the app of its test merchant."""

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

    async def agree(self, number: str, country_code: str = "86") -> str:
        """The code that the button for the phone number would give."""
        wish = {"appid": self.credentials["appid"], "number": number, "country_code": country_code}
        return str((await self.ask("POST", "/wechat/buyer/phone", wish))["code"])


@pytest_asyncio.fixture
async def platform(sandbox: str) -> AsyncIterator[WeChat]:
    async with aiohttp.ClientSession() as transport:
        platform = WeChat(sandbox, transport, {})
        platform.credentials = (await platform.ask("GET", "/credentials"))["wechat"]
        yield platform
        await platform.ask("POST", "/reset")


async def test_a_code_tells_who_logged_in(platform: WeChat) -> None:
    identity = await platform.host().exchange_code(await platform.log_in())
    assert identity.subject == platform.credentials["openid"]
    assert identity.session_key


async def test_a_code_works_once(platform: WeChat) -> None:
    code = await platform.log_in()
    await platform.host().exchange_code(code)
    error = await failure(platform.host().exchange_code(code))
    assert isinstance(error, Rejected)
    assert error.code in {"40029", "40163"}


async def test_a_code_works_for_five_minutes(platform: WeChat) -> None:
    code = await platform.log_in()
    await platform.ask("PUT", "/clock", {"offset_seconds": 301})
    error = await failure(platform.host().exchange_code(code))
    assert (type(error), error.code) == (Rejected, "40029")


@pytest.mark.parametrize("code", ["", "never given", "0a1&openid=x", "码" * 50])
async def test_a_code_that_was_never_given_is_rejected(platform: WeChat, code: str) -> None:
    assert type(await failure(platform.host().exchange_code(code))) is Rejected


@pytest.mark.parametrize("change", [{"app_id": "wx0000000000000000"}, {"app_secret": "0" * 32}])
async def test_another_app_or_a_wrong_secret_is_rejected_and_the_code_still_works(
    platform: WeChat, change: dict[str, str]
) -> None:
    code = await platform.log_in()
    assert type(await failure(platform.host(**change).exchange_code(code))) is Rejected
    assert (await platform.host().exchange_code(code)).subject


@pytest.mark.parametrize("phone", [PhoneNumber("86", "13812348000"), PhoneNumber("49", "15112345678")])
async def test_a_consent_gives_the_phone_number_once(platform: WeChat, phone: PhoneNumber) -> None:
    host, consent = platform.host(), await platform.agree(phone.number, phone.country_code)
    assert await host.phone_number(consent) == phone
    assert type(await failure(host.phone_number(consent))) is Rejected
    assert await host.phone_number(await platform.agree(phone.number, phone.country_code)) == phone


async def test_a_log_in_code_is_no_consent(platform: WeChat) -> None:
    error = await failure(platform.host().phone_number(await platform.log_in()))
    assert (type(error), error.code) == (Rejected, "40029")


async def test_who_has_the_wrong_secret_sees_no_phone_number(platform: WeChat) -> None:
    consent = await platform.agree("13812348000")
    assert type(await failure(platform.host(app_secret="0" * 32).phone_number(consent))) is Rejected
    assert await platform.host().phone_number(consent)
