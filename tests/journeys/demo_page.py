"""What the journeys on the demo's page have in common: how its buttons are tapped, and where what follows is read."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page

from tests.journeys.conftest import Demo


def tap(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@contextmanager
def weather(page: Page, name: str) -> Iterator[None]:
    """Something goes wrong for a while."""
    switch = page.get_by_label(name)
    with page.expect_response("**/demo/weather"):
        switch.check()
    try:
        yield
    finally:
        with page.expect_response("**/demo/weather"):
            switch.uncheck()


def refunds(demo: Demo, order_id: str) -> list[tuple[str, str, int]]:
    _, refunds = demo.ask("GET", f"/v1/orders/{order_id}/refunds")
    return [(refund["origin"], refund["state"], refund["amount"]) for refund in refunds]


def step(page: Page, number: int) -> Locator:
    return page.locator(".step").filter(has=page.locator(".step__dot", has_text=re.compile(rf"^{number}$")))


def attempts(demo: Demo, order_id: str) -> list[str]:
    _, order = demo.ask("GET", f"/v1/orders/{order_id}")
    return [attempt["state"] for attempt in order["payments"]]


def order_on_phone(page: Page, wallet: str) -> str:
    """On the pretend phone of a wallet, log in, choose two lattes and check out; the order's id."""
    tap(page, f"{wallet}手机")
    tap(page, f"{wallet}登录")
    return order(page, "去结算")


def order(page: Page, check_out: str) -> str:
    """On the device that is shown, choose two lattes and check out; the order's id."""
    page.get_by_role("button", name="+ 拿铁", exact=True).dblclick()
    with page.expect_response("**/demo/orders") as answered:
        tap(page, check_out)
    return str(answered.value.json()["id"])


def books_hold(demo: Demo) -> None:
    """On each channel our clearing account comes to what the gateway's own book says, to the fen."""
    give_up_at = time.monotonic() + 15
    while True:
        _, books = demo.ask("GET", "/demo/books")
        if all(each["agrees"] and each["ours"] == each["gateways"] for each in books):
            break
        assert time.monotonic() < give_up_at, books
        time.sleep(0.3)
    assert [each["channel"] for each in books] == ["wechatpay", "alipay"]
