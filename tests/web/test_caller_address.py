"""Whose request it is, behind proxies that the operator trusts and others."""

from __future__ import annotations

from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import Request

from tongbao.web.context import Context, caller_address

PROXY, ANOTHER, BUYER, CLAIM = "10.0.0.1", "10.0.0.2", "203.0.113.7", "192.0.2.66"
NOBODY = cast(Any, None)


def request(peer: str, *lines: str) -> Request:
    """A request from that peer with these `X-Forwarded-For` lines; networks beginning with 10 are trusted."""
    context = Context(NOBODY, NOBODY, NOBODY, NOBODY, trusted_proxies=(ip_network("10.0.0.0/8"),))
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    app = SimpleNamespace(state=SimpleNamespace(context=context))
    return Request({"type": "http", "app": app, "client": (peer, 40000), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        (BUYER, [], BUYER),
        (BUYER, [CLAIM], BUYER),
        (PROXY, [], PROXY),
        (PROXY, [BUYER], BUYER),
        (PROXY, [f"{CLAIM}, {BUYER}"], BUYER),
        (PROXY, [CLAIM, BUYER], BUYER),
        (PROXY, [f"{CLAIM}, {CLAIM}", f"{BUYER}, {ANOTHER}"], BUYER),
        (PROXY, [CLAIM, BUYER, ANOTHER], BUYER),
        (PROXY, [f"{BUYER}, ", ""], BUYER),
        (PROXY, [BUYER, "unknown"], "0.0.0.0"),
    ],
)
def test_whoever_asks_cannot_put_an_address_before_what_the_proxies_saw(
    peer: str, lines: list[str], address: str
) -> None:
    assert caller_address(request(peer, *lines)) == address
