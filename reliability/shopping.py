"""A shop's busy day: orders opened, paid, left, closed and refunded, with whatever goes wrong around them."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reliability import store
from reliability.crowd import by_hands
from reliability.crowd import insist as insist_so_often
from reliability.merchant import Answer, Merchant
from reliability.model import Outcome
from reliability.progress import Progress
from reliability.stage import Stage
from reliability.wallets import OTHER, WALLETS, Wallet

HANDS = 20

# What becomes of an order, by chance: fixed before anything was measured.
LEFT, CLOSED, PAID_TWICE, REFUNDED_IN_PART, REFUNDED = 0.03, 0.03, 0.04, 0.1, 0.1
ELSEWHERE = 0.5
"""How often a second payment is made with the other wallet."""

_MERCHANTS = 2
_TABLES = ("attempts", "refunds")
_MOST_PARTS = 3
_TRIES = 40
"""How often a buyer asks before giving up: for some twenty seconds, longer than anything here is down."""


async def insist(ask: Callable[[], Awaitable[Answer | None]]) -> Answer | None:
    """Ask until there is a plain answer, however long a server is away."""
    return await insist_so_often(ask, _TRIES)


@dataclass(slots=True)
class Day:
    """What was done so far, counted: `paid` at the sandbox, `refunds` asked for and taken on, and the other ends."""

    merchants: list[Merchant]
    chance: random.Random
    progress: Progress
    counts: Counter[str] = field(default_factory=Counter)

    async def shop(self, payments: int, is_over: Callable[[], bool] = lambda: True) -> None:
        """Let twenty buyers shop until so many payments were made and it `is_over`."""

        def customers() -> Iterator[int]:
            for number in itertools.count():
                if self.counts["paid"] >= payments and is_over():
                    return
                yield number

        await by_hands(HANDS, customers(), self._serve)

    async def _serve(self, number: int) -> None:
        """One order from beginning to end."""
        merchant, fate = self.merchants[number % len(self.merchants)], self.chance.random()
        wallet = self.chance.choice(WALLETS)
        attempt_id, order_id = await self._begin(merchant, wallet)
        if attempt_id is None or order_id is None:
            self.counts["given up"] += 1
        elif fate < LEFT:
            self.counts["left"] += 1
        elif fate < LEFT + CLOSED:
            await insist(lambda: merchant.ask("POST", f"/v1/orders/{order_id}/close", {"reason": "changed my mind"}))
            self.counts["closed"] += 1
        else:
            await self._pay(merchant, wallet, order_id, attempt_id, fate - LEFT - CLOSED)

    async def _begin(self, merchant: Merchant, wallet: Wallet) -> tuple[str | None, str | None]:
        """Open an order and start its payment, in one request or in two, under one reference however often asked."""
        at_once = self.chance.random() < 0.5
        draft = merchant.draft(wallet, paying=at_once, amount=self.chance.randint(1, 5000))
        opened = await insist(lambda: merchant.order(draft))
        if not opened or not opened.is_yes:
            return None, None
        order_id: str = opened.body["id"]
        if opened.body.get("attempt"):
            return opened.body["attempt"]["id"], order_id
        started = await insist(lambda: merchant.pay(order_id, wallet))
        return (started.body["attempt"]["id"] if started and started.is_yes else None), order_id

    async def _pay(self, merchant: Merchant, wallet: Wallet, order_id: str, attempt_id: str, fate: float) -> None:
        second: Answer | None = None
        if fate < PAID_TWICE and self.chance.random() < ELSEWHERE:
            second = await insist(lambda: merchant.show_code(order_id, OTHER[wallet.channel]))
            self.counts["paid with two wallets"] += 1
        elif fate < PAID_TWICE:
            second = await insist(lambda: merchant.pay(order_id, wallet, fresh=True))
        for each in (attempt_id, second.body["attempt"]["id"] if second and second.is_yes else None):
            if each and (paid := await insist(lambda each=each: merchant.buyer_pays(each))) and paid.is_yes:  # type: ignore[misc]
                self.counts["paid"] += 1
                self.progress.step()
        if fate >= 1 - LEFT - CLOSED - REFUNDED_IN_PART - REFUNDED:
            await self._refund(merchant, order_id, in_part=fate < 1 - LEFT - CLOSED - REFUNDED)

    async def _refund(self, merchant: Merchant, order_id: str, *, in_part: bool) -> None:
        """Ask for the money back once the payment is known; the whole of it, or in parts."""
        order = await insist(lambda: merchant.read(order_id, wait=5))
        if not order or not order.is_yes or order.body["status"] != "paid":
            return  # Its notification was lost in a crash: the chase will know, but this buyer does not wait for it.
        parts = self.chance.randint(1, _MOST_PARTS) if in_part else 0
        amounts = [max(1, order.body["amount"] // (_MOST_PARTS + 1))] * parts or [None]
        await asyncio.gather(*(self._one_refund(merchant, order_id, amount) for amount in amounts))

    async def _one_refund(self, merchant: Merchant, order_id: str, amount: int | None) -> None:
        reference = f"back-{self.chance.getrandbits(60)}"
        asked = await insist(lambda: merchant.refund(order_id, amount, reference=reference))
        self.counts["refunds" if asked and asked.is_yes else "refunds refused"] += 1


async def shop_through(
    stage: Stage, size: Mapping[str, Any], seed: int, progress: Progress, *troubles: Coroutine[Any, Any, list[float]]
) -> Outcome:
    """Let two shops be busy until so many payments are made and all troubles are over; then check everything.

    Each trouble gives the seconds that it took, every time, until what it had broken worked again.
    """
    progress.of(size["payments"])
    merchants = [await stage.merchant() for _ in range(_MERCHANTS)]
    day, under_way = Day(merchants, random.Random(seed), progress), [asyncio.create_task(each) for each in troubles]
    await day.shop(size["payments"], is_over=lambda: all(each.done() for each in under_way))
    seconds = [each for trouble in under_way for each in await trouble]
    settled_seconds = await stage.settle()
    ended = {f"{table} {state}": n for table in _TABLES for state, n in (await store.states(stage.db, table)).items()}
    return Outcome(
        f"{len(seconds)} kills while {day.counts['paid']:,} payments were made.",
        day.counts["paid"],
        tuple(await stage.violations()),
        max(*seconds, settled_seconds),
        {"kills": len(seconds), "seconds_to_settle": round(settled_seconds, 1), **day.counts, **ended},
    )
