"""What the tools have to say: lint, format, types, floors. Here, so that one run and one summary hold everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = {
    "the_linter_is_content": "ruff check .",
    "the_format_is_the_formatters": "ruff format --check .",
    "the_types_hold": "mypy",
    "rooms_import_only_from_floors_below": "lint-imports --no-logo",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("claim", TOOLS)
def test_tools(claim: str) -> None:
    tool, *arguments = TOOLS[claim].split()
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"\n{result.stdout}{result.stderr}"
