from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.channels.sandbox_process import sandbox_process


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as url:
        yield url
