"""A buyer's phone number from WeChat, and the access token that it takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.channels.scripted_gateway import ScriptedGateway, failure, scripted_gateway
from tests.hosts.test_wechat import APP, SECRET, everything_it_says
from tongbao import hosts
from tongbao.hosts import Host, PhoneNumber
from tongbao.kit import clock
from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain

NUMBER = "13800008000"
INFO = {"phoneNumber": NUMBER, "purePhoneNumber": NUMBER, "countryCode": "86", "watermark": {"appid": APP["app_id"]}}
REFUSED_TOKEN = {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"}


class WeChat:
    """A platform that counts its tokens, takes only the newest, and answers phone codes as it is told."""

    def __init__(self, platform: ScriptedGateway, transport: aiohttp.ClientSession) -> None:
        self.tokens: list[dict[str, Any]] = []
        self.token_answer: dict[str, Any] = {}
        self.consents: list[str] = []
        self.answer: dict[str, Any] = {"errcode": 0, "errmsg": "ok", "phone_info": INFO}
        platform.script = self.reply
        self.host: Host = hosts.open_host("wechat", APP | {"base_url": platform.base_url}, transport)

    async def reply(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        if request.path == "/cgi-bin/stable_token":
            self.tokens.append(body)
            await asyncio.sleep(0.02)
            return web.json_response({"access_token": self.newest, "expires_in": 7200} | self.token_answer)
        assert request.path == "/wxa/business/getuserphonenumber"
        if request.query["access_token"] != self.newest:
            return web.json_response(REFUSED_TOKEN)
        self.consents.append(body["code"])
        return web.json_response(self.answer)

    @property
    def newest(self) -> str:
        return f"token-{len(self.tokens)}"

    def forget(self) -> None:
        """Somebody else had the token exchanged."""
        self.tokens.append({})


@pytest.fixture
async def wechat() -> AsyncIterator[WeChat]:
    async with scripted_gateway() as platform, aiohttp.ClientSession() as transport:
        yield WeChat(platform, transport)


@pytest.fixture
def moved_clock() -> Iterator[None]:
    yield
    clock.move(0)


async def test_a_consent_is_exchanged_for_the_number(wechat: WeChat) -> None:
    assert await wechat.host.phone_number("a code") == PhoneNumber("86", NUMBER)
    assert wechat.consents == ["a code"]
    question = {"grant_type": "client_credential", "appid": APP["app_id"], "secret": SECRET, "force_refresh": False}
    assert wechat.tokens == [question]


async def test_however_many_ask_at_once_one_token_is_asked_for(wechat: WeChat) -> None:
    await asyncio.gather(*(wechat.host.phone_number(f"code-{n}") for n in range(10)))
    await wechat.host.phone_number("later")
    assert len(wechat.tokens) == 1
    assert len(wechat.consents) == 11


async def test_a_token_is_renewed_in_its_last_minutes(wechat: WeChat, moved_clock: None) -> None:
    for seconds, asked in ((0, 1), (7200 - 300, 1), (7200 - 200, 2)):
        clock.move(seconds)
        await wechat.host.phone_number("a code")
        assert len(wechat.tokens) == asked


async def test_a_token_that_is_not_taken_any_more_is_asked_for_anew_once_for_all(wechat: WeChat) -> None:
    await wechat.host.phone_number("first")
    wechat.forget()
    await asyncio.gather(*(wechat.host.phone_number(f"code-{n}") for n in range(5)))
    assert len(wechat.tokens) == 3
    assert len(wechat.consents) == 6


async def test_a_token_that_is_never_taken_is_asked_for_twice_and_no_more(wechat: WeChat) -> None:
    wechat.token_answer = {"access_token": "stale"}
    error = await failure(wechat.host.phone_number("a code"))
    assert (type(error), error.code) == (Rejected, "40001")
    assert len(wechat.tokens) == 2


async def test_a_failed_renewal_is_everybodys_and_the_next_one_asks_again(wechat: WeChat) -> None:
    wechat.token_answer = {"errcode": -1, "errmsg": "system error"}
    asked = (wechat.host.phone_number(f"code-{n}") for n in range(4))
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in errors] == [Unavailable] * 4
    assert len(wechat.tokens) == 1
    wechat.token_answer = {}
    await wechat.host.phone_number("a code")


async def test_one_who_stops_waiting_for_the_token_stops_nobody_else(wechat: WeChat) -> None:
    first, second = (asyncio.create_task(wechat.host.phone_number(code)) for code in ("first", "second"))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == PhoneNumber("86", NUMBER)
    assert wechat.consents == ["second"]


@pytest.mark.parametrize(
    ("errcode", "kind"), [(-1, Unavailable), (45011, Unavailable), (40013, Rejected), (40029, Rejected)]
)
async def test_a_no_to_the_consent_is_sorted_by_what_to_do_next(
    wechat: WeChat, errcode: int, kind: type[ChannelError]
) -> None:
    wechat.answer = {"errcode": errcode, "errmsg": "no"}
    error = await failure(wechat.host.phone_number("a code"))
    assert (type(error), error.code) == (kind, str(errcode))


async def test_a_foreign_number_is_given_without_its_country_code(wechat: WeChat) -> None:
    # WeChat's own example has the country code as a number.
    wechat.answer = {"phone_info": INFO | {"phoneNumber": "+4915112345678", "purePhoneNumber": "15112345678"}}
    wechat.answer["phone_info"]["countryCode"] = 49
    assert await wechat.host.phone_number("a code") == PhoneNumber("49", "15112345678")


async def test_an_account_without_a_number_is_told_apart(wechat: WeChat) -> None:
    wechat.answer = {"phone_info": INFO | {"purePhoneNumber": ""}}
    error = await failure(wechat.host.phone_number("a code"))
    assert (type(error), error.code) == (Rejected, "no_phone_number")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"phone_info": None},
        {"phone_info": []},
        {"phone_info": {"countryCode": "86"}},
        {"phone_info": {"countryCode": "86", "purePhoneNumber": None}},
        {"phone_info": {"countryCode": "86", "purePhoneNumber": "138 0000"}},
        {"phone_info": {"countryCode": "+86", "purePhoneNumber": NUMBER}},
        {"phone_info": {"purePhoneNumber": NUMBER}},
    ],
)
async def test_what_is_no_number_is_uncertain(wechat: WeChat, answer: dict[str, Any]) -> None:
    wechat.answer = answer
    assert type(await failure(wechat.host.phone_number("a code"))) is Uncertain


@pytest.mark.parametrize("answer", [{"access_token": ""}, {"access_token": None}, {"expires_in": "7200"}])
async def test_what_is_no_token_is_uncertain_and_the_consent_is_not_sent(
    wechat: WeChat, answer: dict[str, Any]
) -> None:
    wechat.token_answer = answer
    assert type(await failure(wechat.host.phone_number("a code"))) is Uncertain
    assert wechat.consents == []


async def test_no_error_shows_number_token_consent_or_secret(wechat: WeChat) -> None:
    await wechat.host.phone_number("first")
    for answer in ({"errcode": 40029}, {"phone_info": {"countryCode": "x", "purePhoneNumber": NUMBER}}):
        wechat.answer = answer
        said = everything_it_says(await failure(wechat.host.phone_number("my-consent")))
        assert not any(secret in said for secret in (NUMBER, wechat.newest, "my-consent", SECRET))


def test_a_number_is_masked_for_all_but_its_owner() -> None:
    assert PhoneNumber("86", "13812348000").masked == "138****8000"
    assert PhoneNumber("49", "151123456").masked == "****56"
    assert "8000" not in repr(PhoneNumber("86", NUMBER))
