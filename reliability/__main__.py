"""`python -m reliability`: run the rows of the record, keep what they find, and write docs/reliability.md."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

import click

from reliability import record, report
from reliability.model import Row
from reliability.rows import all_rows


@click.command()
@click.option("--row", "names", multiple=True, help="Only this row; may be given more than once.")
@click.option("--short", is_flag=True, help="The short form, which the tests run too. It is not kept.")
@click.option("--seed", type=int, help="Only this seed.")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Where the stages are; failing ones stay there."
)
@click.option("--page", is_flag=True, help="Run nothing: only write docs/reliability.md from what is kept.")
def main(names: tuple[str, ...], short: bool, seed: int | None, folder: Path | None, page: bool) -> None:
    """Do to Tongbao what the rows say, and check every invariant afterwards. Exit status 1 where one broke."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # However we are told to end, our programs end with us.
    rows = {row.name: row for row in all_rows()}
    if unknown := sorted(set(names) - rows.keys()):
        sys.exit(f"no such row: {', '.join(unknown)}. There are {', '.join(rows)}")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
        tempfile.tempdir = str(folder)
    broken = [name for name in (() if page else names or rows) if not _run(rows[name], short, seed)]
    if not short:
        report.write(rows.values())
    if broken:
        sys.exit(f"violations in {', '.join(broken)}")


def _run(row: Row, short: bool, seed: int | None) -> bool:
    """Run a row with all its seeds, or with one; whether nothing was violated."""
    size, seeds = (row.short, row.short_seeds) if short else (row.long, row.long_seeds)
    runs = []
    for each in seeds if seed is None else (seed,):
        runs.append(run := asyncio.run(record.run(row, size, each)))
        if not short:
            record.keep(row, size, runs)
        recovered = "" if run.outcome.recover_seconds is None else f", back in {run.outcome.recover_seconds:.1f} s"
        found = f"{len(run.outcome.violations)} violations"
        click.echo(f"{row.name}, seed {each}: {run.outcome.did} {found}{recovered}, {run.seconds:.0f} s")
        for name, value in run.outcome.figures.items():
            click.echo(f"    {name.replace('_', ' ')}: {value}")
        for line in run.outcome.violations:
            click.echo(f"    ✗ {line}")
        if run.outcome.violations:
            again = f"python -m reliability --row {row.name} --seed {each}{' --short' if short else ''}"
            click.echo(f"    again: {again}")
    return not any(run.outcome.violations for run in runs)


if __name__ == "__main__":
    main()
