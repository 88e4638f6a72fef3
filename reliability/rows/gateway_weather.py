"""A gateway that does as asked but does not say so, or does it later, or never: pay, close and refund through it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reliability.crowd import begin_payment, by_hands, insist
from reliability.merchant import Answer, Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from reliability.wallets import WALLETS, Wallet, at_both
from tongbao import merchants

FAULTS = {"accept_then_time_out": 0.2, "apply_late": 0.05, "server_error": 0.05, "rate_limit": 0.05}
LATE_SECONDS = 120
"""How late a request is applied, by the virtual clock; and how long, by the real one, an answer is held back."""
TIMEOUT_SECONDS = 0.4
"""So long our side waits for an answer, as an account may be set: shorter than the answer is held back."""

_CLOSED, _RACED, _ABANDONED, _REFUNDED, _SCANNED = 0.15, 0.25, 0.3, 0.75, 0.9
"""Up to the first share of the orders are closed, up to the second closed while the buyer pays, up to the third left to
expire, up to the fourth refunded, up to the fifth scanned at a till, by two presses; the others are only paid."""
_SHOWN = ("pay", "pay", "pay", "password", "timeout", "fail")
"""What the phone does whose code is scanned."""
_EXPIRES_SECONDS = 60
_HANDS = 48
_BATCH = 250
_WAIT_SECONDS = 10


@dataclass(slots=True)
class Day:
    """What happened so far. `closed` are attempts of orders whose closing was answered with a yes."""

    orders: int = 0
    operations: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {"pay": 0, "close": 0, "refund": 0, "scan": 0})
    closed: set[str] = field(default_factory=set)
    unanswered: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    log_read: int = 0

    def note(self, verb: str, answer: Answer | None) -> bool:
        """Count one operation; whether it was answered with a yes."""
        self.operations += 1
        self.counts[verb] += 1
        is_yes = answer is not None and answer.is_yes
        self.unanswered += not is_yes
        return is_yes


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """Trade under bad weather, in batches between which time passes, so that what was to be late comes; then see."""
    day = Day()
    progress.of(size["operations"])
    async with Stage.open() as stage:
        merchant = await stage.merchant()
        await _shorten_patience(stage, merchant)
        for batch in range(size["operations"] // _BATCH):
            weather = {"api": FAULTS | {"delay_seconds": LATE_SECONDS}, "seed": seed * 1000 + batch}
            await stage.control("PUT", "/faults", at_both(weather))
            await _trade(merchant, day, _BATCH * (batch + 1), seed, progress)
            await _count_faults(stage, day)
            await stage.advance(LATE_SECONDS + 1)
        await stage.control("PUT", "/faults", {})
        recover_seconds = await stage.settle(60 + size["operations"] / 100)
        violations = [*await _paid_after_closing(stage, merchant, day), *await stage.violations()]
    did = "{operations} operations ({pay} payments, {scan} codes, {close} closings, {refund} refunds) in bad weather"
    assert day.struck.keys() == FAULTS.keys(), f"the weather was not as it should be: {day.struck}"
    figures = {"refused or unanswered": day.unanswered, **day.struck}
    return Outcome(
        did.format(operations=day.operations, **day.counts), day.operations, tuple(violations), recover_seconds, figures
    )


async def _shorten_patience(stage: Stage, merchant: Merchant) -> None:
    """Let our side give up on the gateway sooner, so that nobody here waits long for what will not come.

    No payment was made yet, so the server has not read the account yet either.
    """
    for till in merchant.tills.values():
        account, changes = (merchant.merchant_id, till.account_id), {"timeout_seconds": TIMEOUT_SECONDS}
        async with stage.db.tx() as tx:
            await merchants.update_account(tx, stage.sealer, *account, changes)


async def _trade(merchant: Merchant, day: Day, until_operations: int, seed: int, progress: Progress) -> None:
    """Walk orders until so many operations were asked for in all."""

    def buyers() -> Iterator[random.Random]:
        while day.operations < until_operations:
            day.orders += 1
            yield random.Random(f"{seed}:{day.orders}")

    before = day.operations
    await by_hands(_HANDS, buyers(), lambda chance: _walk(merchant, day, chance))
    progress.step("pay, close, refund", day.operations - before)


async def _count_faults(stage: Stage, day: Day) -> None:
    """Note which faults the sandbox says have struck since we last looked: it keeps its latest entries only."""
    for entry in (await stage.control("GET", f"/log?kind=request&since={day.log_read}&limit=1000000"))["entries"]:
        day.log_read = entry["n"]
        if entry["verdict"].startswith("fault: "):
            day.struck[entry["verdict"].removeprefix("fault: ")] += 1


async def _walk(merchant: Merchant, day: Day, chance: random.Random) -> None:
    """One order, from its first payment to where chance has it end."""
    amount, fate = chance.randint(1, 100_000), chance.random()
    wallet = chance.choice(WALLETS)
    if _REFUNDED <= fate < _SCANNED:
        await _scan(merchant, day, wallet, amount, chance.choice(_SHOWN))
        return
    is_left = _RACED <= fate < _ABANDONED
    expires_in = _EXPIRES_SECONDS if is_left else None
    begun = await begin_payment(merchant, wallet, amount, expires_in=expires_in)
    if not day.note("pay", begun):
        return
    assert begun
    order_id, attempt_id = begun.body["id"], begun.body["attempt"]["id"]
    if fate < _CLOSED:
        await _close(merchant, day, order_id, attempt_id)
    elif fate < _RACED:
        await asyncio.gather(_close(merchant, day, order_id, attempt_id), merchant.buyer_pays(attempt_id))
    elif not is_left:
        await merchant.buyer_pays(attempt_id)
        if fate < _REFUNDED:
            await _refund(merchant, day, order_id, chance.randint(1, amount))


async def _scan(merchant: Merchant, day: Day, wallet: Wallet, amount: int, behaviour: str) -> None:
    """A till scans a code, and its clerk presses again. Nobody answers a phone that asks: that is undone by itself."""
    draft = merchant.draft(wallet, amount=amount)
    opened = await insist(lambda: merchant.order(draft))
    shown = await merchant.stage.control("POST", f"/{wallet.gateway}/buyer/code", {"behaviour": behaviour})
    if opened and opened.is_yes:
        scans = [merchant.scan(opened.body["id"], shown["auth_code"]) for _ in range(2)]
        day.note("scan", (await asyncio.gather(*scans))[0])


async def _close(merchant: Merchant, day: Day, order_id: str, attempt_id: str) -> None:
    answer = await insist(lambda: merchant.ask("POST", f"/v1/orders/{order_id}/close", {}))
    if day.note("close", answer):
        day.closed.add(attempt_id)


async def _refund(merchant: Merchant, day: Day, order_id: str, amount: int) -> None:
    """Ask for a part of it back, once it is known to be paid."""
    read = await merchant.read(order_id, wait=_WAIT_SECONDS)
    if read and read.is_yes and read.body["status"] == "paid":
        day.note("refund", await insist(lambda: merchant.refund(order_id, amount, reference=f"{order_id}-back")))


async def _paid_after_closing(stage: Stage, merchant: Merchant, day: Day) -> list[str]:
    """What we said was closed must never have been paid: it is closed at the gateway first."""
    paid = sorted(day.closed & {line["out_trade_no"] for line in await stage.lines(merchant)})
    return [f"6 attempt {attempt_id} was paid, though its order was answered to be closed" for attempt_id in paid]


ROW = Row(
    name="gateway-weather",
    title="gateway accepts then times out 20 %, applies late 5 %, 5xx 5 %, 429 5 %",
    short={"operations": 1_000},
    long={"operations": 50_000},
    run=run,
    not_covered="A gateway that is away for hours altogether.",
)
