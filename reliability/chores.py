"""What a worker does, done here and now for as long as anything is due: no row waits for a worker's pace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from reliability.stage import Stage
from tongbao import payments, refunds
from tongbao.kit import egress
from tongbao.kit.db import Db
from tongbao.merchants import Directory
from tongbao.webhooks import Courier


@dataclass(frozen=True, slots=True)
class Chores:
    """A worker's chores over a stage's database, for a stage whose own worker rests."""

    db: Db
    directory: Directory
    courier: Courier

    async def do(self) -> None:
        """Do all that is due by our clock, until nothing is."""
        while await self._once():
            pass
        await self.courier.finish()

    async def _once(self) -> int:
        """The work that was found. Deliveries are begun here, and ended in `do`."""
        found = await payments.chase_due(self.db, self.directory)
        found += await payments.expire_due(self.db, self.directory)
        found += await payments.refresh_due(self.db, self.directory)
        found += await refunds.return_surplus(self.db, self.directory)
        found += await refunds.chase_due(self.db, self.directory)
        return found + await self.courier.deliver_due()

    @classmethod
    @asynccontextmanager
    async def open(cls, stage: Stage, db: Db | None = None) -> AsyncIterator[Chores]:
        """Put together as the application would, and taken apart at the end; over the stage's own pool, or another."""
        db = db or stage.db
        async with aiohttp.ClientSession() as transport, egress.guarded_session(True) as session:
            directory = Directory(db, stage.sealer, transport, stage.url)
            yield cls(db, directory, Courier(db, stage.sealer, session))
