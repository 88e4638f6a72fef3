"""The mini-program SDK, by its own tests."""

from __future__ import annotations

import json
import re

import pytest

from tests.sdk.conftest import Npm


@pytest.mark.timeout(600)
def test_the_sdk_builds_has_sound_types_and_passes_its_own_tests(npm: Npm) -> None:
    said = npm("test")
    passed = re.search(r"^\W*pass (\d+)$", said, re.MULTILINE)
    assert passed and int(passed[1]) > 0, said


@pytest.mark.timeout(600)
def test_the_package_holds_its_build_its_types_and_its_licence(npm: Npm) -> None:
    said = npm("pack", "--dry-run", "--json", "--silent")
    packed = json.loads(said[said.index("[\n") : said.rindex("]") + 1])
    held = {file["path"] for file in packed[0]["files"]}
    assert held >= {"LICENSE", "README.md", "README.zh-CN.md", "index.d.ts", "package.json", "src/index.js"}
    assert held >= {"dist/index.mjs", "dist/index.cjs", "dist/index.d.cts", "dist/miniprogram/index.js"}
    assert not {path for path in held if path.startswith(("tests/", "node_modules/"))}
