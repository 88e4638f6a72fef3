"""One code for every wallet, in a real browser: scanned by WeChat, by Alipay, by another phone; shown on a desktop."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.town import Shop, shop, shop_of_two, town
from tests.web.cashier_visits import ALIPAY, DESKTOP, PHONE, WECHAT, pay_link
from tongbao import merchants
from tools import chromium

__all__ = ["shop", "shop_of_two", "town"]

Opened = Callable[..., Any]
_BRIDGE = """
window.sheets = []
window.WeixinJSBridge = {
  invoke(name, params, done) {
    window.sheets.push({ name, params })
    window.endSheet = result => done({ err_msg: result })
  },
}
"""
"""What WeChat puts into the pages that it shows."""


@pytest.fixture
async def opened(chromium_path: Path) -> AsyncIterator[Opened]:
    """`async with opened(agent) as page:` gives a fresh browser; by the end nothing may have raised in it, and it must
    have asked nobody but us and the sandbox."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(chromium.ARGUMENTS))

        @asynccontextmanager
        async def open_page(agent: str, *, scripts: bool = True, width: int = 390) -> AsyncIterator[Page]:
            viewport = {"width": width, "height": 844}
            context = await browser.new_context(
                user_agent=agent,
                locale="zh-CN",
                java_script_enabled=scripts,
                viewport=viewport,  # type: ignore[arg-type]
            )
            context.set_default_timeout(15_000)
            page = await context.new_page()
            raised: list[str] = []
            page.on("pageerror", lambda error: raised.append(str(error)))
            page.on("request", lambda request: raised.extend(_foreign(request.url)))
            yield page
            await context.close()
            assert raised == []

        yield open_page
        await browser.close()


def _foreign(url: str) -> list[str]:
    return [] if url.startswith(("http://127.0.0.1:", "data:")) else [url]


async def _code(shop: Shop) -> str:
    body = {"name": "豆子咖啡南京西路店", "subject": "咖啡", "most": 100_000}
    return str((await shop.ask("POST", "/v1/codes", json=body)).body["url"])


async def _type(page: Page, sum_typed: str) -> str:
    """Type the sum and go on; the order's id."""
    await page.get_by_label("付款金额").fill(sum_typed)
    await page.get_by_role("button", name="下一步").click()
    await page.wait_for_url("**/pay/**")
    found = re.search(r"/pay/(\w+)\.", page.url)
    assert found
    return found[1]


async def _says(page: Page, title: str) -> None:
    await expect(page.get_by_role("heading", name=title)).to_be_visible(timeout=20_000)


async def test_scanned_by_alipay_the_sum_is_typed_and_paid_in_alipay(shop_of_two: Shop, opened: Opened) -> None:
    shop = shop_of_two
    async with opened(ALIPAY) as page:
        await page.goto(await _code(shop))
        order_id = await _type(page, "18.50")
        await expect(page.locator(".sum")).to_contain_text("豆子咖啡南京西路店")
        await expect(page.locator(".sum__amount")).to_have_text("¥18.50")
        button = page.get_by_role("button", name="使用支付宝")
        await button.evaluate("button => { button.click(); button.click() }")
        await page.wait_for_url("**/gateway.do**")
        (attempt,) = (await shop.read(order_id))["payments"]
        assert (attempt["channel"], attempt["method"], attempt["amount"]) == ("alipay", "wap", 1850)
        await page.get_by_role("button", name=re.compile("付款|支付")).first.click()
        await page.wait_for_url("**/pay/**")
        await _says(page, "支付成功")
    assert (await shop.becomes(order_id, "paid"))["amount"] == 1850


async def test_scanned_by_wechat_it_is_paid_on_wechats_own_sheet(shop_of_two: Shop, opened: Opened) -> None:
    shop, credentials = shop_of_two, shop_of_two.credentials
    base = credentials["miniprogram_base_url"]
    app = (credentials["web_appid"], credentials["web_app_secret"], {"base_url": base, "open_base_url": base})
    sealer = shop.town.sealer
    await shop.db.run(lambda tx: merchants.add_app(tx, sealer, shop.merchant_id, "wechat_web", *app))
    async with opened(WECHAT) as page:
        await page.add_init_script(_BRIDGE)
        await page.goto(await _code(shop))
        order_id = await _type(page, "18")
        await expect(page.locator(".elsewhere")).to_contain_text("此处无法打开支付宝")
        await page.get_by_role("button", name="使用微信支付").click()
        await page.wait_for_function("window.sheets.length === 1")
        (sheet,) = await page.evaluate("window.sheets")
        assert sheet["name"] == "getBrandWCPayRequest"
        assert set(sheet["params"]) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
        await page.evaluate("window.endSheet('get_brand_wcpay_request:cancel')")
        await expect(page.get_by_text("您已取消支付")).to_be_visible()
        await page.get_by_role("button", name="使用微信支付").click()
        await page.wait_for_function("window.sheets.length === 1")
        (sheet,) = await page.evaluate("window.sheets")
        paid = await shop.control("POST", "/wechat/buyer/pay", sheet["params"])
        assert paid.status == 200, paid
        await _says(page, "支付成功")
    (attempt,) = (await shop.read(order_id))["payments"]
    assert (attempt["method"], attempt["state"]) == ("jsapi", "succeeded"), "opened twice, it is one payment"


async def test_in_another_phones_browser_the_buyer_chooses_the_wallet(shop_of_two: Shop, opened: Opened) -> None:
    shop = shop_of_two
    await shop.control("PUT", "/wechat/merchants", {"mchid": shop.credentials["mchid"], "h5_local_ip": True})
    order = await shop.order(buyer=None)
    async with opened(PHONE) as page:
        await page.goto(shop.town.url + pay_link(shop, order["id"]))
        await expect(page.get_by_role("button")).to_have_text(["使用微信支付", "使用支付宝"])
        await page.get_by_role("button", name="使用微信支付").click()
        await page.get_by_role("button", name="立即支付").click()
        await _says(page, "支付成功")


async def test_without_scripts_it_is_shown_and_paid_all_the_same(shop_of_two: Shop, opened: Opened) -> None:
    shop = shop_of_two
    async with opened(PHONE, scripts=False) as page:
        await page.goto(await _code(shop))
        order_id = await _type(page, "0.01")
        await expect(page.locator("#left")).to_have_text("15 分钟")
        await page.get_by_role("button", name="使用支付宝").click()
        await page.wait_for_url("**/gateway.do**")
        await page.get_by_role("button", name=re.compile("付款|支付")).first.click()
        await page.wait_for_url("**/pay/**")
    await shop.becomes(order_id, "paid")


async def test_on_a_desktop_both_wallets_codes_are_shown_and_either_pays(shop_of_two: Shop, opened: Opened) -> None:
    shop = shop_of_two
    order = await shop.order(buyer=None, return_url=f"{shop.town.url}/livez")
    async with opened(DESKTOP, width=1280) as page:
        await page.goto(shop.town.url + pay_link(shop, order["id"]))
        await expect(page.locator("img.scan__code")).to_have_count(2)
        attempts = (await shop.read(order["id"]))["payments"]
        assert sorted(attempt["method"] for attempt in attempts) == ["native", "precreate"]
        native = next(attempt["id"] for attempt in attempts if attempt["method"] == "native")
        await shop.control("POST", "/wechat/buyer/scan", {"out_trade_no": native})
        await _says(page, "支付成功")
        await page.wait_for_url("**/livez")


async def test_a_wrong_sum_is_told_where_it_was_typed(shop: Shop, opened: Opened) -> None:
    async with opened(PHONE) as page:
        await page.goto(await _code(shop))
        for typed, told in (("１８", "金额无法识别"), ("1000.01", "金额过大"), ("0", "金额过小")):
            await page.get_by_label("付款金额").fill(typed)
            await page.get_by_role("button", name="下一步").click()
            await expect(page.get_by_role("alert")).to_contain_text(told)
            await expect(page.get_by_label("付款金额")).to_have_value(typed)
        await _type(page, "1000")


async def test_a_closed_order_shows_so_on_the_page_that_is_open(shop: Shop, opened: Opened) -> None:
    order = await shop.order()
    async with opened(PHONE) as page:
        await page.goto(shop.town.url + pay_link(shop, order["id"]))
        await expect(page.get_by_role("button", name="使用微信支付")).to_be_visible()
        await shop.ask("POST", f"/v1/orders/{order['id']}/close", json={})
        await _says(page, "订单已关闭")
