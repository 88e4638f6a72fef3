"""What the rows found, kept: one file each in docs/reliability, so that the record can be made in parts."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.report import machine
from reliability.model import Outcome, Row
from reliability.progress import Progress

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reliability"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a row: with which seed, how long it took, and what came of it."""

    seed: int
    seconds: float
    outcome: Outcome


async def run(row: Row, size: Mapping[str, Any], seed: int) -> Run:
    """Run a row once."""
    progress, began = Progress(f"{row.name} (seed {seed})"), time.monotonic()
    try:
        outcome = await row.run(size, seed, progress)
    finally:
        progress.end()
    return Run(seed, round(time.monotonic() - began, 1), outcome)


def keep(row: Row, size: Mapping[str, Any], runs: list[Run], folder: Path = FOLDER) -> Path:
    """Write a row's runs, beside those of other seeds that the same commit made with the same size."""
    file, here = folder / f"{row.name}.json", machine()
    kept: dict[str, Any] = {
        "name": row.name,
        "title": row.title,
        "size": dict(size),
        "not_covered": row.not_covered,
        "commit": here["commit"],
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "cpu": here["cpu"],
    }
    fresh = [{"seed": each.seed, "seconds": each.seconds, **asdict(each.outcome)} for each in runs]
    before = read(file)
    same = before is not None and (before["commit"], before["size"]) == (kept["commit"], kept["size"])
    seeds = {each.seed for each in runs}
    others = [each for each in before["runs"] if each["seed"] not in seeds] if before and same else []
    kept["runs"] = sorted([*others, *fresh], key=lambda each: int(each["seed"]))
    folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return file


def read(file: Path) -> dict[str, Any] | None:
    """What was kept of a row; None where it was never run."""
    kept: dict[str, Any] | None = orjson.loads(file.read_bytes()) if file.exists() else None
    return kept
