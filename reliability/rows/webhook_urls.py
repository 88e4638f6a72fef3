"""Webhook addresses that lead into the house: refused when given, and never dialled whatever a name resolves to."""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from ipaddress import ip_address
from typing import Any

import click.testing
from aiohttp.abc import AbstractResolver, ResolveResult

from reliability.merchant import Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from tongbao import webhooks
from tongbao.cli.context import Context
from tongbao.cli.webhooks import webhook
from tongbao.kit import clock, egress
from tongbao.kit.db import Tx
from tongbao.settings import Settings
from tongbao.webhooks import Courier
from tools.urls import ADDRESSES, ALLOWED, REFUSED

_CLOSED = {"TONGBAO_ALLOW_PRIVATE_WEBHOOKS": "no"}
_LONGEST_NOTIFY_CHARACTERS = 255
_INSIDE = ("http://127.0.0.1:{port}/secret", "http://[::1]:{port}/secret", "http://169.254.169.254/latest/meta-data/")
_REDIRECTS = (301, 302, 303, 307, 308)


class Rebound(AbstractResolver):
    """Every name leads into the house: `r7.example.com` to the seventh address, and with it to the next."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        number = int(host.split(".")[0][1:])
        pair = (ADDRESSES[number], ADDRESSES[(number + 1) % len(ADDRESSES)])
        return [
            ResolveResult(hostname=host, host=each, port=port, family=_family(each), proto=0, flags=0) for each in pair
        ]

    async def close(self) -> None:
        """Nothing is held."""


class House:
    """A server inside the house. It counts who comes, and sends who asks for `/redirect/N/M` elsewhere."""

    def __init__(self) -> None:
        self.visits: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Any connection at all is a visit; only a redirect is an answer."""
        line = (await reader.readline()).strip()
        self.visits.append(line)
        parts = line.split(b"/")
        if parts[1:2] == [b"redirect"]:
            status, where = _REDIRECTS[int(parts[2])], _INSIDE[int(parts[3].split()[0])].format(port=self.port)
            writer.write(f"HTTP/1.1 {status} Moved\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        writer.close()


@asynccontextmanager
async def _house() -> AsyncIterator[House]:
    house = House()
    server = await asyncio.start_server(house.serve, "127.0.0.1", 0)
    house.port = server.sockets[0].getsockname()[1]
    async with server:
        yield house


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """Give every address to the command line and to an order; dial every name; follow no redirect."""
    progress.of(2 * len(REFUSED) + 2 * len(ALLOWED) + len(ADDRESSES))
    async with Stage.open(worker_apart=True, environment=_CLOSED) as stage, _house() as house:
        assert stage.worker
        await stage.worker.stop()
        violations = await asyncio.to_thread(_by_command, stage, await stage.merchant(), progress)
        violations += await _by_orders(await stage.merchant(), progress)
        violations += await _dialled(await stage.merchant(), house, progress)
        violations += await _redirected(await stage.merchant(), house)
    return Outcome(
        did=(
            f"{len(REFUSED)} addresses that lead inside and {len(ALLOWED)} that do not, by `tongbao webhook add` and "
            f"by an order's `notify`; names that resolve to {len(ADDRESSES)} inside addresses; redirects to the inside"
        ),
        count=2 * (len(REFUSED) + len(ALLOWED)) + len(ADDRESSES) + len(_REDIRECTS) * len(_INSIDE),
        violations=tuple(violations),
    )


def _by_command(stage: Stage, merchant: Merchant, progress: Progress) -> list[str]:
    """`tongbao webhook add`: yes to what is outside, no to the rest."""
    environment = stage.server.program.environment | {"TONGBAO_DATABASE_URL": stage.database_url}
    context, runner = Context(Settings.from_environment(environment)), click.testing.CliRunner()
    found = []
    for url, is_allowed in _all():
        result = runner.invoke(webhook, ["add", merchant.merchant_id, "--", url], obj=context)
        if result.exit_code != (0 if is_allowed else 2):
            found.append(f"`tongbao webhook add` ended with {result.exit_code} for {url!r}: {result.output.strip()}")
        progress.step()
    return found


async def _by_orders(merchant: Merchant, progress: Progress) -> list[str]:
    """The same of an order's own address."""
    found = []
    for url, is_allowed in _all():
        answer = await merchant.order(merchant.draft(notify=url))
        too_long = len(url) > _LONGEST_NOTIFY_CHARACTERS or "\x00" in url
        code = "" if is_allowed else "invalid_request" if too_long else "egress_forbidden"
        if answer is None or (answer.body.get("code", "") if answer.body else None) != code:
            found.append(f"an order with notify {url!r} was answered with {answer}")
        progress.step()
    return found + [
        f"{endpoint.url!r} is an endpoint now"
        for endpoint in await webhooks.list_endpoints(merchant.stage.db, merchant.merchant_id)
        if endpoint.url not in (*ALLOWED, merchant.hook.url)
    ]


async def _dialled(merchant: Merchant, house: House, progress: Progress) -> list[str]:
    """A name that looked good when it was given, and resolves into the house when it is dialled."""
    urls = [f"https://r{number}.example.com:{house.port}/" for number in range(len(ADDRESSES))]
    async with egress.guarded_session(False, resolver=Rebound()) as session:
        with connects_to(house.port) as dialled:
            outcomes = await _told(merchant, urls, Courier(merchant.stage.db, merchant.stage.sealer, session))
    progress.step(steps=len(ADDRESSES))
    wrong = [
        f"{url}, which resolves to {address}, was tried: {outcomes.get(url)}"
        for url, address in zip(urls, ADDRESSES, strict=True)
        if outcomes.get(url) not in (("pending", "egress_forbidden"), ("pending", "unreachable"))
    ]
    return wrong + [f"{address} was dialled" for address in dialled]


@contextmanager
def connects_to(port: int) -> Iterator[list[object]]:
    """Every address of this port that any socket of this process is asked to connect to, while the block lasts."""
    addresses: list[object] = []
    is_watching = True

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if is_watching and event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][1] == port:
            addresses.append(arguments[1])

    sys.addaudithook(note)  # there is no taking it away
    yield addresses
    is_watching = False


async def _redirected(merchant: Merchant, house: House) -> list[str]:
    """Even where the house is open: a redirect is an answer like another, and is not followed."""
    ways = itertools.product(range(len(_REDIRECTS)), range(len(_INSIDE)))
    urls = [f"http://127.0.0.1:{house.port}/redirect/{status}/{where}" for status, where in ways]
    async with egress.guarded_session(True) as session:
        outcomes = await _told(merchant, urls, Courier(merchant.stage.db, merchant.stage.sealer, session))
    wrong = [f"{url} was taken for {outcomes.get(url)}" for url in urls if outcomes.get(url, ("",))[0] != "pending"]
    followed = [visit for visit in house.visits if b"/redirect/" not in visit]
    if len(house.visits) < len(urls):
        wrong.append(f"only {len(house.visits)} of {len(urls)} redirects were asked for")
    return wrong + [f"a redirect was followed: {visit!r}" for visit in followed]


async def _told(merchant: Merchant, urls: list[str], courier: Courier) -> dict[str, tuple[str, str]]:
    """Add the endpoints, have something happen, and let the courier try each once: state and outcome by URL."""
    stage = merchant.stage
    for url in urls:
        await stage.db.run(partial(_add, merchant, url))
    order = await merchant.order(merchant.draft())
    assert order and order.is_yes, order
    await merchant.ask("POST", f"/v1/orders/{order.body['id']}/close", {})
    while await courier.deliver_due():
        await courier.finish()
    found = {}
    for each in await webhooks.deliveries_of(stage.db, merchant.merchant_id, limit=1000):
        tries = await webhooks.tries_of(stage.db, merchant.merchant_id, each.event_id, each.endpoint_id)
        found[each.url] = (each.state, tries[0].outcome if tries else "never tried")
    return found


async def _add(merchant: Merchant, url: str, tx: Tx) -> None:
    is_inside = url.startswith("http://")
    sealer = merchant.stage.sealer
    await webhooks.add_endpoint(tx, sealer, merchant.merchant_id, url, allow_private=is_inside, at=clock.now())


def _all() -> list[tuple[str, bool]]:
    return [*((url, False) for url, _ in REFUSED), *((url, True) for url in ALLOWED)]


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET


ROW = Row(
    name="webhook-urls",
    title="webhook URL corpus (IP encodings, IPv6-mapped, rebinding, redirects, metadata hosts)",
    short={},
    long={},
    run=run,
)
