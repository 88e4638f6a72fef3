"""Anything at all at the gateways' door: what is not proven is refused, what is proven but wrong moves no money."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from reliability import fuzz_atheris, fuzz_door, fuzz_forms, fuzz_letters, store
from reliability.fuzz_door import GENUINE, Broken, Loop, Shooting, Target, Wire
from reliability.fuzz_forms import FormTarget
from reliability.merchant import Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.stage import Stage
from reliability.wallets import ALIPAY, WECHAT, Wallet, at_both
from tongbao import merchants

_AMOUNT = 1800
_REFUNDS = 20
_NEVER_SECONDS = 10.0**9
_AT_ONCE = 5
"""So many letters are drawn together: most of the time would else go into beginning examples."""

Letters = list[tuple[str, Any]]


def _letters(
    outside: st.SearchStrategy[Any], inside: Any, inside_refund: Any, outer: Any
) -> st.SearchStrategy[Letters]:
    """What to do with a few letters: the verb of `Shooting`, and what it takes."""
    spoilt = st.tuples(st.just("outside"), st.integers(0, GENUINE - 1), outside)
    changed = st.tuples(st.just("inside"), inside, outer)
    changed_refund = st.tuples(st.just("inside_refund"), inside_refund, outer)
    each = st.one_of(spoilt, spoilt, spoilt, changed, changed_refund)
    return st.lists(each, min_size=_AT_ONCE, max_size=_AT_ONCE)


_OF = {
    each.__name__: _letters(each.outside, each.inside, each.inside_refund, each.outer)
    for each in (fuzz_letters, fuzz_forms)
}


async def run(size: Mapping[str, Any], number: int, progress: Progress) -> Outcome:
    """Shoot letters at the accounts of both gateways, then show that their true letters still get through."""
    if not fuzz_atheris.can_run():
        size = {**size, "in_process": size["in_process"] + size["atheris"], "atheris": 0}
    progress.of(size["in_process"] + size["over_http"] + size["atheris"])
    shots = _Shots()
    async with Stage.open() as stage:
        merchant = await stage.merchant()
        await stage.control("PUT", "/faults", at_both({"refund": {"seconds": _NEVER_SECONDS, "slow": 1}}))
        targets = (await _target(merchant, size["orders"]), await _form_target(merchant, size["orders"]))
        for target in targets:
            await _trust(merchant, target)
            await asyncio.to_thread(_shoot, stage, target, size, number, progress, shots)
        await _trust_the_gateway(merchant)
        await _end_refunds(merchant)
        violations = shots.violations + await stage.violations()
        for target in targets:
            await _trust(merchant, target)
            violations += await asyncio.to_thread(_what_is_true_gets_through, stage, target)
        violations += [] if stage.server.is_running else ["the server has ended"]
    return Outcome(
        did=(
            "notices of both gateways, spoilt in every part, or truly signed and saying something else: "
            f"{size['over_http']:,} over HTTP, {size['in_process']:,} in process by Hypothesis, "
            f"{shots.atheris:,} by Atheris"
        ),
        count=shots.sent + shots.atheris,
        violations=tuple(violations),
        figures=shots.figures,
    )


async def _target(merchant: Merchant, count: int) -> Target:
    """Orders that wait to be paid through WeChat Pay, and keys for an account that trusts one key more: ours."""
    till = merchant.wechat
    keys = fuzz_door.stolen_keys(till.credentials["apiv3_key"])
    things = await _things(merchant, WECHAT, count)
    numbers = till.credentials["mchid"], till.credentials["appid"]
    return Target(merchant.merchant_id, till.account_id, *numbers, _AMOUNT, *things, keys)


async def _form_target(merchant: Merchant, count: int) -> FormTarget:
    """The same of Alipay, whose account is to take our key for Alipay's own."""
    till, key = merchant.alipay, rsa.generate_private_key(65537, 2048)
    things = await _things(merchant, ALIPAY, count)
    numbers = till.credentials["app_id"], till.credentials["seller_id"]
    return FormTarget(merchant.merchant_id, till.account_id, *numbers, _AMOUNT, *things, key)


Pairs = tuple[tuple[str, str], ...]


async def _things(merchant: Merchant, wallet: Wallet, count: int) -> tuple[Pairs, Pairs]:
    """Open orders, and refunds that are on their way, each with its attempt."""
    orders = tuple([await _open_order(merchant, wallet) for _ in range(count)])
    return orders, tuple([await _pending_refund(merchant, wallet) for _ in range(_REFUNDS)])


async def _trust(merchant: Merchant, target: Target | FormTarget) -> None:
    """Have the account take letters that are signed with the target's keys."""
    if isinstance(target, Target):
        papers = {"serial": target.keys.platform_serial, "certificate_pem": target.keys.papers.platform_certificate_pem}
        await _change(merchant, target.account_id, {"platform_certificates": [papers]})
    else:
        public = target.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        await _change(merchant, target.account_id, {"alipay_public_key_pem": public.decode()})


async def _trust_the_gateway(merchant: Merchant) -> None:
    """Alipay's own key again: an account has one, and no answer of the gateway could be believed meanwhile."""
    known = merchant.alipay.credentials["alipay_public_key_pem"]
    await _change(merchant, merchant.alipay.account_id, {"alipay_public_key_pem": known})


async def _change(merchant: Merchant, account_id: str, changes: Mapping[str, Any]) -> None:
    async with merchant.stage.db.tx() as tx:
        await merchants.update_account(tx, merchant.stage.sealer, merchant.merchant_id, account_id, changes)


async def _end_refunds(merchant: Merchant) -> None:
    """Let those that are still on their way arrive. A truly signed word may have closed others here; so they stay."""
    stage = merchant.stage
    rows = await store.refunds_sent(stage.db)
    for refund_id, attempt_id in rows:
        till = merchant.till_of(attempt_id)
        wish = {till.wallet.refund_name: refund_id, "out_trade_no": attempt_id, **till.named, "status": "SUCCESS"}
        await stage.control("POST", f"/{till.wallet.gateway}/refunds/finish", wish)
    await stage.settle()


async def _open_order(merchant: Merchant, wallet: Wallet) -> tuple[str, str]:
    answer = await merchant.order(merchant.draft(wallet, paying=True, amount=_AMOUNT))
    assert answer and answer.is_yes, answer
    return answer.body["id"], answer.body["attempt"]["id"]


async def _pending_refund(merchant: Merchant, wallet: Wallet) -> tuple[str, str]:
    order_id, attempt_id = await _open_order(merchant, wallet)
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


def _shoot(
    stage: Stage, target: Target | FormTarget, size: Mapping[str, Any], number: int, progress: Progress, shots: _Shots
) -> None:
    """Half of all letters are for each gateway's account; Atheris's are WeChat's."""
    wire = Wire(stage.url)
    with Loop.open(stage.database_url, stage.sealer) as loop:
        over_http = Shooting(target, loop, wire.deliver, compares_paths=True)
        deliver = fuzz_door.in_process(loop, target.channel, target.account_id)
        inside = Shooting(target, loop, deliver, compares_paths=False)
        _wait_until_trusted(target, wire)
        for name, shooting in (("over_http", over_http), ("in_process", inside)):
            shots.violations += _hypothesis(shooting, size[name] // 2, number, progress)
            shots.note(f"{name.replace('_', ' ')}, {target.channel}", shooting)
    wire.close()
    if size["atheris"] and isinstance(target, Target):
        found = fuzz_atheris.run(stage, target, size["atheris"], number, progress)
        shots.violations += found.violations
        shots.atheris = found.count
        shots.figures["Atheris"] = found.figure


def _wait_until_trusted(target: Target | FormTarget, wire: Wire) -> None:
    """The server takes the new key up within seconds; until then nothing that is signed with it proves a thing."""
    give_up_at = time.monotonic() + 20
    while wire.deliver(target.about_nothing()) != 200:
        if time.monotonic() > give_up_at:
            raise Broken(f"the server does not take up the new key of {target.channel}")
        time.sleep(0.1)


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
    @given(_OF[fuzz_forms.__name__ if isinstance(shooting.target, FormTarget) else fuzz_letters.__name__])
    def door(letters: Letters) -> None:
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


def _what_is_true_gets_through(stage: Stage, target: Target | FormTarget) -> list[str]:
    """Otherwise it was refused for another reason than what was spoilt: every order's true letter pays it."""
    wire = Wire(stage.url)
    with Loop.open(stage.database_url, stage.sealer) as loop:
        shooting = Shooting(target, loop, wire.deliver, compares_paths=True)
        _wait_until_trusted(target, wire)
        refused = [number for number in range(GENUINE) if wire.deliver(shooting.genuine(number)) != 200]
    wire.close()
    found = f"{len(refused)} of {GENUINE} true letters of {target.channel} did not get through afterwards"
    return [found] if refused else []


ROW = Row(
    name="fuzz-callbacks",
    title="callback fuzzing over raw bytes and headers",
    short={"orders": 300, "in_process": 22_000, "over_http": 4_000, "atheris": 0},
    long={"orders": 5_000, "in_process": 200_000, "over_http": 200_000, "atheris": 1_600_000},
    run=run,
    not_covered=(
        "Atheris has no builds but for Linux on x86-64: elsewhere Hypothesis sends its share, unguided; it knows "
        "WeChat Pay's letters only. What is not HTTP at all is the web server's own business."
    ),
)
