"""The bench measures: every line of every row gets a number. How fast is the machine's business."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

# The first run makes the opponents' environment.
_has_openssl = shutil.which("openssl") is not None
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `python -m bench --quick` wrote."""
    file = tmp_path_factory.mktemp("bench") / "results.json"
    command = [sys.executable, "-m", "bench", "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results: dict[str, Any] = orjson.loads(file.read_bytes())
    return results


def test_every_line_of_every_row_gets_a_number(results: dict[str, Any]) -> None:
    assert [row["title"][:3] for row in results["rows"]] == ["(a)", "(b)", "(c)", "(d)", "(e)", "(f)"]
    for row in results["rows"]:
        for line in row["lines"]:
            assert line["ours"], line
            # A short round can take less processor time than the kernel counts.
            assert all(value > 0 or (value == 0 and "CPU" in line["what"]) for value in line["ours"]), line


def test_every_row_is_compared_with_a_floor_and_a_peer(results: dict[str, Any]) -> None:
    for row in results["rows"]:
        has_no_floor = row["title"] == "(a) signing" and not _has_openssl
        assert has_no_floor or any(line["of_floor"] for line in row["lines"]), row
        assert any(line["of_peer"] for line in row["lines"]), row


def test_the_results_say_on_which_machine_they_were_measured(results: dict[str, Any]) -> None:
    assert {"cores", "cpu", "python", "commit"} <= results["machine"].keys()
    assert all(results["machine"].values())
