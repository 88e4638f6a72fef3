"""One process, one loop: the control site and every gateway's sites, from start to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from tongbao_sandbox import persistence
from tongbao_sandbox.clock import Clock
from tongbao_sandbox.control import Control
from tongbao_sandbox.faults import Dial
from tongbao_sandbox.gateway import Address, Gateway, Site, Surroundings
from tongbao_sandbox.log import Log
from tongbao_sandbox.registry import GATEWAYS

SAVE_EVERY_SECONDS = 2
SAVE_SHARE = 0.05
"""Of the time at most: a hundred thousand orders are a file that takes a while, and nobody is answered meanwhile."""
KEEP_ALIVE_SECONDS = 8
"""As long as WeChat Pay's front keeps an idle connection."""


class PortOccupied(Exception):
    """A site's port cannot be opened."""

    def __init__(self, site: Site, port: int, reason: str) -> None:
        super().__init__(f"port {port} ({site.title}) cannot be opened: {reason}")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """All parts, put together."""

    address: Address
    clock: Clock
    log: Log
    dials: Mapping[str, Dial]
    gateways: Mapping[str, Gateway]
    control: Control
    state_file: Path | None

    def sites(self) -> list[Site]:
        """Every port to open."""
        own = Site("control", 0, self.control.handle)
        return [own, *(site for gateway in self.gateways.values() for site in gateway.sites)]

    def announcement(self) -> str:
        """Which site is where, a line each."""
        return "\n".join(f"{site.title}: {self.address.url(site.port_offset)}" for site in self.sites())

    def save(self) -> None:
        """Write the state file, if there is to be one."""
        if self.state_file is None:
            return
        state: dict[str, object] = {
            "offset_seconds": self.clock.offset_seconds,
            "faults": {name: dial.reading() for name, dial in self.dials.items()},
            "gateways": {name: gateway.snapshot() for name, gateway in self.gateways.items()},
        }
        persistence.save(self.state_file, state)


def assemble(address: Address, state_file: Path | None, offset_seconds: float | None) -> Sandbox:
    """Build everything, from the state file if it exists. Raises persistence.UnreadableState.

    `offset_seconds` moves the clock from real time; None leaves it where the state file has it.
    """
    state = (persistence.load(state_file) if state_file else None) or {}
    clock = Clock(state.get("offset_seconds", 0.0) if offset_seconds is None else offset_seconds)
    log = Log(clock)
    dials = {name: Dial() for name in GATEWAYS}
    gateways: dict[str, Gateway] = {}
    for name, open_gateway in GATEWAYS.items():
        dials[name].turn(state.get("faults", {}).get(name, {}))
        around = Surroundings(address, clock, log, dials[name])
        gateways[name] = open_gateway(around, state.get("gateways", {}).get(name))
    control = Control(address, clock, log, dials, gateways)
    return Sandbox(address, clock, log, dials, gateways, control, state_file)


async def serve(sandbox: Sandbox, started: Callable[[], None]) -> None:
    """Run until SIGINT or SIGTERM; `started` is called once every port is open. Raises PortOccupied."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(sandbox):
        sandbox.save()
        started()
        await _save_as_things_happen(sandbox, stop)
    sandbox.save()


@asynccontextmanager
async def running(sandbox: Sandbox) -> AsyncIterator[None]:
    """Every site open and every gateway delivering; closed again on the way out, the sites first."""
    runners: list[web.ServerRunner] = []
    try:
        for site in sandbox.sites():
            runners.append(await _opened(site, sandbox.address))
        for gateway in sandbox.gateways.values():
            await gateway.open()
        yield
    finally:
        for runner in runners:
            await runner.cleanup()
        for gateway in sandbox.gateways.values():
            await gateway.close()


async def _opened(site: Site, address: Address) -> web.ServerRunner:
    # Nobody reads an access log here: the sandbox has its own.
    runner = web.ServerRunner(
        web.Server(site.handler, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS), shutdown_timeout=0.2
    )
    await runner.setup()
    port = address.base_port + site.port_offset
    try:
        await web.TCPSite(runner, address.host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise PortOccupied(site, port, error.strerror or str(error)) from None
    return runner


async def _save_as_things_happen(sandbox: Sandbox, stop: asyncio.Event) -> None:
    """Until `stop`, save every few seconds if anything was logged since: whatever changes the state is logged."""
    saved, pause_seconds = sandbox.log.last, float(SAVE_EVERY_SECONDS)
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_seconds)
        if saved != sandbox.log.last:
            saved, began = sandbox.log.last, time.monotonic()
            sandbox.save()
            pause_seconds = max(SAVE_EVERY_SECONDS, (time.monotonic() - began) / SAVE_SHARE)
