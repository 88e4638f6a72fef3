"""Payments and refunds by many at once, while every read and an auditor check the sums."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from reliability.bank import Bank
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from reliability.wallets import at_both

FAULTS = {"refund": {"seconds": 1.0, "abnormal": 0.02, "closed": 0.02, "slow": 0.5}}
_MERCHANTS = 2


async def run(size: Mapping[str, Any], seed: int, progress: Progress) -> Outcome:
    """Open the bank, close it, let all come to an end, and check every invariant."""
    async with Stage.open() as stage:
        await stage.control("PUT", "/faults", at_both(FAULTS | {"seed": seed}))
        merchants = [await stage.merchant() for _ in range(_MERCHANTS)]
        bank = Bank(merchants, random.Random(seed), progress)
        await bank.open_for(size["seconds"], size["clients"])
        await stage.settle(60 + size["seconds"])
        violations = [f"3 {line}" for line in dict.fromkeys(bank.wrong)] + await stage.violations()
    done = bank.counts
    return Outcome(
        did=(
            f"{size['clients']} clients paid, refunded and read the same orders for {size['seconds']} s, while "
            "an auditor added up every account"
        ),
        count=done["payments"] + done["refunds"] + done["refusals"],
        violations=tuple(violations),
        figures={name: done[name] for name in ("payments", "refunds", "refusals", "reads", "audits")},
    )


ROW = Row(
    name="bank",
    title="bank test: concurrent payments and refunds while every read checks the sums",
    short={"seconds": 20, "clients": 64},
    long={"seconds": 600, "clients": 64},
    run=run,
)
