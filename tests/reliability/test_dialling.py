"""The watch that the row about webhook addresses keeps: it would see a forbidden address being dialled."""

from __future__ import annotations

import asyncio
import json

from reliability.rows import fuzz_api
from reliability.rows.webhook_urls import connects_to
from tools.urls import ADDRESSES


async def test_every_connection_to_the_port_is_seen_and_none_to_another() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with connects_to(port) as dialled, connects_to(port + 1) as elsewhere:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
    assert (("127.0.0.1", port) in dialled, elsewhere) == (True, [])


def test_the_refused_addresses_are_found_in_any_spelling_that_is_usual() -> None:
    assert {"127.0.0.1", "::1", "169.254.169.254", "10.1.2.3", "::ffff:7f00:1"} <= set(ADDRESSES)


def test_a_failure_that_schemathesis_tells_of_is_told_with_its_request() -> None:
    said = """
=================================== FAILURES ===================================
______________________________ GET /v1/orders/{id} _____________________________
1. Test Case ID: a1

- ST001 Server error
    curl -X GET http://127.0.0.1/v1/orders/1
2. Test Case ID: a2
- ST002 Other
________________________________ Stateful tests ________________________________
1. Test Case ID: a3
- ST003 Third
=================================== SUMMARY ====================================
"""
    found = fuzz_api.failures(said, json.loads('{"generated": 3}'))
    assert [line.partition(": ")[0] for line in found] == ["GET /v1/orders/{id}"] * 2 + ["Stateful tests"]
    assert "curl -X GET" in found[0]
    assert fuzz_api.failures("= SUMMARY =", {"generated": 3}) == []
    assert len(fuzz_api.failures("it broke", {})) == 1
