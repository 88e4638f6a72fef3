"""The house is tidy, and each rule of tools/tidy.py can be broken: a check that cannot fail proves nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import tidy
from tools.tidy import Check, Source

BAD: list[tuple[Check, str, str]] = [
    (tidy.functions_are_short, "src/x.py", "def f():\n" + "    x = 1\n" * 50),
    (tidy.functions_are_short, "tests/x.py", "class C:\n    async def f(self):\n" + "        x = 1\n" * 50),
    (tidy.files_are_short, "src/x.py", "x = 1\n" * 401),
    (tidy.files_are_short, "sdk/x.js", "x = 1\n" * 401),
    (tidy.sql_stays_in_stores, "src/tongbao/payments/service.py", 'q = "SELECT amount FROM orders"'),
    (tidy.sql_stays_in_stores, "src/tongbao/payments/service.py", 'q = f"""\n  update {t} set a = 1"""'),
    (tidy.sql_stays_in_stores, "src/tongbao_demo/x.py", 'q = "with a as (insert into b values (1))"'),
    (
        tidy.gateways_are_asked_outside_transactions,
        "src/tongbao/payments/service.py",
        "async def pay(db, channel):\n    async with db.tx() as tx:\n        await channel.prepare(1)\n",
    ),
    (
        tidy.gateways_are_asked_outside_transactions,
        "src/tongbao/payments/service.py",
        "async def settle(tx, account):\n    if account:\n        return await account.channel.query('1')\n",
    ),
    (
        tidy.gateways_are_asked_outside_transactions,
        "src/tongbao/payments/service.py",
        "async def pay(db):\n    async def body(tx):\n        await merchants.find(db, 1)\n    await db.run(body)\n",
    ),
    (
        tidy.gateways_are_asked_outside_transactions,
        "src/tongbao/payments/service.py",
        "async def pay(db):\n    async with db.tx() as tx:\n        rows = await db.fetch('…')\n",
    ),
    (
        tidy.gateways_are_asked_outside_transactions,
        "src/tongbao/payments/chase.py",
        "async def claim(tx, directory):\n    await directory.account('1')\n",
    ),
    (tidy.channels_are_named_at_home, "src/tongbao/payments/rules.py", 'if channel == "wechatpay": pass'),
    (tidy.channels_are_named_at_home, "src/tongbao/web/x.py", "from tongbao.channels import alipay"),
    (tidy.channels_are_named_at_home, "src/tongbao/channels/alipay/x.py", "def like_union_pay(): ..."),
    (tidy.channels_are_named_at_home, "src/tongbao/migrations/1.sql", "CHECK (channel IN ('douyin'))"),
    (tidy.wire_words_stay_at_the_wire, "src/tongbao/channels/wechatpay/channel.py", 'x["out_trade_no"]'),
    (tidy.wire_words_stay_at_the_wire, "src/tongbao/payments/model.py", "class A:\n    prepay_id: str"),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao/web/x.py", "from tongbao.ledger.store import insert"),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao/web/x.py", "from tongbao.ledger import store"),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao_demo/x.py", "import tongbao.ledger.service"),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao/web/x.py", "from ..ledger import post"),
    (tidy.nothing_names_a_registry_or_a_machine, "Makefile", "pip install -i https://pyp" + "i.org/simple x"),
    (tidy.nothing_names_a_registry_or_a_machine, "README.md", "see /wor" + "k/main"),
    (tidy.nothing_names_a_registry_or_a_machine, "x.toml", 'path = "/hom' + 'e/me/x"'),
    (tidy.locks_carry_no_addresses, "uv.lock", ""),
    (tidy.locks_carry_no_addresses, "sdk/package-lock.json", '{\n"resolved": "https://mirror/x.tgz"}'),
]

GOOD: list[tuple[Check, str, str]] = [
    (tidy.functions_are_short, "src/x.py", "def f():\n" + "    x = 1\n" * 49),
    (tidy.files_are_short, "src/x.py", "x = 1\n" * 400),
    (tidy.files_are_short, "requirements/dev.txt", "x\n" * 4000),
    (tidy.sql_stays_in_stores, "src/tongbao/payments/store.py", 'q = "SELECT amount FROM orders"'),
    (tidy.sql_stays_in_stores, "src/tongbao/payments/service.py", '"""Select a buyer from the list."""\nx = "update"'),
    (
        tidy.gateways_are_asked_outside_transactions,
        "src/tongbao/payments/service.py",
        "async def pay(db, channel):\n    async with db.tx() as tx:\n        await store.add(tx, channel)\n"
        "    await channel.prepare(1)\n    await store.seen(db)\n",
    ),
    (tidy.channels_are_named_at_home, "src/tongbao/channels/registry.py", 'CHANNELS = {"wechatpay": wechatpay}'),
    (tidy.channels_are_named_at_home, "src/tongbao/channels/alipay/x.py", 'name = "alipay"'),
    (tidy.channels_are_named_at_home, "src/tongbao/kit/ids.py", '"""UnionPay forbids `-`."""  # so does Alipay'),
    (tidy.channels_are_named_at_home, "src/tongbao/migrations/1.sql", "x text -- such as alipay"),
    (tidy.channels_are_named_at_home, "src/tongbao/protocols/alipay/x.py", 'root = "alipay_root"'),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao/hosts/x.py", "from tongbao.protocols.alipay import Client"),
    (tidy.wire_words_stay_at_the_wire, "src/tongbao/channels/wechatpay/wire.py", 'x["out_trade_no"]'),
    (tidy.wire_words_stay_at_the_wire, "src/tongbao_sandbox/x.py", 'x["out_trade_no"]'),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao/web/x.py", "from tongbao import ledger"),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao/web/x.py", "from tongbao.ledger import post"),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao/web/x.py", "from tongbao.kit.errors import Refusal"),
    (tidy.rooms_are_entered_by_the_front_door, "src/tongbao/ledger/x.py", "from tongbao.ledger import store"),
    (tidy.nothing_names_a_registry_or_a_machine, "x.py", "home = Path.home() / 'work'  # network/main"),
    (tidy.locks_carry_no_addresses, "sdk/package-lock.json", '{"integrity": "sha512-x"}'),
]


def name(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return tidy.sources()


@pytest.mark.parametrize("check", tidy.CHECKS, ids=name)
def test_the_house_is_tidy(check: Check, sources: list[Source]) -> None:
    findings = [str(finding) for source in sources for finding in check(source)]
    assert not findings, "\n" + "\n".join(findings)


@pytest.mark.parametrize(("check", "path", "text"), BAD, ids=name)
def test_a_breach_is_found(check: Check, path: str, text: str) -> None:
    assert list(check(Source(path, text)))


@pytest.mark.parametrize(("check", "path", "text"), GOOD, ids=name)
def test_what_is_allowed_is_not_complained_about(check: Check, path: str, text: str) -> None:
    assert not [str(finding) for finding in check(Source(path, text))]


def test_every_check_has_been_seen_failing_and_passing() -> None:
    assert {check for check, _, _ in BAD} == {check for check, _, _ in GOOD} == set(tidy.CHECKS)


def test_the_checks_look_at_every_part_of_the_project(sources: list[Source]) -> None:
    seen = {source.path.partition("/")[0] for source in sources}
    assert {"src", "tests", "tools", "sdk", "requirements", "Makefile", "README.md", ".ci"} <= seen


@pytest.mark.parametrize("folder", ["", "sdk/miniprogram"])
def test_the_english_and_the_chinese_readme_are_in_step(folder: str) -> None:
    english, chinese = ((tidy.ROOT / folder / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
    assert tidy.readmes_agree(english, chinese), "their headings or commands differ"


def test_readmes_out_of_step_are_noticed() -> None:
    assert tidy.readmes_agree("# A\n## B\n```sh\n# x\n```\n", "# 甲\n\n## 乙\n\n```sh\n# 甲\n```\n")
    assert not tidy.readmes_agree("# A\n## B\n", "# 甲\n")
    assert not tidy.readmes_agree("# A\n```sh\n```\n", "# 甲\n")


def test_what_is_tested_is_what_runs() -> None:
    """Each pin of runtime.txt is dev.txt's too: otherwise production runs what no test has seen."""
    runtime, dev = (pins(tidy.ROOT / "requirements" / name) for name in ("runtime.txt", "dev.txt"))
    assert runtime
    assert runtime <= dev


def pins(file: Path) -> set[str]:
    return set(re.findall(r"^\S+==[^ ]+", file.read_text(), re.MULTILINE))
