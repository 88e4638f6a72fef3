"""What every gateway in the box offers to the server and to the control API, and what it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from tongbao_sandbox.clock import Clock
from tongbao_sandbox.faults import Dial
from tongbao_sandbox.log import Log

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ControlError(Exception):
    """A control request that cannot be done: HTTP status, a stable code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """Where the sandbox listens: an interface, and the first of its ports."""

    host: str
    base_port: int

    def url(self, port_offset: int) -> str:
        """The base URL of a site. An any-interface is called by its loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.base_port + port_offset}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a gateway shares with the rest of the sandbox."""

    address: Address
    clock: Clock
    log: Log
    dial: Dial


@dataclass(frozen=True, slots=True)
class Site:
    """One port of a gateway, as an offset from the sandbox's base port."""

    title: str
    port_offset: int
    handler: Handler


Command = Callable[[Mapping[str, Any]], Awaitable[object]]


class Gateway(Protocol):
    """One gateway. `commands` are its control verbs by method and path below its name (`POST buyer/pay`);
    each takes the JSON body (or the query of a GET) and returns what to answer, or raises ControlError."""

    sites: tuple[Site, ...]
    commands: Mapping[str, Command]

    def credentials(self) -> dict[str, Any]:
        """Everything an SDK needs to talk to it."""
        ...

    async def open(self) -> None:
        """Start delivering what is waiting to be delivered."""
        ...

    async def close(self) -> None:
        """Stop delivering."""
        ...

    async def reset(self) -> None:
        """Forget orders and deliveries, keep credentials."""
        ...

    def books(self) -> list[dict[str, object]]:
        """What its own book says of each merchant (`Book.statements`)."""
        ...

    def snapshot(self) -> dict[str, object]:
        """All state, as JSON can hold it."""
        ...


Opener = Callable[[Surroundings, Mapping[str, Any] | None], Gateway]
"""Builds a gateway, from an earlier snapshot if there is one."""
