"""The record is kept, shown, and its checks can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reliability import record, report
from reliability.merchant import Merchant
from reliability.model import Outcome, Row
from reliability.progress import Progress
from reliability.record import Run
from reliability.rows import all_rows
from reliability.stage import Stage
from reliability.wallets import WALLETS
from tests.reliability.short_form import ATTACKS, TROUBLE


def test_every_row_is_there_and_tested() -> None:
    assert tuple(row.name for row in all_rows()) == (*TROUBLE, *ATTACKS)


@pytest.fixture
async def stage(data_folder: Path) -> AsyncIterator[Stage]:
    async with Stage.open(data_folder) as stage:
        yield stage


async def _sold(stage: Stage) -> Merchant:
    """A merchant with an order paid by each wallet, everybody told."""
    merchant = await stage.merchant()
    for wallet in WALLETS:
        order = await merchant.order(merchant.draft(wallet, paying=True))
        assert order
        assert order.is_yes
        assert await merchant.buyer_pays(order.body["attempt"]["id"])
    await stage.settle()
    assert await stage.violations() == []
    return merchant


def _change(stage: Stage, statement: str) -> None:
    """Break the books as no program of ours could: the owner gives itself the rights that it gave up."""
    with psycopg.connect(stage.database_url, autocommit=True) as connection:
        connection.execute("GRANT UPDATE, DELETE ON postings, seals, sealed_postings, events TO CURRENT_USER")
        connection.execute(statement.encode())


async def _a_posting_is_changed(stage: Stage, merchant: Merchant) -> str:
    _change(stage, "UPDATE postings SET amount = amount + 1")
    return "4 our clearing account equals"


async def _an_order_disappears(stage: Stage, merchant: Merchant) -> str:
    merchant.stage.acknowledged["order"].add((merchant.merchant_id, "ord0"))
    return "5 order ord0"


async def _an_event_is_not_delivered(stage: Stage, merchant: Merchant) -> str:
    merchant.hook.told.clear()
    return "7 event"


async def _somebody_is_told_what_never_was(stage: Stage, merchant: Merchant) -> str:
    merchant.hook.bodies["evt0"] = b"{}"
    return "which is not what the books hold"


async def _a_webhook_changes_under_its_id(stage: Stage, merchant: Merchant) -> str:
    merchant.hook.changed.append("evt0")
    return "twice, with different bodies"


async def _a_secret_is_logged(stage: Stage, merchant: Merchant) -> str:
    with stage.server.program.log_path.open("a") as log:
        log.write(f"asked with {merchant.api_key}\n")
    return "characters is in server.log"


async def _a_secret_is_told(stage: Stage, merchant: Merchant) -> str:
    stage.secrets.add("拿铁")
    return "characters is in what http"


async def _a_webhook_never_arrives(stage: Stage, merchant: Merchant) -> str:
    _change(stage, "UPDATE deliveries SET state = 'pending', due_at = now() + interval '1 year'")
    stage.server.kill()
    await stage.settle(1)
    return "still under way: 2 webhooks"


BROKEN: list[Callable[[Stage, Merchant], Awaitable[str]]] = [
    _a_posting_is_changed,
    _an_order_disappears,
    _an_event_is_not_delivered,
    _somebody_is_told_what_never_was,
    _a_webhook_changes_under_its_id,
    _a_secret_is_logged,
    _a_secret_is_told,
    _a_webhook_never_arrives,
]


async def test_whatever_is_lost_is_noticed(stage: Stage) -> None:
    merchant = await _sold(stage)
    for breaks in BROKEN:
        expected = await breaks(stage, merchant)
        assert any(expected in line for line in await stage.violations()), breaks.__name__


async def test_what_is_killed_is_gone_and_can_be_started_again(stage: Stage) -> None:
    merchant = await stage.merchant()
    stage.server.kill()
    assert not stage.server.is_running
    assert await merchant.order(merchant.draft()) is None
    await stage.server.start()
    answer = await merchant.order(merchant.draft())
    assert answer
    assert answer.is_yes


def _row(violations: tuple[str, ...] = ()) -> Row:
    async def run(size: Any, seed: int, progress: Progress) -> Outcome:
        progress.of(1)
        return Outcome(f"Something was done with seed {seed}.", 3, violations, 1.5, {"tries": 7})

    return Row("kill-server", "something", {}, {"times": 3}, run, not_covered="everything else.")


async def _kept(folder: Path, row: Row, *seeds: int) -> dict[str, Any]:
    runs: list[Run] = [await record.run(row, row.long, seed) for seed in seeds]
    kept = record.read(record.keep(row, row.long, runs, folder))
    assert kept is not None
    return kept


async def test_the_record_is_made_in_parts(tmp_path: Path) -> None:
    await _kept(tmp_path, _row(), 1, 2)
    kept = await _kept(tmp_path, _row(), 3, 2)
    assert [run["seed"] for run in kept["runs"]] == [1, 2, 3]


async def test_another_size_begins_a_new_record(tmp_path: Path) -> None:
    row = _row()
    await _kept(tmp_path, row, 1)
    kept = await _kept(tmp_path, Row(row.name, row.title, {}, {"times": 4}, row.run), 2)
    assert [run["seed"] for run in kept["runs"]] == [2]


async def test_the_page_tells_what_was_done_and_what_broke(tmp_path: Path) -> None:
    folder = tmp_path / "reliability"
    row = _row(("4 a cent is missing",))
    await _kept(folder, row, 1, 2)
    page = report.write([row], folder).read_text("utf-8")
    assert "| [something](#kill-server) | 2 | 6 | **2** | 1.5 s |" in page
    assert "Something was done with seed 2. (tries 7)" in page
    assert "**Violation:** 4 a cent is missing" in page
    assert "everything else." in page
    assert "does not test fsync" in page


def test_the_page_is_that_of_the_kept_results(tmp_path: Path) -> None:
    copy = tmp_path / "reliability"
    copy.mkdir()
    for file in record.FOLDER.glob("*.json"):
        (copy / file.name).write_bytes(file.read_bytes())
    written = record.FOLDER.with_suffix(".md").read_text("utf-8")
    assert report.write(all_rows(), copy).read_text("utf-8") == written, "python -m reliability --page writes it anew"
