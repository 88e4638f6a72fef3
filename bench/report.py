"""What was measured, and how it is shown: a table for people, JSON for programs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import orjson

from tools.programs import ROOT


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: the same thing measured for us, for the least it can cost, and for a peer.

    Each holds the results of its rounds, in `unit`; `floor` and `peer` are empty where there is none. `target` says
    what we wish for, in words.
    """

    what: str
    unit: str
    ours: tuple[float, ...]
    floor: tuple[float, ...] = ()
    peer: tuple[float, ...] = ()
    target: str = ""

    @property
    def of_floor(self) -> float | None:
        """Ours as a multiple of the floor."""
        return _ratio(self.ours, self.floor)

    @property
    def of_peer(self) -> float | None:
        """Ours as a multiple of the peer's."""
        return _ratio(self.ours, self.peer)


@dataclass(frozen=True, slots=True)
class Row:
    """The lines of one comparison, and against whom it was made."""

    title: str
    floor: str
    peer: str
    lines: tuple[Line, ...]


def table(rows: Iterable[Row]) -> str:
    """The results for people."""
    head = f"{'':38}{'unit':>14}{'ours':>10}{'floor':>10}{'× floor':>9}{'peer':>10}{'× peer':>9}  target"
    shown = []
    for row in rows:
        shown += ["", row.title, f"    floor: {row.floor}", f"    peer:  {row.peer}"]
        shown += [_shown(line) for line in row.lines]
    return "\n".join((head, *shown))


def _shown(line: Line) -> str:
    numbers = (
        f"{_number(median(line.ours)):>10}"
        f"{_number(median(line.floor) if line.floor else None):>10}{_number(line.of_floor):>9}"
        f"{_number(median(line.peer) if line.peer else None):>10}{_number(line.of_peer):>9}"
    )
    return f"    {line.what:34}{line.unit:>14}{numbers}  {line.target}".rstrip()


def _ratio(ours: tuple[float, ...], theirs: tuple[float, ...]) -> float | None:
    """Of the medians. A short round may use less processor time than the kernel counts: then there is no ratio."""
    below = median(theirs) if theirs else 0.0
    return median(ours) / below if below else None


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(file: Path, rows: Iterable[Row], machine: Mapping[str, str]) -> None:
    """The results for programs: every round of every line, and the medians' ratios."""
    results = {
        "machine": machine,
        "rows": [
            asdict(row)
            | {"lines": [asdict(one) | {"of_floor": one.of_floor, "of_peer": one.of_peer} for one in row.lines]}
            for row in rows
        ],
    }
    file.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))


def machine() -> dict[str, str]:
    """What it was measured on."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "cores": str(os.cpu_count()),
        "cpu": _cpu_model(),
        "system": f"{platform.system()} {platform.release()}",
        "load before": load,
        "python": sys.version.split()[0],
        "commit": _commit(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
