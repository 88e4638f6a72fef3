"""The stage in Hypothesis's hands: synchronous, for its rules are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from reliability.chores import Chores
from reliability.merchant import Answer, Merchant
from reliability.stage import Stage
from reliability.wallets import WALLETS

T = TypeVar("T")

_HEARD_SECONDS = 0.02
"""How long a running server takes to hear that the clock was moved."""


class World:
    """The stage, driven from Hypothesis's thread. One merchant returns late payments, the other revives their order."""

    def __init__(self, stage: Stage, chores: Chores, merchants: tuple[Merchant, Merchant], most_kills: int) -> None:
        self.stage = stage
        self.chores = chores
        self.merchants = merchants
        self.verbs: Counter[str] = Counter()
        self.most_kills = most_kills
        self.kills = 0
        self.recover_seconds = 0.0
        self._loop = asyncio.get_running_loop()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the stage's loop, to the end."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    def ask(self, merchant: Merchant, method: str, path: str, body: object = None, **how: Any) -> Answer:
        """One request that must be answered."""
        answer = self.run(merchant.ask(method, path, body, **how))
        assert answer is not None, f"{method} {path} was not answered"
        assert answer.status < 500, f"{method} {path}: {answer}"
        return answer

    def log_in(self) -> None:
        """The buyers log in anew: days may have passed."""
        for merchant in self.merchants:
            for wallet in WALLETS:
                self.run(merchant.log_in(wallet))

    def sandbox(self, path: str, wish: dict[str, Any]) -> Answer:
        """One request to the sandbox's control API."""
        answer = self.run(self.stage.ask("POST", self.stage.control_url + path, wish))
        assert answer is not None, path
        return answer

    def advance(self, seconds: float) -> None:
        """Move all clocks, and do the chores that are due then."""

        async def move() -> None:
            await self.stage.advance(seconds)
            await asyncio.sleep(_HEARD_SECONDS)
            await self.chores.do()

        self.run(move())

    def notified(self, gateway: str, wish: dict[str, Any]) -> int:
        """Have the sandbox send a notice of a gateway's now; the status it was answered with."""
        answer = self.sandbox(f"/{gateway}/notify", wish)
        assert answer.is_yes, answer
        status: int = answer.body["status"]
        assert status < 500, answer
        return status

    def kill_the_server_during(self, request: Coroutine[Any, Any, Any]) -> None:
        """The server dies while it does this, and starts again. What became of it is seen by asking again."""

        async def die() -> float:
            asked = asyncio.create_task(request)
            await asyncio.sleep(0.004)
            seconds = await self.stage.restart(self.stage.server)
            await asked
            return seconds

        self.recover_seconds = max(self.recover_seconds, self.run(die()))
        self.kills += 1
