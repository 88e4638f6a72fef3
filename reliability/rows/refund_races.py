"""Many clients at once ask for three times what was paid, in random parts: all of it goes back, and never more."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reliability.crowd import begin_payment, by_hands, code_of, insist, random_parts
from reliability.merchant import Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from reliability.wallets import WALLETS, at_both

SHARE_ASKED = 3
ASKED_TWICE = 0.1
REFUND_SECONDS = 5
"""Of the sandbox's clock, until a refund is final there: while clients race, all of an order's refunds are pending."""

_LEAST_AMOUNT, _MOST_AMOUNT = 10_000, 1_000_000
_PAYERS = 20
_NO_MORE = frozenset({"refund_exceeds", "too_many_refunds"})


@dataclass(slots=True)
class Race:
    """One order, and what its clients were told: the amount of each refund that was taken on, by its id."""

    order_id: str
    attempt_id: str
    amount: int
    taken: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """What is to go back, as far as the clients know."""
        return sum(self.taken.values())


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """Pay the orders, race for each of them in turn, and compare what went back with what was paid."""
    chance = random.Random(seed)
    progress.of(size["orders"])
    async with Stage.open() as stage:
        await stage.control(
            "PUT", "/faults", at_both({"refund": {"seconds": REFUND_SECONDS, "slow": 0.5}, "seed": seed})
        )
        merchant = await stage.merchant()
        races = await _paid(
            stage, merchant, [chance.randint(_LEAST_AMOUNT, _MOST_AMOUNT) for _ in range(size["orders"])]
        )
        for race in races:
            await _race(merchant, race, size["clients"], chance)
            progress.step("races")
        await stage.advance(REFUND_SECONDS)
        recover_seconds = await stage.settle(60 + size["orders"])
        gone = await _gone_back(stage, merchant)
        violations = [line for race in races for line in (*race.wrong, *_misses(race, gone.get(race.attempt_id, 0)))]
        violations += await stage.violations()
    refunds, refused = sum(len(race.taken) for race in races), sum(race.refused for race in races)
    did = (
        f"{size['clients']} clients at once asked for {100 * SHARE_ASKED} % of what each of {len(races)} orders was"
        " paid, in random parts, one in ten of them twice"
    )
    figures = {"refunds taken on": refunds, "refused": refused, "fen returned": sum(gone.values())}
    return Outcome(did, len(races), tuple(violations), recover_seconds, figures)


async def _paid(stage: Stage, merchant: Merchant, amounts: list[int]) -> list[Race]:
    """An order of each amount, paid."""
    races: list[Race] = []

    async def pay(amount: int) -> None:
        begun = await begin_payment(merchant, WALLETS[amount % 2], amount)
        assert begun and begun.is_yes, begun
        race = Race(begun.body["id"], begun.body["attempt"]["id"], amount)
        paid = await merchant.buyer_pays(race.attempt_id)
        assert paid and paid.is_yes, paid
        races.append(race)

    await by_hands(_PAYERS, amounts, pay)
    await stage.settle()
    return races


async def _race(merchant: Merchant, race: Race, clients: int, chance: random.Random) -> None:
    """Every client asks for its part at the same moment; then one asks for whatever is left."""
    parts = random_parts(SHARE_ASKED * race.amount, clients, chance)
    await asyncio.gather(
        *(
            _ask(merchant, race, part, f"{race.order_id}-{number}")
            for number, part in enumerate(parts)
            for _ in range(2 if chance.random() < ASKED_TWICE else 1)
        )
    )
    if race.total > race.amount:
        race.wrong.append(f"3 order {race.order_id} of {race.amount} fen: {race.total} fen were promised back")
    await _ask(merchant, race, None, f"{race.order_id}-rest")


async def _ask(merchant: Merchant, race: Race, part: int | None, reference: str) -> None:
    """Ask for one part, or for all that is left, until there is a plain answer."""
    answer = await insist(lambda: merchant.refund(race.order_id, part, reference=reference))
    if answer and answer.is_yes:
        race.taken[answer.body["id"]] = answer.body["amount"]
    elif answer and code_of(answer) in _NO_MORE:
        race.refused += 1
    else:
        race.wrong.append(f"5 order {race.order_id}: a refund was answered {answer}")


async def _gone_back(stage: Stage, merchant: Merchant) -> dict[str, int]:
    """What the gateway has returned of each attempt, by its own book."""
    gone: dict[str, int] = {}
    for line in await stage.lines(merchant):
        if line["kind"] == "refund":
            gone[line["out_trade_no"]] = gone.get(line["out_trade_no"], 0) - line["amount"]
    return gone


def _misses(race: Race, gone: int) -> list[str]:
    """In what the gateway's book differs from what was promised, and that from the whole of the order."""
    found = []
    if gone > race.amount:
        found.append(f"3 order {race.order_id} of {race.amount} fen: the gateway returned {gone} fen")
    if gone != race.total:
        found.append(f"4 order {race.order_id}: {race.total} fen were promised back, the gateway returned {gone} fen")
    if race.total < race.amount:
        found.append(f"3 order {race.order_id} of {race.amount} fen: only {race.total} fen could be asked back")
    return found


ROW = Row(
    name="refund-races",
    title="refund races, 300 % asked",
    short={"orders": 50, "clients": 64},
    long={"orders": 5_000, "clients": 64},
    run=run,
    not_covered="Clients of several server processes at once: they meet in PostgreSQL alone, as these do.",
)
