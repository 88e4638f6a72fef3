"""Browsers at our pages, as far as a test needs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from tests.town import Answer, Shop
from tongbao.kit import links
from tongbao.kit.links import Link

_PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
PHONE = f"{_PHONE} Version/18.0 Mobile/15E148 Safari/604.1"
WECHAT = f"{_PHONE} Mobile/15E148 MicroMessenger/8.0.50(0x18003234) NetType/WIFI Language/zh_CN"
ALIPAY = f"{_PHONE} Mobile/15E148 AliApp(AP/10.6.50.6000) AlipayClient/10.6.50.6000 Language/zh-Hans"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def pay_link(shop: Shop, order_id: str) -> str:
    """The path of an order's page."""
    return f"/pay/{links.write(shop.town.sealer, 'pay', Link(shop.merchant_id, order_id))}"


async def get(shop: Shop, path: str, headers: Mapping[str, str] | None = None, *, agent: str = PHONE) -> Answer:
    """What a browser gets, not following where it is sent."""
    sent = {"user-agent": agent, **(headers or {})}
    return await shop.ask("GET", path, token=None, headers=sent, allow_redirects=False)


async def post(
    shop: Shop,
    path: str,
    form: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    *,
    agent: str = PHONE,
) -> Answer:
    """As above, sending a form of the page."""
    sent = {"user-agent": agent, "sec-fetch-site": "same-origin", **(headers or {})}
    return await shop.ask("POST", path, token=None, headers=sent, data=dict(form), allow_redirects=False)


def offered(answer: Answer) -> list[str]:
    """The ways to pay that a page has buttons for."""
    return re.findall(r'name="way" value="([^"]+)"', answer.body.decode())


def text_of(answer: Answer) -> str:
    """What a page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.body.decode())).split())
