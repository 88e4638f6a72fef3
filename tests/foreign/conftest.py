from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign import environment
from tests.sandbox.client import Control
from tests.sandbox.process import started


@pytest.fixture(scope="session")
def foreign_python() -> Path:
    """An interpreter that has the SDKs, in an environment of its own."""
    return environment.prepared()


@pytest.fixture(scope="module")
def control() -> Iterator[Control]:
    with started() as control:
        yield control
