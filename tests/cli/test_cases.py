"""`tongbao case`: what is out of the ordinary is seen, noted on and decided by its id alone."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tongbao import cases, merchants
from tongbao.cases import Kind
from tongbao.cli import main
from tongbao.cli.cases import _EFFECTS
from tongbao.decisions import RESOLUTIONS
from tongbao.kit import clock, ids
from tongbao.kit.db import Db
from tongbao.settings import Settings

Tongbao = Callable[..., Result]


@pytest.fixture
def settings(module_database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_folder=tmp_path, database_url=module_database_url)


@pytest.fixture
def tongbao(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Tongbao:
    """Run a command: `tongbao("case list")`; `*more` are further words."""
    monkeypatch.setenv("TONGBAO_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("TONGBAO_DATA", str(settings.data_folder))

    def run(words: str, *more: str) -> Result:
        return CliRunner().invoke(main, [*words.split(), *more], catch_exceptions=False)

    return run


def opened(settings: Settings, kind: Kind = Kind.REFUND_CLOSED, due_in: timedelta = timedelta(hours=5)) -> str:
    """A case of a new merchant's."""

    async def open_it() -> str:
        db = await Db.connect(settings.database_url or "", size=1)
        merchant = await db.run(lambda tx: merchants.create_merchant(tx, "A coffee shop"))
        async with db.tx() as tx:
            case_id = cases.open_case(
                tx,
                merchant_id=merchant.merchant_id,
                kind=kind,
                key="k",
                order_id=ids.new("ord"),
                refund_id=ids.new("rfd"),
                detail={"reason": "CLOSED", "amount": 1800},
                at=clock.now() - timedelta(minutes=90),
                due_in=due_in + timedelta(minutes=90, seconds=30),
            )
        await db.close()
        return case_id

    return asyncio.run(open_it())


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_case_is_decided_by_its_id_alone(tongbao: Tongbao, settings: Settings) -> None:
    case_id = opened(settings)
    tongbao(f"case note {case_id} --by wang --note", "asked the buyer")
    decided = answer(tongbao(f"case close {case_id} --resolution handled --json --note", "paid out in cash"))
    me = getpass.getuser()
    assert (decided["status"], decided["resolution"], decided["closed_by"]) == ("closed", "handled", me)
    assert [(entry["what"], entry["who"], entry["note"]) for entry in decided["history"]] == [
        ("opened", "tongbao", ""),
        ("noted", "wang", "asked the buyer"),
        ("closed", me, "paid out in cash"),
    ]
    assert answer(tongbao(f"case show {case_id} --json")) == decided
    again = tongbao(f"case close {case_id} --resolution handled")
    assert (again.exit_code, "is closed: handled" in again.stderr) == (2, True)


def test_the_list_shows_what_is_overdue_first_and_says_so(tongbao: Tongbao, settings: Settings) -> None:
    waiting, late = opened(settings), opened(settings, due_in=timedelta(hours=-1))
    lines = {line.split()[0]: line for line in tongbao("case list").output.splitlines()}
    assert list(lines).index(late) < list(lines).index(waiting)
    assert lines[late].endswith("1 h  OVERDUE 59 min")
    assert lines[waiting].endswith("1 h  in 5 h")
    tongbao(f"case close {late} --resolution handled")
    assert late not in tongbao("case list").output
    assert f"{late}  refund_closed" in tongbao("case list --status closed").output
    assert {late, waiting} <= {one["id"] for one in answer(tongbao("case list --status all --json"))}


def test_the_list_can_be_narrowed(tongbao: Tongbao, settings: Settings) -> None:
    blocked = opened(settings, Kind.REFUND_BLOCKED)
    merchant_id = answer(tongbao(f"case show {blocked} --json"))["merchant_id"]
    opened(settings)
    for words in (f"--merchant {merchant_id}", "--kind refund_blocked"):
        assert [one["id"] for one in answer(tongbao(f"case list {words} --json"))] == [blocked]


def test_what_can_be_decided_is_shown_with_what_follows(tongbao: Tongbao, settings: Settings) -> None:
    case_id = opened(settings, Kind.REFUND_ABNORMAL)
    shown = tongbao(f"case show {case_id}").output
    assert f"tongbao case close {case_id} --resolution" in shown
    assert "handled_outside  the buyer got the money by another way" in shown
    assert "tongbao refund redirect rfd" in shown
    assert "detail.amount  1800" in shown


@pytest.mark.parametrize("kind", [*Kind])
def test_of_every_choice_it_is_said_what_follows(kind: Kind) -> None:
    assert all(_EFFECTS[resolution] for resolution in RESOLUTIONS[kind])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("case show cas0", "There is no case cas0"),
        ("case note cas0 --note x", "There is no case cas0"),
        ("case close cas0 --resolution handled", "There is no case cas0"),
        ("case close C --resolution accept", "can be decided by one of: handled"),
        ("case list --kind unheard_of", "'unheard_of' is not one of"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line_and_status_2(
    tongbao: Tongbao, settings: Settings, words: str, said: str
) -> None:
    result = tongbao(words.replace(" C ", f" {opened(settings)} "))
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_merchants_policy_for_late_payments_is_set_and_shown(tongbao: Tongbao) -> None:
    merchant_id = answer(tongbao("merchant create --json", "A coffee shop"))["id"]
    assert answer(tongbao(f"merchant policy {merchant_id} --json"))["late_payment"] == "return"
    assert answer(tongbao(f"merchant policy {merchant_id} --late-payment revive --json"))["late_payment"] == "revive"
    assert answer(tongbao(f"merchant policy {merchant_id} --json"))["late_payment"] == "revive"
    assert "There is no merchant mch0" in tongbao("merchant policy mch0 --late-payment return").stderr
