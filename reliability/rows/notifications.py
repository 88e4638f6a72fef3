"""Notices that come twice, in any order, a day late, before the answer they follow from, forged, stale, or never."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from reliability.crowd import begin_payment, by_hands, code_of, insist
from reliability.merchant import Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from reliability.wallets import ALIPAY, WALLETS, Wallet, at_both

FAULTS = {"repeat": 0.3, "reorder": 1.0, "lose": 0.1, "delay": 0.05, "tamper": 0.01, "stale": 0.005, "early": 0.05}
LATEST_SECONDS = 25 * 3600
REFUNDED = 0.25
"""How many refunds there are for each payment."""

_BATCH = 200
_PASSING_SECONDS = LATEST_SECONDS / 20
_HANDS = 24
_WAIT_SECONDS = 30
_HELD_SECONDS = 3.5
"""A notice that is to be overtaken waits no longer than three seconds for it."""
_UNPROVEN = frozenset(
    {
        "signature_missing",
        "signature_probe",
        "signature_wrong",
        "timestamp_stale",
        "serial_unknown",
        "decryption_failed",
        "malformed",
    }
)
Sold = tuple[str, int]
"""A paid order, and its amount."""
_VERDICT = re.compile(r'^tongbao_notices_total\{.*verdict="(\w+)"\} (\S+)$', re.MULTILINE)


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """Payments and refunds in batches, each under a dial of its own, with time between them, so that late ones come."""
    chance = random.Random(seed)
    progress.of(size["notices"])
    async with Stage.open() as stage:
        merchant = await stage.merchant()
        before: list[Sold] = []
        latest: list[Sold] = []
        for batch in range(size["notices"] // _BATCH):
            faults = FAULTS | {"delay_seconds": chance.randint(60, LATEST_SECONDS)}
            await stage.control("PUT", "/faults", at_both({"notify": faults, "seed": seed * 1000 + batch}))
            before, latest = latest, await _batch(merchant, before, chance)
            await stage.advance(_PASSING_SECONDS)
            progress.step("payments and refunds", _BATCH)
        await stage.advance(LATEST_SECONDS)
        recover_seconds = await stage.settle(60 + size["notices"] / 100)
        await asyncio.sleep(max(0.0, _HELD_SECONDS - recover_seconds))
        sent = await _sent(stage)
        violations = [*_not_as_sent(sent, await _verdicts(stage)), *await stage.violations()]
    return _outcome(size["notices"], sent, violations, recover_seconds)


def _outcome(notices: int, sent: Counter[tuple[str, str]], violations: list[str], recover_seconds: float) -> Outcome:
    by_fault: Counter[str] = Counter()
    for (letter, _), count in sent.items():
        by_fault[letter.split(":")[0]] += count
    assert by_fault.keys() == {"true", "tamper", "stale"}, f"the weather was not as it should be: {by_fault}"
    did = (
        f"{notices} notices caused, {by_fault['true']} sent: 30 % repeated, all reordered, 10 % lost for ever, 5 % up"
        f" to 25 virtual hours late, some before the prepay answer; beside them {by_fault['tamper']} tampered with,"
        f" each field in turn, and {by_fault['stale']} stale"
    )
    figures = {f"{letter}, {outcome}": count for (letter, outcome), count in sorted(sent.items())}
    return Outcome(did, notices, tuple(violations), recover_seconds, figures)


async def _batch(merchant: Merchant, before: list[Sold], chance: random.Random) -> list[Sold]:
    """Payments, and refunds of some that were paid before, mixed; returns what was paid."""
    refunded = chance.sample(before, min(len(before), round(_BATCH * REFUNDED / (1 + REFUNDED))))
    paid: list[Sold] = []
    acts: list[Callable[[], Awaitable[None]]] = []
    for order_id, amount in refunded:
        acts.append(partial(_refund, merchant, order_id, chance.randint(1, amount)))
    for _ in range(_BATCH - len(refunded)):
        acts.append(partial(_pay, merchant, chance.choice(WALLETS), chance.randint(2, 100_000), paid))
    chance.shuffle(acts)
    await by_hands(_HANDS, acts, lambda act: act())
    return paid


async def _pay(merchant: Merchant, wallet: Wallet, amount: int, paid: list[Sold]) -> None:
    """Open an order and pay it. Whose notice came early is told that the order is paid already."""
    begun = await begin_payment(merchant, wallet, amount)
    assert begun and (begun.is_yes or code_of(begun) == "order_paid"), begun
    if begun.is_yes:
        await merchant.buyer_pays(begun.body["attempt"]["id"])
    paid.append((begun.body["id" if begun.is_yes else "order_id"], amount))


async def _refund(merchant: Merchant, order_id: str, amount: int) -> None:
    """Ask for a part of it back, once it is known to be paid: the chase finds those whose notice is lost or late."""
    await merchant.read(order_id, wait=_WAIT_SECONDS)
    refund = await insist(lambda: merchant.refund(order_id, amount, reference=f"{order_id}-back"))
    assert refund and refund.is_yes, refund


async def _sent(stage: Stage) -> Counter[tuple[str, str]]:
    """What the sandbox has sent: how often each kind of letter (`true`, `tamper: amount` …) ended how."""
    counts: Counter[tuple[str, str]] = Counter()
    for wallet in WALLETS:
        for line in (await stage.control("GET", f"/{wallet.gateway}/notifications"))["notifications"]:
            # Alipay tries for a day and signs nothing that ages: a replay is what a retry is, true and harmless.
            is_true = wallet is ALIPAY and line["letter"].startswith("stale")
            counts["true" if is_true else line["letter"], line["outcome"]] += line["count"]
    return counts


async def _verdicts(stage: Stage) -> Counter[str]:
    """How many notices the server gave each verdict, by its own count."""
    async with stage.session.get(f"{stage.url}/metrics") as response:
        text = await response.text()
    counts: Counter[str] = Counter()
    for verdict, count in _VERDICT.findall(text):  # one line for each channel
        counts[verdict] += int(float(count))
    return counts


def _not_as_sent(sent: Counter[tuple[str, str]], verdicts: Counter[str]) -> list[str]:
    """Bad letters that were accepted; and where the server believed more or less than what it should believe. A letter
    whose answer did not reach the sandbox may have been believed or not."""
    found = [
        f"8 {count} letters were accepted that were bad ({letter})"
        for (letter, outcome), count in sent.items()
        if letter != "true" and outcome == "accepted"
    ]
    believed = sum(count for verdict, count in verdicts.items() if verdict not in _UNPROVEN)
    least = sent["true", "accepted"]
    most = least + sent["true", "unanswered"]
    if not least <= believed <= most:
        found.append(f"8 {believed} notices were believed and {least} to {most} should have been: {dict(verdicts)}")
    return found


ROW = Row(
    name="notifications",
    title="notifications: 30 % repeated, all reordered, 10 % lost for ever, 5 % up to 25 virtual hours late, 1 %"
    " tampered with in each field in turn, 0.5 % stale, some before the prepay answer",
    short={"notices": 2_000},
    long={"notices": 100_000},
    run=run,
    not_covered="Clocks that differ by minutes: the gateway's and ours are moved as good as together, and a true notice"
    " that is on its way just then is refused as stale and comes again. Alipay's notices stay good for two days:"
    " its stale ones count as true.",
)
