"""`python -m bench`: measure everything in one run and print one table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from bench import report, stage
from bench.processes import BenchError
from bench.progress import Progress
from bench.report import Row
from bench.rounds import Plan
from bench.rows import creating, notifying, signing, tapping, whole_loop

_FULL = Plan(5, signing_seconds=0.5, creations=2000, notices=1500, payments=500, taps=400, concurrency=16)
_QUICK = Plan(1, signing_seconds=0.02, creations=40, notices=40, payments=20, taps=20, concurrency=4)
_NOTE = """
Medians of {rounds} interleaved rounds, after one to warm up. PostgreSQL is the embedded one with its durable settings
(fsync, full_page_writes, synchronous_commit on), {connections} connections each. One server process each; it shares the
machine with PostgreSQL, sandbox, load generator and webhook receiver, so a rate is this machine's, and CPU time is the
server's own. Tables are analysed after the round to warm up.
"""


@click.command()
@click.option("--quick", is_flag=True, help="One short round: does every row give a number?")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here too."
)
def main(quick: bool, json_file: Path | None) -> None:
    """Measure Tongbao beside what it could be at best (floor) and what others do (peer), and print one table."""
    machine, plan = report.machine(), _QUICK if quick else _FULL
    try:
        rows = list(_rows(plan))
    except BenchError as error:
        sys.exit(f"\nbench: {error}")
    click.echo("\n".join(f"{name}: {value}" for name, value in machine.items()))
    click.echo(_NOTE.format(rounds=plan.rounds, connections=stage.CONNECTIONS))
    click.echo(report.table(rows))
    if json_file:
        report.write(json_file, rows, machine)


def _rows(plan: Plan) -> Iterator[Row]:
    """Each row, with the servers that it compares."""
    others = (creating, notifying, whole_loop, tapping)
    progress = Progress(
        plan.rounds * signing.CONTENDERS + (plan.rounds + 1) * sum(module.CONTENDERS for module in others)
    )
    signed = signing.measure(plan, progress)
    yield signed
    with ExitStack() as stack:
        opened = stack.enter_context(stage.opened())
        tutorial = stack.enter_context(stage.tutorial(opened, "tutorial"))
        with stage.empty(opened) as empty, stage.tongbao(opened, "doors", with_worker=False) as doors:
            yield creating.measure(plan, progress, opened, doors, empty, tutorial)
            yield notifying.measure(plan, progress, opened, doors, tutorial)
        with stage.tongbao(opened, "whole", with_worker=True) as whole:
            yield from whole_loop.measure(
                plan, progress, opened, whole, tutorial, _rsa_ms(signed, 2, 1), _rsa_ms(signed, 1, 2)
            )
            yield tapping.measure(plan, progress, opened, whole, _rsa_ms(signed, 1, 0))
    progress.end()


def _rsa_ms(signed: Row, signatures: int, verifications: int) -> tuple[float, ...]:
    """What a payment cannot do without, in each round: so many signatures and verifications."""
    sign, verify, _ = (line.ours for line in signed.lines)
    return tuple((signatures * one + verifications * other) / 1000 for one, other in zip(sign, verify, strict=True))


if __name__ == "__main__":
    main()
