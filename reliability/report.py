"""docs/reliability.md, written from what is kept of every row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reliability import record
from reliability.model import Row

_HEAD = """# The record of faults survived

What was done to Tongbao, and whether money was lost. Written by `make reliability`, one row of it by
`make reliability ROW=kill-server`. After each run every invariant of
[ARCHITECTURE.md](../ARCHITECTURE.md#what-must-never-break) is checked: our books against themselves; our clearing
accounts against the sandbox's own book, order by order; whatever was answered 2xx; every event against what the
merchants' servers were told; the logs for secrets. A violation is anything that breaks one of them: there must be none.
"""

_ALWAYS = (
    "Killing a process, even PostgreSQL's, does not test fsync: the kernel still holds what was written. Only a power "
    "cut shows whether the disk does.",
    "The gateway is the sandbox. It follows the published documents, and what those do not say is not tried.",
    "Everything ran on one machine, over loopback: no partitions, no replication, no failover of PostgreSQL.",
    "Hours are virtual, because clocks are moved: what takes days of real time to leak does not show.",
)

_TABLE_HEAD = """| Test | Runs | Count | Violations | Longest time to recover | Commit, date |
|---|---|---|---|---|---|"""


def write(rows: Iterable[Row], folder: Path = record.FOLDER) -> Path:
    """Write the page beside `folder`."""
    rows = tuple(rows)
    kept = [(row, record.read(folder / f"{row.name}.json")) for row in rows]
    parts = [_HEAD, _table(kept), *(_section(found) for _, found in kept if found), _not_covered(kept)]
    page = folder.with_suffix(".md")
    page.write_text("\n".join(parts), "utf-8")
    return page


def _table(kept: list[tuple[Row, dict[str, Any] | None]]) -> str:
    lines = [
        "| Test | Runs | Count | Violations | Longest time to recover | Commit, date |",
        "|---|---|---|---|---|---|",
    ]
    for row, found in kept:
        if found is None:
            lines.append(f"| {row.title} | not run yet | | | | |")
            continue
        runs = found["runs"]
        count, wrong = sum(run["count"] for run in runs), sum(len(run["violations"]) for run in runs)
        when = f"{found['commit']}, {found['date']}"
        link = f"[{row.title}](#{row.name})"
        lines.append(f"| {link} | {len(runs)} | {count:,} | **{wrong}** | {_recovery(runs)} | {when} |")
    return "\n".join(lines) + "\n"


def _section(found: Mapping[str, Any]) -> str:
    lines = [f"## {found['name']}", "", f"{found['title']}. On {found['cores']} cores ({found['cpu']}).", ""]
    for run in found["runs"]:
        figures = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in run["figures"].items())
        lines.append(
            f"- Seed {run['seed']}, {run['seconds']:.0f} s: {run['did']}" + (f" ({figures})" if figures else "")
        )
        lines += [f"  - **Violation:** {line}" for line in run["violations"]]
    command = f"make reliability ROW={found['name']}"
    return "\n".join([*lines, "", f"Again: `{command}`", ""])


def _not_covered(kept: list[tuple[Row, dict[str, Any] | None]]) -> str:
    own = [f"`{row.name}`: {row.not_covered}" for row, _ in kept if row.not_covered]
    return "\n".join(["## What is not covered", "", *(f"- {line}" for line in (*_ALWAYS, *own)), ""])


def _recovery(runs: list[dict[str, Any]]) -> str:
    seconds = [run["recover_seconds"] for run in runs if run["recover_seconds"] is not None]
    return f"{max(seconds):.1f} s" if seconds else "–"


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.10g}"
