"""The sandbox as a process beside ours, spoken to over HTTP alone."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

HOST = "127.0.0.1"
PORTS = 4
"""Control, WeChat Pay, WeChat mini-program API, Alipay."""

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


class SandboxFailed(Exception):
    """The sandbox did not start, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: its process, and the address of its control site."""

    process: Process
    url: str
    log: Path

    async def ask(self, http: aiohttp.ClientSession, method: str, path: str, body: object = None) -> Any:
        """One exchange with the control site. Raises aiohttp.ClientError when it is not answered with a 200."""
        async with http.request(method, self.url + path, json=body) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def ended(self) -> None:
        """Waits for it to end, which it does not do by itself: raises SandboxFailed."""
        code = await self.process.wait()
        raise SandboxFailed(
            f"The sandbox ended by itself (exit code {code}). The end of {self.log}:\n{_tail(self.log)}"
        )


@asynccontextmanager
async def running(base_port: int, folder: Path, http: aiohttp.ClientSession) -> AsyncIterator[Sandbox]:
    """A sandbox that keeps its state and its log in `folder`, ready to be asked, and stopped on the way out.

    Its clock is ours, whatever an earlier run left it at. Raises SandboxFailed.
    """
    command = [sys.executable, "-m", "tongbao_sandbox", "--host", HOST, "--base-port", str(base_port)]
    command += ["--state", str(folder / "sandbox.json"), "--clock-offset", "0"]
    log = folder / "sandbox.log"
    with log.open("wb") as output:
        # In a session of its own, so that Ctrl-C comes to us alone and everything ends in its order.
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, start_new_session=True)
    sandbox = Sandbox(process, f"http://{HOST}:{base_port}", log)
    try:
        await _wait_until_ready(sandbox, http)
        yield sandbox
    finally:
        await _stop(process)


async def _wait_until_ready(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if sandbox.process.returncode is not None:
            await sandbox.ended()
        try:
            await sandbox.ask(http, "GET", "/credentials")
            return
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)
    raise SandboxFailed(f"The sandbox was not ready after {_START_SECONDS:g} s. Its log: {sandbox.log}")


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])
