"""The SDK against a running server and sandbox, over real HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.sdk.conftest import Npm
from tests.town import Shop, shop, town

__all__ = ["shop", "town"]


@pytest.mark.timeout(600)
async def test_the_sdk_pays_cancels_survives_a_lost_notification_and_the_books_hold(npm: Npm, shop: Shop) -> None:
    running = {
        "TONGBAO_URL": shop.town.url,
        "TONGBAO_API_KEY": shop.api_key,
        "SANDBOX_CONTROL_URL": shop.town.control_url,
        "SANDBOX_CREDENTIALS": json.dumps(shop.credentials),
    }
    await asyncio.to_thread(npm, "run", "build")
    await asyncio.to_thread(npm, "run", "test:sandbox", **running)
    await shop.books_hold()
