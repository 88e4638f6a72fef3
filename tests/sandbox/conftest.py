from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.client import Control, Merchant, Receiver, receiving
from tests.sandbox.process import started


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Control]:
    with started() as control:
        yield control


@pytest.fixture
def control(shared_sandbox: Control) -> Control:
    """A sandbox without a past."""
    shared_sandbox.post("/reset")
    return shared_sandbox


@pytest.fixture
def merchant(control: Control) -> Merchant:
    return control.merchant()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
