from __future__ import annotations

import asyncio
import json
import socket
import traceback
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.scripted_gateway import failure, scripted_gateway
from tongbao import hosts
from tongbao.hosts import Identity
from tongbao.hosts.wechat import api as wechat
from tongbao.kit.errors import ChannelError, Refusal, Rejected, Unavailable, Uncertain

SECRET = "0123456789abcdef0123456789abcdef"
APP = {"app_id": "wxd678efh567hg6787", "app_secret": SECRET}
SESSION = {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="}


def read(fields: dict[str, Any], status: int = 200) -> Identity:
    return wechat.read_identity(wechat.read_answer(status, json.dumps(fields).encode()))


def everything_it_says(error: BaseException) -> str:
    """An error as any logger could write it out: itself, its traceback, and whatever hangs on it."""
    chained = [link for link in (error.__cause__, error.__context__) if link]
    return "".join([repr(error), *traceback.format_exception(error), *map(everything_it_says, chained)])


async def test_a_code_is_exchanged_in_one_request_for_who_logged_in() -> None:
    async with scripted_gateway() as platform, aiohttp.ClientSession() as transport:
        platform.answers(200, json.dumps(SESSION | {"unionid": "o6_bmasdasdsad6_2sgVt7hMZOPfL"}).encode())
        host = hosts.open_host("wechat", APP | {"base_url": platform.base_url}, transport)
        identity = await host.exchange_code("0a1&b=c 甲")
    ((request, _),) = platform.asked
    assert (request.method, request.path) == ("GET", "/sns/jscode2session")
    assert dict(request.query) == {
        "appid": "wxd678efh567hg6787",
        "secret": SECRET,
        "js_code": "0a1&b=c 甲",
        "grant_type": "authorization_code",
    }
    assert identity == Identity(SESSION["openid"], "o6_bmasdasdsad6_2sgVt7hMZOPfL", SESSION["session_key"])


def test_errcode_zero_or_missing_is_a_log_in() -> None:
    assert read(SESSION) == read(SESSION | {"errcode": 0, "errmsg": "ok"})
    assert read(SESSION).union_subject is None


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (-1, Unavailable),
        (45011, Unavailable),
        (40013, Rejected),
        (40029, Rejected),
        (40125, Rejected),
        (40163, Rejected),
        (40226, Rejected),
        (41002, Rejected),
        (41004, Rejected),
        (41008, Rejected),
        (99999, Rejected),
    ],
)
def test_every_errcode_is_sorted_by_what_to_do_next(errcode: int, kind: type[ChannelError]) -> None:
    with pytest.raises(ChannelError) as caught:
        read({"errcode": errcode, "errmsg": "invalid code, rid: 1"})
    assert (type(caught.value), caught.value.code) == (kind, str(errcode))
    assert caught.value.message == "invalid code, rid: 1"


@given(st.binary(max_size=40) | st.sampled_from([b"{}", b'{"errcode":"0"}', b'{"errcode":[]}', b'{"openid":5}']))
def test_an_answer_in_no_known_shape_is_uncertain(answer: bytes) -> None:
    with pytest.raises(Uncertain, match="malformed"):
        wechat.read_identity(wechat.read_answer(200, answer))


@pytest.mark.parametrize("nobody", ["", " "])
def test_a_log_in_of_nobody_is_none(nobody: str) -> None:
    with pytest.raises(Uncertain, match="no_subject"):
        read(SESSION | {"openid": nobody})


def test_a_log_in_counts_only_with_status_200() -> None:
    with pytest.raises(Uncertain, match="malformed"):
        read(SESSION, status=502)


async def hang(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    raise AssertionError


async def break_off(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.abort()
    return web.Response()


async def garble(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.write(b"neither HTTP nor anything else\r\n\r\n")
    return await break_off(request)


async def redirect(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": str(request.url.with_path("/elsewhere"))})


async def test_a_question_that_may_have_arrived_is_uncertain_and_never_shows_the_secret() -> None:
    async with scripted_gateway() as platform, aiohttp.ClientSession() as transport:
        settings = {**APP, "base_url": platform.base_url, "timeout_seconds": 0.3}
        host = hosts.open_host("wechat", settings, transport)
        for script in (hang, break_off, garble, redirect):
            platform.script = script
            error = await failure(host.exchange_code("a code"))
            assert type(error) is Uncertain
            assert SECRET not in everything_it_says(error)
        assert {request.path for request, _ in platform.asked} == {"/sns/jscode2session"}


async def test_a_question_that_never_arrived_is_unavailable_and_never_shows_the_secret() -> None:
    async with aiohttp.ClientSession() as transport:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{unused.getsockname()[1]}"
            error = await failure(hosts.open_host("wechat", APP | {"base_url": address}, transport).exchange_code("c"))
    assert type(error) is Unavailable
    assert SECRET not in everything_it_says(error)


async def test_a_question_that_waited_in_vain_for_a_connection_is_unavailable_and_never_shows_the_secret() -> None:
    arrived = asyncio.Event()

    async def hang_on(request: web.Request) -> web.StreamResponse:
        arrived.set()
        return await hang(request)

    one_at_a_time = aiohttp.TCPConnector(limit=1)
    async with scripted_gateway() as platform, aiohttp.ClientSession(connector=one_at_a_time) as transport:
        platform.script = hang_on
        settings = {**APP, "base_url": platform.base_url}
        first = asyncio.create_task(hosts.open_host("wechat", settings, transport).exchange_code("first"))
        await arrived.wait()
        hurried = hosts.open_host("wechat", settings | {"timeout_seconds": 0.4}, transport)
        error = await failure(hurried.exchange_code("second"))
        first.cancel()
    assert type(error) is Unavailable
    assert SECRET not in everything_it_says(error)


def test_neither_secret_nor_person_shows_when_written_out() -> None:
    assert SECRET not in repr(wechat.read_app(APP))
    shown = repr(read(SESSION | {"unionid": "o6_bmasdasdsad6_2sgVt7hMZOPfL"}))
    assert not any(secret in shown for secret in (*SESSION.values(), "o6_bmasdasdsad6_2sgVt7hMZOPfL"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app_id", None),
        ("app_id", "1230000109"),
        ("app_secret", None),
        ("app_secret", "short"),
        ("base_url", "api.weixin.qq.com"),
        ("timeout_seconds", 0),
    ],
)
def test_a_bad_setting_is_refused_by_name_with_a_cure(field: str, value: object) -> None:
    with pytest.raises(Refusal) as refusal:
        hosts.validate_app("wechat", {**APP, field: value})
    assert (refusal.value.code, refusal.value.status, refusal.value.values["field"]) == ("invalid_app", 400, field)


def test_hosts_are_known_by_name_and_declare_their_secrets() -> None:
    assert set(hosts.host_names()) >= {"wechat", "wechat_web"}
    assert hosts.secret_fields("wechat") == hosts.secret_fields("wechat_web") == {"app_secret"}
    with pytest.raises(Refusal) as refusal:
        hosts.validate_app("browser", {})
    assert (refusal.value.code, refusal.value.values) == ("unknown_host", {"host": "browser"})
