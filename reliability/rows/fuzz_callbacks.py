"""Anything at all at the gateways' door: what is not proven is refused, what is proven but wrong moves no money."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from reliability import fuzz_atheris, fuzz_door, fuzz_letters
from reliability.fuzz_door import GENUINE, Broken, Loop, Shooting, Target, Wire
from reliability.merchant import JSAPI, Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from tongbao import merchants

_AMOUNT = 1800
_REFUNDS = 20
_NEVER_SECONDS = 10.0**9
_AT_ONCE = 5
"""So many letters are drawn together: most of the time would else go into beginning examples."""

_outside = st.tuples(st.just("outside"), st.integers(0, GENUINE - 1), fuzz_letters.outside)
_inside = st.tuples(st.just("inside"), fuzz_letters.inside, fuzz_letters.outer)
_inside_refund = st.tuples(st.just("inside_refund"), fuzz_letters.inside_refund, fuzz_letters.outer)
_letters = st.lists(
    st.one_of(_outside, _outside, _outside, _inside, _inside_refund), min_size=_AT_ONCE, max_size=_AT_ONCE
)


async def run(size: Mapping[str, Any], number: int, progress: Progress) -> Outcome:
    """Shoot letters at one account from three sides, then show that its true letters still get through."""
    if not fuzz_atheris.can_run():
        size = {**size, "in_process": size["in_process"] + size["atheris"], "atheris": 0}
    progress.of(size["in_process"] + size["over_http"] + size["atheris"])
    async with Stage.open() as stage:
        merchant = await stage.merchant()
        await stage.control("PUT", "/faults", {"wechat": {"refund": {"seconds": _NEVER_SECONDS}}})
        target = await _target(merchant, size["orders"])
        shots = await asyncio.to_thread(_shoot, stage, target, size, number, progress)
        await _end_refunds(merchant, target)
        violations = shots.violations + await stage.violations()
        violations += await asyncio.to_thread(_what_is_true_gets_through, stage, target)
        violations += [] if stage.server.is_running else ["the server has ended"]
    return Outcome(
        did=(
            f"spoilt notices in every part, and truly signed ones that say something else: {size['over_http']:,} over "
            f"HTTP, {size['in_process']:,} in process by Hypothesis, {shots.atheris:,} by Atheris"
        ),
        count=shots.sent + shots.atheris,
        violations=tuple(violations),
        figures=shots.figures,
    )


async def _target(merchant: Merchant, count: int) -> Target:
    """Orders that wait to be paid, of an account that trusts one key more: ours."""
    keys = fuzz_door.stolen_keys(merchant.credentials["apiv3_key"])
    offered = {"serial": keys.platform_serial, "certificate_pem": keys.papers.platform_certificate_pem}
    changes = {"platform_certificates": [offered]}
    stage = merchant.stage
    await stage.db.run(
        lambda tx: merchants.update_account(tx, stage.sealer, merchant.merchant_id, merchant.account_id, changes)
    )
    orders = tuple([await _open_order(merchant) for _ in range(count)])
    refunds = tuple([await _pending_refund(merchant) for _ in range(_REFUNDS)])
    mchid, appid = merchant.credentials["mchid"], merchant.credentials["appid"]
    return Target(merchant.merchant_id, merchant.account_id, mchid, appid, _AMOUNT, orders, refunds, keys)


async def _end_refunds(merchant: Merchant, target: Target) -> None:
    """Let those that are still on their way arrive. A truly signed word may have closed others here; so they stay."""
    for refund_id, _ in target.refunds:
        answer = await merchant.ask("GET", f"/v1/refunds/{refund_id}")
        if answer and answer.body["state"] == "sent":
            wish = {"out_refund_no": refund_id, "mchid": target.mchid, "status": "SUCCESS"}
            await merchant.stage.control("POST", "/wechat/refunds/finish", wish)
    await merchant.stage.settle()


async def _open_order(merchant: Merchant) -> tuple[str, str]:
    answer = await merchant.order(payment=JSAPI, amount=_AMOUNT)
    assert answer and answer.is_yes, answer
    return answer.body["id"], answer.body["attempt"]["id"]


async def _pending_refund(merchant: Merchant) -> tuple[str, str]:
    order_id, attempt_id = await _open_order(merchant)
    await merchant.buyer_pays(attempt_id)
    await merchant.read(order_id, wait=20)
    answer = await merchant.refund(order_id)
    assert answer and answer.is_yes, answer
    return answer.body["id"], attempt_id


class _Shots:
    """What came of all shots."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.sent = 0
        self.atheris = 0
        self.figures: dict[str, float | str] = {}

    def note(self, name: str, shooting: Shooting) -> None:
        """Add one fuzzer's."""
        self.sent += sum(shooting.answers.values())
        self.figures[f"answers, {name}"] = shooting.summary()


def _shoot(stage: Stage, target: Target, size: Mapping[str, Any], number: int, progress: Progress) -> _Shots:
    shots, wire = _Shots(), Wire(stage.url)
    with Loop.open(stage.database_url, stage.sealer) as loop:
        over_http = Shooting(target, loop, wire.deliver, compares_paths=True)
        inside = Shooting(target, loop, fuzz_door.in_process(loop, target.account_id), compares_paths=False)
        _wait_until_trusted(over_http)
        for name, shooting in (("over_http", over_http), ("in_process", inside)):
            shots.violations += _hypothesis(shooting, size[name], number, progress)
            shots.note(name.replace("_", " "), shooting)
    wire.close()
    if size["atheris"]:
        found = fuzz_atheris.run(stage, target, size["atheris"], number, progress)
        shots.violations += found.violations
        shots.atheris = found.count
        shots.figures["Atheris"] = found.figure
    return shots


def _wait_until_trusted(shooting: Shooting) -> None:
    """The server takes the new key up within seconds; until then nothing that is signed with it proves a thing."""
    notice = fuzz_letters.Edit("set", ("event_type",), "TEST")
    give_up_at = time.monotonic() + 20
    while time.monotonic() < give_up_at:
        shooting.about_order(GENUINE, b"{}", (notice,))
        if shooting.answers[200]:
            shooting.answers.clear()
            return
        time.sleep(0.1)
    raise Broken("the server does not take up the account's new certificate")


def _hypothesis(shooting: Shooting, letters: int, number: int, progress: Progress) -> list[str]:
    """Draw and deliver so many letters. The first that breaks the door is made as small as it gets."""
    broken: list[str] = []

    @settings(
        max_examples=max(1, letters // _AT_ONCE),
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @seed(number)
    @given(_letters)
    def door(letters: list[tuple[str, Any]]) -> None:
        for kind, *what in letters:
            try:
                getattr(shooting, kind)(*what)
            except Broken as error:
                broken.append(str(error))
                raise
        progress.step(steps=len(letters))

    return _smallest(door, broken)


def _smallest(test: Callable[[], None], broken: list[str]) -> list[str]:
    """Run a property; the shortest of what broke it, and how often it did."""
    try:
        test()
    except Exception as error:  # Hypothesis has errors of its own for what breaks now and then
        if not broken:
            return [f"the fuzzer failed: {error!r}"]
    shortest = min(broken, key=len, default="")
    return [f"8 {shortest} (the shortest of {len(broken)} that broke it)"] if broken else []


def _what_is_true_gets_through(stage: Stage, target: Target) -> list[str]:
    """Otherwise it was refused for another reason than what was spoilt: every order's true letter pays it."""
    wire = Wire(stage.url)
    with Loop.open(stage.database_url, stage.sealer) as loop:
        shooting = Shooting(target, loop, wire.deliver, compares_paths=True)
        refused = [number for number in range(GENUINE) if wire.deliver(shooting.genuine(number)) != 200]
    wire.close()
    return [f"{len(refused)} of {GENUINE} true letters did not get through afterwards"] if refused else []


ROW = Row(
    name="fuzz-callbacks",
    title="callback fuzzing over raw bytes and headers",
    short={"orders": 300, "in_process": 22_000, "over_http": 4_000, "atheris": 0},
    long={"orders": 5_000, "in_process": 200_000, "over_http": 200_000, "atheris": 1_600_000},
    run=run,
    not_covered=(
        "Atheris has no builds but for Linux on x86-64: elsewhere Hypothesis sends its share, unguided. "
        "What is not HTTP at all is the web server's own business."
    ),
)
