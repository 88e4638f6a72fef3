"""The load generator, a process of its own: `python -m bench.load` takes one job a line and answers one line, in JSON.

A job is a closed loop: so many buyers, each of whom begins the next thing when the last is done. Times are those of the
machine's monotonic clock, which all its processes share.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import aiohttp
import orjson
import uvloop

# Shorter than any of the servers keeps an idle connection, so that none is closed under a request.
_KEEP_ALIVE_SECONDS = 3
_TIMEOUT_SECONDS = 60
_LOOK_SECONDS = 0.02

Span = tuple[float, float]
"""When one thing began and when it was done."""


class Client:
    """One connection pool. An answer of another status than it should have ends the whole job."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, method: str, url: str, status: int, headers: dict[str, str], body: bytes | None = None) -> Any:
        """Send one request, and read its JSON."""
        async with self._session.request(method, url, data=body, headers=headers) as answer:
            content = await answer.read()
            if answer.status != status:
                raise RuntimeError(f"{method} {url} answered {answer.status}: {content[:500].decode()}")
            return orjson.loads(content) if content else None


async def burst(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """Send every request of the job once, to the job's address or its own."""

    async def send(request: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json", **job["headers"], **request.get("headers", {})}
        url = request.get("url") or job["url"]
        await client.ask("POST", url, job["status"], headers, request["body"].encode())

    spans = await _all(job["requests"], send, job["concurrency"])
    return {"spans": spans}


async def prepare(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """Open orders, and wait until those that are to be prefetched are prepared. Their ids."""
    headers = {"Content-Type": "application/json", **job["headers"]}
    ids: list[str] = []

    async def open_one(body: dict[str, Any]) -> None:
        order = await client.ask("POST", job["orders_url"], 201, headers, orjson.dumps(body))
        while any(attempt["state"] == "created" for attempt in order["payments"]):
            await asyncio.sleep(_LOOK_SECONDS)
            order = await client.ask("GET", f"{job['orders_url']}/{order['id']}", 200, headers)
        ids.append(order["id"])

    await _all(job["orders"], open_one, job["concurrency"])
    return {"ids": ids}


async def loop(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """Walk whole payments: create with its first payment, pay at the sandbox, have it notify, read the order as paid.

    The sandbox's own notification is switched off and asked for instead, since that answers once the shop has taken it
    in: so nobody has to poll, and every shop gets exactly the same requests.
    """
    headers = {"Content-Type": "application/json", **job["headers"]}
    orders: dict[str, Span] = {}

    async def walk(body: dict[str, Any]) -> None:
        started = time.monotonic()
        order = await client.ask("POST", job["orders_url"], 201, headers, orjson.dumps(body))
        sheet, sandbox_url = orjson.dumps(order["client_params"]), job["sandbox_url"]
        await client.ask("POST", f"{sandbox_url}/{job['gateway']}/buyer/pay", 200, {}, sheet)
        taken = await client.ask("POST", f"{sandbox_url}/{job['gateway']}/notify", 200, {}, sheet)
        if taken["status"] != 200:
            raise RuntimeError(f"the notification was answered {taken}")
        read = await client.ask("GET", f"{job['orders_url']}/{order['id']}", 200, headers)
        if read["status"] != job["paid_status"]:
            raise RuntimeError(f"the order is {read['status']}")
        orders[str(order["id"])] = started, time.monotonic()

    await _all(job["orders"], walk, job["concurrency"])
    return {"orders": orders}


async def _all(things: Iterable[Any], act: Callable[[Any], Awaitable[None]], concurrency: int) -> list[Span]:
    """Do them all, so many at a time."""
    spans: list[Span] = []

    async def buyer(rest: Iterator[Any]) -> None:
        for thing in rest:
            started = time.monotonic()
            await act(thing)
            spans.append((started, time.monotonic()))

    rest = iter(things)
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(buyer(rest))
    return spans


_KINDS = {"burst": burst, "prepare": prepare, "loop": loop}


async def main() -> None:
    """Do jobs until standard input ends."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            job = orjson.loads(line)
            try:
                result = await _KINDS[job["kind"]](Client(session), job)
            except* Exception as errors:
                result = {"error": "; ".join(f"{type(error).__name__}: {error}" for error in errors.exceptions[:3])}
            sys.stdout.buffer.write(orjson.dumps(result) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main())
