"""Clients who pay and give back as fast as they can, many of them the same orders, and check all they read."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from reliability.bank import store
from reliability.crowd import begin_payment, code_of, insist
from reliability.merchant import Merchant
from reliability.progress import Progress
from reliability.wallets import WALLETS

_AUDIT_PAUSE_SECONDS = 0.1
_POOL = 40
"""So many of the latest orders are everybody's: they are refunded and read by many at once."""
_MOST_AMOUNT = 5_000
_GONE = ("requested", "sent", "succeeded", "abnormal")


@dataclass(slots=True)
class Bank:
    """What the clients share. `counts` are what they did, `wrong` what did not add up."""

    merchants: list[Merchant]
    chance: random.Random
    progress: Progress
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _pool: deque[tuple[Merchant, str, int]] = field(default_factory=lambda: deque(maxlen=_POOL))
    _ends_at: float = 0.0

    async def open_for(self, seconds: float, clients: int) -> None:
        """Serve so many clients for so long, the auditor among them."""
        self._ends_at = time.monotonic() + seconds
        self.progress.of(int(seconds))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._audit())
            for _ in range(clients):
                group.create_task(self._client())

    @property
    def _is_open(self) -> bool:
        return time.monotonic() < self._ends_at

    async def _client(self) -> None:
        while self._is_open:
            fate = self.chance.random()
            if fate < 0.4 or not self._pool:
                await self._pay()
            elif fate < 0.7:
                await self._refund()
            else:
                await self._read()

    async def _pay(self) -> None:
        merchant, amount = self.chance.choice(self.merchants), self.chance.randint(1, _MOST_AMOUNT)
        begun = await begin_payment(merchant, self.chance.choice(WALLETS), amount)
        if begun is None or not begun.is_yes:
            self.wrong.append(f"an order was answered with {begun}")
            return
        await merchant.buyer_pays(begun.body["attempt"]["id"])
        self._pool.append((merchant, begun.body["id"], amount))
        self.counts["payments"] += 1

    async def _refund(self) -> None:
        merchant, order_id, amount = self.chance.choice(self._pool)
        part, reference = self.chance.randint(1, amount), f"bank-{self.chance.getrandbits(60)}"
        answer = await insist(lambda: merchant.refund(order_id, part, reference=reference))
        if answer and answer.is_yes:
            self.counts["refunds"] += 1
        elif answer is None or code_of(answer) not in ("refund_exceeds", "order_not_paid", "too_many_refunds"):
            self.wrong.append(f"a refund was answered with {answer}")
        else:
            self.counts["refusals"] += 1

    async def _read(self) -> None:
        """An order never says that more went back than came in, nor do its refunds."""
        merchant, order_id, amount = self.chance.choice(self._pool)
        refunds = await merchant.ask("GET", f"/v1/orders/{order_id}/refunds")
        order = await merchant.read(order_id)
        if order is None or refunds is None or not (order.is_yes and refunds.is_yes):
            self.wrong.append(f"order {order_id} was read as {order}, its refunds as {refunds}")
            return
        gone = sum(each["amount"] for each in refunds.body if each["state"] in _GONE)
        for what, sum_ in (("says that", order.body["refunded"]), ("has refunds that say", gone)):
            if not 0 <= sum_ <= amount:
                self.wrong.append(f"order {order_id} of {amount} fen {what} {sum_} went back")
        self.counts["reads"] += 1

    async def _audit(self) -> None:
        """Add up every account of every merchant, again and again while all of it moves."""
        began = time.monotonic()
        while self._is_open:
            for merchant in self.merchants:
                self.wrong += await store.wrongs(merchant.stage.db, merchant.merchant_id)
                self.counts["audits"] += 1
            done = int(time.monotonic() - began)
            self.progress.step(f"{self.counts['payments']} payments", max(0, done - self.counts["seconds"]))
            self.counts["seconds"] = done
            await asyncio.sleep(_AUDIT_PAUSE_SECONDS)
