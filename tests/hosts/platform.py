"""A platform as the sandbox plays it: its control API, and the app that a test is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass
class Platform:
    """The sandbox's control API, and what it gives of one platform."""

    control_url: str
    transport: aiohttp.ClientSession
    credentials: dict[str, Any]

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the control API."""
        async with self.transport.request(method, self.control_url + path, json=body) as response:
            response.raise_for_status()
            return await response.json()
