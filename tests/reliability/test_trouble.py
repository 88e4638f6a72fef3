"""What goes wrong around us: the rows of the record in their short form."""

from __future__ import annotations

import pytest

from tests.reliability.short_form import TROUBLE, survive


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TROUBLE)
async def test_nothing_is_lost(name: str) -> None:
    await survive(name)
