"""The sample mini-programs, by their own tests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Demo, demo
from tests.sdk.conftest import EXAMPLES, SDK, Npm

__all__ = ["demo"]


@pytest.mark.timeout(600)
def test_the_samples_have_sound_types_and_their_pages_sell_coffee(npm_of_examples: Npm) -> None:
    said = npm_of_examples("test")
    passed = re.search(r"^\W*pass (\d+)$", said, re.MULTILINE)
    assert passed and int(passed[1]) > 0, said


@pytest.mark.timeout(600)
def test_the_samples_buy_coffee_in_the_demo_as_they_are_in_the_box(npm_of_examples: Npm, demo: Demo) -> None:
    npm_of_examples("run", "build")
    npm_of_examples("run", "test:demo", DEMO_URL=demo.url, SANDBOX_CONTROL_URL=f"http://127.0.0.1:{demo.port + 1}")


@pytest.mark.parametrize("folder", [SDK, EXAMPLES], ids=["sdk", "examples"])
def test_the_lock_pins_by_hash_and_names_no_address(folder: Path) -> None:
    packages: dict[str, dict[str, Any]] = json.loads((folder / "package-lock.json").read_text())["packages"]
    locked = {name: package for name, package in packages.items() if name}
    assert locked
    assert [name for name, package in locked.items() if "resolved" in package] == []
    assert [name for name, package in locked.items() if not package["integrity"].startswith("sha512-")] == []
