"""The SDK against a running server and sandbox, over real HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.sdk.conftest import Npm
from tests.town import Shop, shop, shop_of_two, town

__all__ = ["shop", "shop_of_two", "town"]


@pytest.mark.timeout(600)
async def test_the_sdk_pays_in_wechat_in_alipay_and_on_a_web_page_and_the_books_hold(
    npm: Npm, shop_of_two: Shop
) -> None:
    shop = shop_of_two
    running = {
        "TONGBAO_URL": shop.town.url,
        "TONGBAO_API_KEY": shop.api_key,
        "SANDBOX_CONTROL_URL": shop.town.control_url,
        "SANDBOX_CREDENTIALS": json.dumps(shop.credentials),
        "SANDBOX_ALIPAY": json.dumps(shop.alipay),
    }
    await asyncio.to_thread(npm, "run", "build")
    await asyncio.to_thread(npm, "run", "test:sandbox", **running)
    await shop.books_hold()
