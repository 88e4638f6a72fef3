"""The page an h5_url opens in a phone's browser."""

from __future__ import annotations

from html import unescape
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from tests.sandbox.client import NO_ICON, Answer, Control, Merchant, Receiver, exchange
from tests.sandbox.test_methods import H5_SCENE, create, created, refused, wanted

SHOP = {"Referer": "https://m.shop.example/cart"}


def opened(url: str, headers: dict[str, str] | None = None) -> str:
    """What the browser shows."""
    answer = exchange(url, "GET", SHOP if headers is None else headers)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer.body.decode()


def tapped(url: str, act: str) -> Answer:
    parts = urlsplit(url)
    form = urlencode({"url": url, "act": act}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Referer": url}
    return exchange(f"{parts.scheme}://{parts.netloc}{parts.path}", "POST", headers, form)


def state(merchant: Merchant, order: dict[str, Any]) -> str:
    return str(merchant.query(order["out_trade_no"]).json["trade_state"])


def test_the_page_shows_what_is_to_be_paid_and_takes_it(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    order, h5_url = created(merchant, "h5", description="<b>拿铁</b>", notify_url=receiver.url)
    page = opened(h5_url)
    assert "¥19.90" in page
    assert "<b>" not in page
    assert NO_ICON in page
    assert "<b>拿铁</b>" in unescape(page)
    assert state(merchant, order) == "NOTPAY"
    assert "支付成功" in tapped(h5_url, "pay").body.decode()
    assert state(merchant, order) == "SUCCESS"
    assert receiver.wait_for(1)[0].json["event_type"] == "TRANSACTION.SUCCESS"
    assert "已支付" in opened(h5_url)


@pytest.mark.parametrize(("act", "after"), [("pay", "SUCCESS"), ("cancel", "NOTPAY")])
def test_the_buyer_is_sent_back_to_the_shop_paid_or_not(
    control: Control, merchant: Merchant, act: str, after: str
) -> None:
    order, h5_url = created(merchant, "h5")
    back = "https://m.shop.example/done?order=1&lang=zh"
    url = f"{h5_url}&redirect_url={quote(back, safe='')}"
    assert "立即支付" in opened(url)
    answer = tapped(url, act)
    assert (answer.status, answer.headers["location"]) == (303, back)
    assert state(merchant, order) == after


def test_the_page_wants_to_know_where_the_buyer_comes_from(control: Control, merchant: Merchant) -> None:
    _, h5_url = created(merchant, "h5")
    page = opened(h5_url, {})
    assert "商家参数格式有误" in page
    assert "立即支付" not in page


@pytest.mark.parametrize(
    ("referer", "back", "opens"),
    [
        ("https://shop.example/", "https://m.shop.example/", True),
        ("https://m.shop.example/", None, True),
        ("https://shop.example.evil.example/", None, False),
        ("https://badshop.example/", None, False),
        ("https://shop.example/", "https://evil.example/", False),
        ("https://shop.example/", "javascript:alert(1)", False),
        ("https://shop.example/", "https://[shop.example/", False),
        ("https://shop.example/", "https://shop.example/\r\nSet-Cookie: a=b", False),
    ],
)
def test_pages_lie_under_the_registered_domain(
    control: Control, merchant: Merchant, referer: str, back: str | None, opens: bool
) -> None:
    control.put("/wechat/merchants", h5_domain="shop.example")
    order, h5_url = created(merchant, "h5")
    url = h5_url if back is None else f"{h5_url}&redirect_url={quote(back, safe='')}"
    assert ("立即支付" in opened(url, {"Referer": referer})) is opens
    if back and not opens:
        assert tapped(url, "pay").status == 200
        assert state(merchant, order) == "NOTPAY"


def test_an_order_for_a_loopback_address_cannot_be_paid_unless_the_merchant_is_let(
    control: Control, merchant: Merchant
) -> None:
    order, h5_url = created(merchant, "h5", scene_info=H5_SCENE | {"payer_client_ip": "127.0.0.1"})
    assert "网络环境未能通过安全验证" in opened(h5_url)
    assert "网络环境未能通过安全验证" in tapped(h5_url, "pay").body.decode()
    assert refused(control, "pay", h5_url=h5_url) == "H5_IP_REFUSED"
    assert state(merchant, order) == "NOTPAY"
    control.put("/wechat/merchants", h5_local_ip=True)
    assert "立即支付" in opened(h5_url)


def test_the_page_says_when_it_is_too_late(control: Control, merchant: Merchant) -> None:
    order, h5_url = created(merchant, "h5")
    control.put("/clock", advance_seconds=301)
    assert "支付请求已失效" in opened(h5_url)
    control.put("/clock", offset_seconds=0)
    merchant.close(order["out_trade_no"])
    assert "该订单已关闭" in opened(h5_url)


def test_an_address_that_was_tampered_with_opens_nothing(control: Control, merchant: Merchant) -> None:
    _, h5_url = created(merchant, "h5")
    for url in (h5_url[:-1], f"{h5_url}0", h5_url.partition("&")[0]):
        assert "订单不存在" in opened(url)


def test_every_earlier_h5_url_pays_for_five_minutes(control: Control, merchant: Merchant) -> None:
    order = wanted(merchant, "h5")
    first = create(merchant, "h5", order).json["h5_url"]
    assert create(merchant, "h5", order).json["h5_url"] != first
    assert control.post("/wechat/buyer/pay", h5_url=first)["trade_state"] == "SUCCESS"


def test_the_page_knows_two_methods_only(merchant: Merchant) -> None:
    _, h5_url = created(merchant, "h5")
    assert exchange(h5_url, "PUT", SHOP).status == 405
