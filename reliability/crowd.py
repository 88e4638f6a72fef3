"""Many at once, each of whom asks again until there is a plain answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from reliability.merchant import Answer, Merchant
from reliability.wallets import Wallet

_LONGEST_PAUSE_SECONDS = 0.5

T = TypeVar("T")


async def by_hands(hands: int, things: Iterable[T], act: Callable[[T], Awaitable[None]]) -> None:
    """Act on each thing: so many hands, each of whom takes the next thing when done with the last."""
    rest = iter(things)

    async def work() -> None:
        for thing in rest:
            await act(thing)

    async with asyncio.TaskGroup() as group:
        for _ in range(hands):
            group.create_task(work())


async def insist(ask: Callable[[], Awaitable[Answer | None]], tries: int = 12) -> Answer | None:
    """Ask until the answer is plain: neither missing, nor a 5xx, nor "come again" (409 `conflict` and its like).

    `ask` must be harmless twice. After so many tries the last answer is given as it is.
    """
    answer = None
    for attempt in range(tries):
        answer = await ask()
        if is_plain(answer):
            break
        await asyncio.sleep(min(0.02 * 2**attempt, _LONGEST_PAUSE_SECONDS))
    return answer


def is_plain(answer: Answer | None) -> bool:
    """Whether an answer says yes or no, rather than that nobody knows."""
    return answer is not None and answer.status < 500 and code_of(answer) not in ("conflict", "payment_in_progress")


def code_of(answer: Answer) -> str:
    """The code of a refusal; empty for anything else."""
    return str(answer.body.get("code", "")) if isinstance(answer.body, dict) and not answer.is_yes else ""


async def begin_payment(merchant: Merchant, wallet: Wallet, amount: int, **changes: Any) -> Answer | None:
    """Open an order with its first payment, asking again under the same reference."""
    draft = merchant.draft(wallet, paying=True, amount=amount, **changes)
    return await insist(lambda: merchant.order(draft))


def random_parts(total: int, count: int, chance: random.Random) -> list[int]:
    """`total` cut at random into so many parts, none of them empty."""
    cuts = sorted(chance.sample(range(1, total), count - 1))
    return [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)]
