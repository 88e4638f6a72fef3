"""What is done when nobody asks: the chores, and a process that does only them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from tongbao import buyers, jobs, journal, ledger, merchants, payments, refunds, web, webhooks
from tongbao.jobs import Chore
from tongbao.kit import clock
from tongbao.webhooks import Courier

if TYPE_CHECKING:
    from tongbao.app import House

_LOGS_KEPT = timedelta(days=90)


def chores(house: House, courier: Courier) -> tuple[Chore, ...]:
    """Everything that is done in the background. Each is harmless twice, and harmless in many processes at once."""
    db, directory = house.db, house.directory
    platform_keys = Chore("platform keys", 60.0, lambda: merchants.refresh_platform_keys(db, directory, clock.now()))
    house.signals.listen(webhooks.TOPIC, courier.chore.wake)
    house.signals.listen("accounts", platform_keys.wake)
    surplus = Chore("surplus", 1.0, lambda: refunds.return_surplus(db, directory))
    house.signals.listen(payments.SURPLUS_TOPIC, surplus.wake)
    prefetch = Chore("prefetch", 5.0, lambda: payments.refresh_due(db, directory))
    house.signals.listen(payments.PREFETCH_TOPIC, prefetch.wake)
    return (
        courier.chore,
        Chore("chase", 1.0, lambda: payments.chase_due(db, directory)),
        Chore("expiry", 1.0, lambda: payments.expire_due(db, directory)),
        Chore("refunds", 1.0, lambda: refunds.chase_due(db, directory)),
        surplus,
        prefetch,
        Chore("seals", 30.0, _alone(house, "seals", lambda: _seal(house))),
        platform_keys,
        Chore("purge", 3600.0, _alone(house, "purge", lambda: _purge(house))),
    )


async def _seal(house: House) -> int:
    """Seal all there is. None is left that would call for more at once, so the answer is none."""
    await ledger.seal(house.db, clock.now())
    return 0


async def _purge(house: House) -> int:
    """Forget what has served its time. What was deleted is not work that calls for more, so the answer is none."""
    await buyers.purge(house.db, clock.now())
    await web.purge(house.db, clock.now())
    for purge in (webhooks.purge, journal.purge):
        while await purge(house.db, clock.now() - _LOGS_KEPT):
            pass
    return 0


def _alone(house: House, name: str, work: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
    """A chore that one process at a time should do; the others rest."""

    async def alone() -> int:
        async with jobs.only_one(house.db, name) as mine:
            return await work() if mine else 0

    return alone


async def run(house: House, stop: asyncio.Event) -> None:
    """Do the chores until `stop` is set; what has begun is brought to its end."""
    courier = Courier(house.db, house.sealer, house.webhook_session)
    await jobs.run(chores(house, courier), stop)
    await courier.finish()
