from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.channels import wechatpay_vectors as vectors
from tests.channels.scripted_gateway import ScriptedGateway, failure
from tests.channels.wechatpay_vectors import CHARGE
from tongbao.channels import Channel
from tongbao.kit.errors import Unavailable, Uncertain

PREPAID = b'{"prepay_id":"wx201410272009395522657a690389285100"}'
Verb = Callable[[Channel], Awaitable[object]]

VERBS: dict[str, Verb] = {
    "prepare": lambda channel: channel.prepare(CHARGE),
    "collect": lambda channel: channel.collect(replace(CHARGE, method="code"), "134567890123456789"),
    "reverse": lambda channel: channel.reverse(CHARGE.attempt_id, CHARGE.app_id),
    "query": lambda channel: channel.query(CHARGE.attempt_id),
    "close": lambda channel: channel.close(CHARGE.attempt_id),
    "refund": lambda channel: channel.refund(vectors.REFUND_ORDER),
    "query_refund": lambda channel: channel.query_refund(vectors.REFUND_ORDER.refund_id, CHARGE.attempt_id),
    "redirect_refund": lambda channel: channel.redirect_refund(vectors.TO_THE_BUYERS_CARD),
    "fetch_platform_keys": lambda channel: channel.fetch_platform_keys(),
}


@pytest.fixture(params=sorted(VERBS))
def verb(request: pytest.FixtureRequest) -> Verb:
    return VERBS[request.param]


async def test_every_request_has_the_headers_they_require_and_asks_for_the_public_keys_signature(
    channel: Channel, gateway: ScriptedGateway, verb: Verb
) -> None:
    gateway.answers(500)
    await failure(verb(channel))
    ((request, body),) = gateway.asked
    vectors.assert_signed_by_the_merchant(request, body)
    assert request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"] == "tongbao"
    assert request.headers["Wechatpay-Serial"] == vectors.PUBLIC_KEY_ID
    assert "Accept-Encoding" not in request.headers
    assert not body or request.headers["Content-Type"] == "application/json"


async def test_a_gateway_that_does_not_listen_never_heard_us(transport: aiohttp.ClientSession, verb: Verb) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert type(await failure(verb(vectors.opened(transport, base_url=address)))) is Unavailable


async def test_a_name_that_is_not_found_never_heard_us() -> None:
    class NoNames(aiohttp.abc.AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
            raise OSError("no such name")

        async def close(self) -> None:
            pass

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoNames())) as transport:
        assert type(await failure(vectors.opened(transport).query(CHARGE.attempt_id))) is Unavailable


async def test_a_handshake_that_fails_never_told_them_anything(
    transport: aiohttp.ClientSession, gateway: ScriptedGateway
) -> None:
    channel = vectors.opened(transport, base_url=gateway.base_url.replace("http:", "https:"))
    assert type(await failure(channel.prepare(CHARGE))) is Unavailable
    assert gateway.asked == []


async def test_waiting_in_vain_for_a_connection_never_told_them_anything(gateway: ScriptedGateway) -> None:
    arrived = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.sleep(30)
        raise AssertionError

    gateway.script = hang
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as transport:
        first = asyncio.create_task(
            vectors.opened(transport, base_url=gateway.base_url, timeout_seconds=2).query(CHARGE.attempt_id)
        )
        await arrived.wait()
        second = vectors.opened(transport, base_url=gateway.base_url, timeout_seconds=0.4)
        assert type(await failure(second.prepare(CHARGE))) is Unavailable
        first.cancel()


async def test_an_answer_that_does_not_come_in_time_is_uncertain(
    channel: Channel, gateway: ScriptedGateway, verb: Verb
) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    gateway.script = hang
    error = await failure(verb(channel))
    assert (type(error), error.code) == (Uncertain, "no_answer")
    assert len(gateway.asked) == 1


async def test_a_connection_broken_off_after_the_request_is_uncertain(
    channel: Channel, gateway: ScriptedGateway, verb: Verb
) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    gateway.script = break_off
    assert type(await failure(verb(channel))) is Uncertain


async def test_an_answer_broken_off_in_the_middle_is_uncertain(channel: Channel, gateway: ScriptedGateway) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100", **vectors.signed(PREPAID)})
        await response.prepare(request)
        await response.write(PREPAID)
        assert request.transport
        request.transport.abort()
        return response

    gateway.script = half
    assert type(await failure(channel.prepare(CHARGE))) is Uncertain


async def test_a_redirect_is_not_followed(channel: Channel, gateway: ScriptedGateway) -> None:
    gateway.answers(307, b"", {"Location": f"{gateway.base_url}/elsewhere"})
    assert type(await failure(channel.prepare(CHARGE))) is Uncertain
    assert len(gateway.asked) == 1
