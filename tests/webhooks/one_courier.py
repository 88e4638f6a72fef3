"""A worker in a process of its own, to be killed: delivers what is due until then. Argument: the database's URL."""

from __future__ import annotations

import asyncio
import sys

from tests.webhooks.shop import MASTER_KEYS
from tongbao import jobs
from tongbao.kit import egress, sealing
from tongbao.kit.db import Db
from tongbao.webhooks import Courier


async def main(url: str) -> None:
    async with egress.guarded_session(True) as session:
        courier = Courier(await Db.connect(url), sealing.sealer_from_text(MASTER_KEYS), session)
        await jobs.run([courier.chore], asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
