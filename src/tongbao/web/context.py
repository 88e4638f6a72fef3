"""What every door needs, put together once by the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from fastapi import Request

from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.kit.signals import Signals
from tongbao.merchants import Directory

Network = IPv4Network | IPv6Network
MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Context:
    """The open database, the merchants' directory, and the operator's choices that the doors depend on."""

    db: Db
    directory: Directory
    sealer: Sealer = field(repr=False)
    signals: Signals
    allow_private_webhooks: bool = False
    is_stopping: Callable[[], bool] = lambda: False
    trusted_proxies: tuple[Network, ...] = ()


def context_of(request: Request) -> Context:
    """The application's context."""
    context: Context = request.app.state.context
    return context


def caller_address(request: Request) -> str:
    """The address a request comes from: the nearest that is not a proxy whose word the operator trusts.

    A proxy may add a line of its own below those that came, so all lines count, as one list (RFC 9110, 5.3).
    """
    lines = ",".join(request.headers.getlist("x-forwarded-for"))
    hops = [hop.strip() for hop in lines.split(",") if hop.strip()]
    address = request.client.host if request.client else "0.0.0.0"
    trusted = context_of(request).trusted_proxies
    while hops and _is_among(address, trusted):
        address = hops.pop()
    return address if _is_address(address) else "0.0.0.0"


def _is_among(address: str, networks: tuple[Network, ...]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


async def read_body(request: Request) -> bytes:
    """The raw body, at most a million bytes. Raises Refusal(`body_too_large`, 413) without reading the rest."""
    declared = request.headers.get("content-length", "0")
    if len(declared) > 8 or not declared.isdigit() or int(declared) > MAX_BODY_BYTES:
        raise Refusal("body_too_large", 413, limit_bytes=MAX_BODY_BYTES)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Refusal("body_too_large", 413, limit_bytes=MAX_BODY_BYTES)
    return bytes(body)
