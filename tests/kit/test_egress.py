from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tongbao.kit.egress import BODY_LIMIT_BYTES, Unanswered, check_url, guarded_session, post
from tongbao.kit.errors import Refusal
from tools.urls import ALLOWED, REFUSED


@pytest.mark.parametrize("url", ALLOWED)
def test_an_address_on_the_internet_is_allowed(url: str) -> None:
    assert check_url(url, False).scheme == "https"


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_any_other_address_is_refused_with_its_reason(url: str, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_url(url, False)
    assert (refused.value.code, refused.value.status) == ("egress_forbidden", 422)
    assert refused.value.values["reason"] == reason


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/hook", "http://localhost:22/", "https://10.0.0.1/", "http://db/"]
)
def test_the_operator_may_open_the_house(url: str) -> None:
    assert check_url(url, True)


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "http://0x7f.1/", "ftp://localhost/"],
)
def test_even_an_opened_house_keeps_its_metadata(url: str) -> None:
    with pytest.raises(Refusal):
        check_url(url, True)


class Names(AbstractResolver):
    """A resolver whose one name moves from address to address."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        address = self.addresses[min(self.asked, len(self.addresses)) - 1]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        pass


class House:
    """A server on loopback that counts who comes."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self.port = 0

    async def open(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.visit)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        return runner

    async def visit(self, request: web.Request) -> web.StreamResponse:
        self.visits.append(request.path)
        match request.path:
            case "/redirect":
                return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{self.port}/secret"})
            case "/cookie":
                return web.Response(headers={"Set-Cookie": "a=b"})
            case "/seen":
                return web.json_response({name.lower(): value for name, value in request.headers.items()})
            case "/flood":
                return await self.flood(request)
            case "/hang":
                await asyncio.sleep(60)
        return web.Response(text="ok")

    async def flood(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 65536)
        self.visits.append("flooded to the end")
        return response

    def url(self, path: str, host: str = "127.0.0.1") -> URL:
        return URL(f"http://{host}:{self.port}/{path}")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    runner = await house.open()
    yield house
    await runner.cleanup()


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
async def test_a_name_that_resolves_into_the_house_is_not_dialled(house: House, address: str) -> None:
    async with guarded_session(False, resolver=Names(address)) as session:
        with pytest.raises(Unanswered, match="egress_forbidden"):
            await post(session, house.url("secret", "shop.example.com"), b"{}", {})
    assert house.visits == []


async def test_a_name_that_is_rebound_after_the_check_is_not_dialled(house: House) -> None:
    names = Names("93.184.215.14", "127.0.0.1")
    await names.resolve("shop.example.com")  # somebody checks it: it looks good
    check_url("https://shop.example.com/", False)
    async with guarded_session(False, resolver=names) as session:
        with pytest.raises(Unanswered, match="egress_forbidden"):
            await post(session, house.url("secret", "shop.example.com"), b"{}", {})
    assert (names.asked, house.visits) == (2, [])


async def test_a_number_that_skipped_the_first_check_is_not_dialled(house: House) -> None:
    async with guarded_session(False) as session:
        for host, reason in (("127.0.0.1", "forbidden"), ("localhost", "forbidden"), ("2130706433", "unreachable")):
            with pytest.raises(Unanswered, match=reason):
                await post(session, house.url("secret", host), b"{}", {})
    assert house.visits == []


async def test_a_redirect_is_an_answer_and_is_not_followed(house: House) -> None:
    async with guarded_session(True) as session:
        assert (await post(session, house.url("redirect"), b"{}", {})).status == 302
    assert house.visits == ["/redirect"]


async def test_no_cookie_is_kept_and_no_proxy_heeded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with guarded_session(True) as session:
        await post(session, house.url("cookie"), b"{}", {})
        async with session.post(house.url("seen")) as response:
            seen: dict[str, Any] = await response.json()
    assert "cookie" not in seen


async def test_an_endless_answer_is_cut(house: House) -> None:
    async with guarded_session(True) as session:
        assert (await post(session, house.url("flood"), b"{}", {})).status == 200
    await asyncio.sleep(0.1)
    assert "flooded to the end" not in house.visits
    assert BODY_LIMIT_BYTES < 1000 * 65536


async def test_silence_is_a_time_out(house: House) -> None:
    async with guarded_session(True, timeout_seconds=0.2) as session:
        with pytest.raises(Unanswered, match="timed_out"):
            await post(session, house.url("hang"), b"{}", {})


async def test_a_closed_port_is_unreachable_and_plain_http_fails_tls(house: House) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with guarded_session(True) as session:
            with pytest.raises(Unanswered, match="unreachable"):
                await post(session, URL(f"http://127.0.0.1:{closed.getsockname()[1]}/"), b"{}", {})
            with pytest.raises(Unanswered, match="tls_failed"):
                await post(session, house.url("x").with_scheme("https"), b"{}", {})


async def test_a_name_nobody_knows_is_said_to_be_unknown() -> None:
    class Nobody(Names):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            raise OSError("no such name")

    async with guarded_session(True, resolver=Nobody()) as session:
        with pytest.raises(Unanswered, match="name_unknown"):
            await post(session, URL("http://shop.example.com/"), b"{}", {})


async def test_one_connection_serves_many_calls(house: House) -> None:
    dialled: list[object] = []
    trace = aiohttp.TraceConfig()

    async def on_dial(*args: object) -> None:
        dialled.append(args)

    trace.on_connection_create_start.append(on_dial)
    async with guarded_session(True) as session:
        session.trace_configs.append(trace)
        trace.freeze()
        for _ in range(5):
            await post(session, house.url("x"), b"{}", {})
    assert len(dialled) == 1
