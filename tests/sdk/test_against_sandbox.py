"""The SDK against a running server and sandbox, over real HTTP."""

from __future__ import annotations

import os

import pytest

from tests.sdk.conftest import Npm

NEEDED = ("TONGBAO_URL", "TONGBAO_API_KEY", "SANDBOX_CONTROL_URL")


@pytest.fixture
def running() -> dict[str, str]:
    """Where the server and the sandbox run, and a key of a merchant who has the sandbox's app and account."""
    missing = [name for name in NEEDED if name not in os.environ]
    if missing:
        pytest.skip(f"NOTHING TO PAY AGAINST: {', '.join(missing)} not set")
    return {name: os.environ[name] for name in NEEDED}


def test_the_sdk_pays_cancels_and_survives_a_lost_notification(npm: Npm, running: dict[str, str]) -> None:
    npm("run", "build")
    npm("run", "test:sandbox", **running)
