"""Pages inside WeChat: the silent log-in of an official account."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.channels.scripted_gateway import failure, scripted_gateway
from tests.hosts.test_wechat import APP, SECRET, everything_it_says
from tongbao import hosts
from tongbao.hosts import Host, Identity
from tongbao.kit.errors import Refusal, Rejected, Uncertain

OPENID = "oYbGRs8MmU6bESxXcX2Z0rFRivjQ"
ANSWER = {"access_token": "AT-1", "expires_in": 7200, "refresh_token": "RT", "openid": OPENID, "scope": "snsapi_base"}


async def exchange(answer: dict[str, Any]) -> tuple[Identity, Any]:
    async with scripted_gateway() as platform, aiohttp.ClientSession() as transport:
        platform.answers(200, json.dumps(answer).encode())
        host = hosts.open_host("wechat_web", APP | {"base_url": platform.base_url}, transport)
        identity = await host.exchange_code("a code", profile=True)
    ((request, _),) = platform.asked
    return identity, request


async def ready() -> Host:
    async with aiohttp.ClientSession() as transport:
        return hosts.open_host("wechat_web", APP | {"open_base_url": "http://127.0.0.1:1/"}, transport)


async def test_a_code_is_exchanged_for_who_came_and_nothing_else_is_kept() -> None:
    identity, request = await exchange(ANSWER)
    assert (request.method, request.path) == ("GET", "/sns/oauth2/access_token")
    assert dict(request.query) == {
        "appid": APP["app_id"],
        "secret": SECRET,
        "code": "a code",
        "grant_type": "authorization_code",
    }
    assert identity == Identity(OPENID, None, None)


async def test_one_who_only_previews_the_page_is_nobody() -> None:
    error = await failure(exchange(ANSWER | {"is_snapshotuser": 1}))
    assert (type(error), error.code) == (Rejected, "snapshot_user")


@pytest.mark.parametrize("errcode", [40029, 40163, 41008])
async def test_a_code_that_does_not_work_is_rejected_and_shows_no_secret(errcode: int) -> None:
    error = await failure(exchange({"errcode": errcode, "errmsg": "invalid code, rid: 1"}))
    assert (type(error), error.code) == (Rejected, str(errcode))
    assert SECRET not in everything_it_says(error)


@pytest.mark.parametrize("answer", [{}, {"openid": ""}, {"openid": 1}])
async def test_an_answer_that_names_nobody_is_uncertain(answer: dict[str, Any]) -> None:
    assert type(await failure(exchange({"access_token": "AT-1"} | answer))) is Uncertain


async def test_the_log_in_address_is_as_wechat_insists() -> None:
    url = (await ready()).login_url("https://pay.example/o/1?a=b&c=甲", "s1")
    redirect_uri = "https%3A%2F%2Fpay.example%2Fo%2F1%3Fa%3Db%26c%3D%E7%94%B2"
    assert url == (
        f"http://127.0.0.1:1/connect/oauth2/authorize?appid={APP['app_id']}&redirect_uri={redirect_uri}"
        "&response_type=code&scope=snsapi_base&state=s1#wechat_redirect"
    )


async def test_a_page_is_shown_no_phone_number() -> None:
    assert (await failure((await ready()).phone_number("a code"))).code == "unsupported"


async def test_a_mini_program_has_no_log_in_page() -> None:
    async with aiohttp.ClientSession() as transport:
        with pytest.raises(Rejected, match="unsupported"):
            hosts.open_host("wechat", APP, transport).login_url("https://pay.example", "s1")


@pytest.mark.parametrize(("field", "value"), [("app_secret", "short"), ("open_base_url", "https://a.example/path")])
def test_a_bad_setting_is_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(Refusal) as refusal:
        hosts.validate_app("wechat_web", {**APP, field: value})
    assert (refusal.value.code, refusal.value.values["field"]) == ("invalid_app", field)
