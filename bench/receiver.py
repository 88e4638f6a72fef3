"""A merchant's server for webhooks, a process of its own: `python -m bench.receiver PORT`.

It takes everything and remembers when the first webhook of each order came. `GET /` gives that and begins anew.
"""

from __future__ import annotations

import asyncio
import sys
import time

import orjson
import uvloop
from aiohttp import web


async def main(port: int) -> None:
    """Serve until stopped."""
    arrivals: dict[str, float] = {}

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            known = orjson.dumps(arrivals)
            if request.query_string == "anew":
                arrivals.clear()
            return web.Response(body=known, content_type="application/json")
        event = orjson.loads(await request.read())
        arrivals.setdefault(event["data"]["order"]["id"], time.monotonic())
        return web.Response(status=204)

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
