"""The coffee shop in a real browser, with the real SDK."""

from __future__ import annotations

import json
import re
import time

from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import Demo
from tests.journeys.demo_page import attempts, order_on_phone, refunds, step, tap, weather


def _order_coffee(page: Page) -> str:
    """Log in on the WeChat phone, choose two lattes, check out; returns the order's id."""
    order_id = order_on_phone(page, "微信")
    expect(page.locator(".order")).to_contain_text("¥36.00")
    return order_id


def _pay(page: Page) -> None:
    tap(page, "微信支付")
    tap(page, "支付")


def _paid_coffee(page: Page) -> str:
    """As `_order_coffee`, and pay."""
    order_id = _order_coffee(page)
    _pay(page)
    expect(page.get_by_role("heading", name="支付成功")).to_be_visible()
    return order_id


def _ask_back(page: Page, what: str) -> None:
    tap(page, "申请退款")
    page.locator(".sheet__choice", has_text=what).click()


def _reached(page: Page) -> Locator:
    """How far the one refund on the phone is."""
    return page.locator(".refund__reached").last


def test_a_buyer_pays_and_the_page_shows_all_that_followed(page: Page, demo: Demo) -> None:
    order_id = _order_coffee(page)
    tap(page, "微信支付")
    expect(page.get_by_role("dialog")).to_contain_text("¥36.00")
    tap(page, "支付")
    expect(page.get_by_role("heading", name="支付成功")).to_be_visible()
    expect(page.get_by_text("商户已收到通知，正在制作")).to_be_visible()
    for number in range(1, 13):
        expect(step(page, number)).to_have_class("step step_done")
        expect(step(page, number).locator("time")).to_have_text(re.compile(r"^\+\d+\.\d{3} s$"))
    expect(page.locator(".posting")).to_contain_text(["merchant"])
    expect(page.locator(".webhook")).to_contain_text("order.paid✓ 签名已验证")
    expect(page.locator(".webhook pre")).to_contain_text(order_id)
    assert attempts(demo, order_id) == ["succeeded"]
    tap(page, "再来一单")
    expect(page.get_by_role("button", name="去结算")).to_be_disabled()


def test_a_buyer_who_cancels_pays_again(page: Page, demo: Demo) -> None:
    order_id = _order_coffee(page)
    tap(page, "微信支付")
    tap(page, "取消")
    expect(page.get_by_role("heading", name="已取消支付")).to_be_visible()
    assert attempts(demo, order_id) == ["pending"]
    tap(page, "再次支付")
    tap(page, "支付")
    expect(page.get_by_role("heading", name="支付成功")).to_be_visible()
    assert attempts(demo, order_id) == ["succeeded"]


def test_a_buyer_without_money_is_told_so_and_pays_again(page: Page, demo: Demo) -> None:
    order_id = _order_coffee(page)
    tap(page, "微信支付")
    tap(page, "余额不足")
    expect(page.get_by_role("heading", name="支付失败")).to_be_visible()
    expect(page.locator(".weui-msg")).to_contain_text("余额不足")
    tap(page, "再次支付")
    tap(page, "支付")
    expect(page.get_by_role("heading", name="支付成功")).to_be_visible()
    assert attempts(demo, order_id) == ["succeeded"]


def test_a_lost_notification_is_only_a_delay(page: Page, demo: Demo) -> None:
    with weather(page, "丢失通知"):
        order_id = _order_coffee(page)
        _pay(page)
        expect(page.get_by_role("heading", name="正在确认支付结果")).to_be_visible()
        began = time.monotonic()
        expect(page.get_by_role("heading", name="支付成功")).to_be_visible(timeout=20_000)
        assert time.monotonic() - began < 15, "the first ask is due five seconds after the attempt was made"
        expect(step(page, 6)).to_have_class("step step_skipped")
        expect(step(page, 12)).to_have_class("step step_done")
        assert attempts(demo, order_id) == ["succeeded"]


def test_a_double_tap_makes_one_attempt(page: Page, demo: Demo) -> None:
    order_id = _order_coffee(page)
    page.get_by_role("button", name="微信支付", exact=True).evaluate("button => { button.click(); button.click() }")
    tap(page, "支付")
    expect(page.get_by_role("heading", name="支付成功")).to_be_visible()
    assert attempts(demo, order_id) == ["succeeded"]
    expect(page.locator(".step", has_text="手机：点击支付")).to_have_count(2)
    expect(page.locator(".step", has_text="手机：打开支付面板")).to_have_count(1)


def test_a_buyer_asks_for_one_cup_back_and_sees_it_come(page: Page, demo: Demo) -> None:
    order_id = _paid_coffee(page)
    tap(page, "申请退款")
    expect(page.locator(".sheet__choice")).to_have_text(["全部退款¥36.00", "一杯拿铁¥18.00"])
    page.locator(".sheet__choice").last.evaluate("button => { button.click(); button.click() }")
    expect(_reached(page)).to_have_text("已退回")
    expect(page.locator(".step", has_text="手机：申请退款")).to_have_count(2)
    assert refunds(demo, order_id) == [("merchant", "succeeded", 1800)], "tapped twice, it is one refund"
    expect(page.locator(".posting")).to_have_count(3)
    expect(page.locator(".webhook summary")).to_have_text(
        [re.compile(f"^{name}✓") for name in ("refund.succeeded", "refund.sent", "refund.requested", "order.paid")]
    )
    _ask_back(page, "全部退款")
    expect(page.locator(".refund")).to_have_count(2)
    expect(page.get_by_role("button", name="申请退款")).to_have_count(0)


def test_of_two_payments_one_comes_back_by_itself(page: Page, demo: Demo) -> None:
    with weather(page, "重复付款"):
        order_id = _paid_coffee(page)
    expect(page.locator(".refund")).to_contain_text("重复付款¥36.00")
    expect(_reached(page)).to_have_text("已退回")
    expect(page.locator(".case_closed")).to_contain_text("系统：已退回")
    assert sorted(attempts(demo, order_id)) == ["succeeded", "surplus"]
    assert refunds(demo, order_id) == [("surplus", "succeeded", 3600)]


def test_a_refund_that_cannot_reach_the_buyer_goes_where_the_shop_decides(page: Page, demo: Demo) -> None:
    with weather(page, "退款异常"):
        order_id = _paid_coffee(page)
        _ask_back(page, "全部退款")
        expect(_reached(page)).to_have_text("退款异常，店家处理中")
        expect(page.locator(".case_open")).to_contain_text("退款异常")
        tap(page, "退到商户账户")
        expect(_reached(page)).to_have_text("已退到商户账户，由店家转交")
    expect(page.locator(".case_closed")).to_be_visible()
    assert refunds(demo, order_id) == [("merchant", "succeeded", 3600)]


def test_a_wrong_amount_waits_for_a_person_and_the_story_says_so(page: Page, demo: Demo) -> None:
    with weather(page, "通知金额不符"):
        order_id = _order_coffee(page)
        _pay(page)
        expect(page.locator(".case_open")).to_contain_text("通知的金额 ¥0.01，应付 ¥36.00")
    page.get_by_role("tab", name="这笔单的经过").click()
    expect(page.locator(".story__next")).to_be_visible()
    tap(page, "并未收款")
    expect(page.locator(".case_closed")).to_contain_text("您：并未收款")
    tap(page, "再查一次")
    tap(page, "再次支付")
    tap(page, "支付")
    expect(page.get_by_role("heading", name="支付成功")).to_be_visible()
    assert attempts(demo, order_id) == ["failed", "succeeded"]


def test_an_order_that_the_shop_has_closed_cannot_be_paid_and_says_so(page: Page, demo: Demo) -> None:
    order_id = _order_coffee(page)
    assert demo.ask("POST", f"/v1/orders/{order_id}/close", b"{}")[0] == 200
    tap(page, "微信支付")
    expect(page.get_by_role("heading", name="支付失败")).to_be_visible()
    expect(page.locator(".weui-msg__desc")).to_contain_text("订单")


def test_the_page_speaks_english_when_asked(page: Page) -> None:
    tap(page, "English")
    tap(page, "Log in with WeChat")
    page.get_by_role("button", name="+ Americano", exact=True).click()
    tap(page, "Check out")
    tap(page, "Pay with WeChat")
    tap(page, "Pay")
    expect(page.get_by_role("heading", name="Paid")).to_be_visible()
    expect(step(page, 12)).to_contain_text("The webhook is delivered")
    page.reload()
    expect(page.get_by_role("button", name="Log in with WeChat")).to_be_visible()


def test_an_order_that_cannot_be_placed_is_told_and_can_be_tried_again(page: Page) -> None:
    tap(page, "微信登录")
    page.get_by_role("button", name="+ 拿铁", exact=True).click()
    page.route("**/demo/orders", lambda route: route.abort())
    tap(page, "去结算")
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute("**/demo/orders")
    tap(page, "去结算")
    expect(page.get_by_role("button", name="微信支付")).to_be_visible()


def test_the_shop_believes_no_webhook_that_is_not_signed(demo: Demo) -> None:
    forged = b'{"type":"order.paid","data":{"order":{"id":"ord1","reference":"x","amount":1}}}'
    now = str(int(time.time()))
    headers = {"webhook-id": "evt1", "webhook-timestamp": now, "webhook-signature": "v1,AAAA"}
    status, problem = demo.ask("POST", "/demo/webhooks", forged, **headers)
    assert (status, problem["code"]) == (400, "signature_wrong")


def test_the_shop_shows_the_timeline_of_its_own_orders_alone(demo: Demo) -> None:
    status, problem = demo.ask("GET", "/demo/timeline/ord1%3Fwait=1")
    assert (status, problem["code"]) == (404, "order_unknown")


def test_the_shop_sets_the_prices(demo: Demo) -> None:
    cart = b'{"session":"bs_none","lines":[{"id":"latte","quantity":1,"price":1}]}'
    status, problem = demo.ask("POST", "/demo/orders", cart)
    assert (status, problem["code"]) == (401, "unauthorized"), "the price was ignored, the session was asked about"
    for lines in (b"[]", b'[{"id":"gold","quantity":1}]', b'[{"id":"latte","quantity":-1}]'):
        status, problem = demo.ask("POST", "/demo/orders", b'{"session":"bs_none","lines":' + lines + b"}")
        assert (status, problem["code"]) == (422, "cart_unreadable")


def test_the_shop_gives_money_back_to_its_buyer_alone(page: Page, demo: Demo) -> None:
    order_id = _paid_coffee(page)
    sandbox, app_id = Demo(demo.folder, demo.port + 1), demo.keys()["apps"]["wechat"]
    stranger = json.dumps({"appid": app_id, "openid": "o-somebody-else"}).encode()
    code = sandbox.ask("POST", "/wechat/buyer/login", stranger)[1]["code"]
    log_in = json.dumps({"host": "wechat", "app_id": app_id, "code": code}).encode()
    token = demo.ask("POST", "/v1/sessions", log_in)[1]["token"]
    for session, refusal in (("bs_none", (401, "unauthorized")), (token, (404, "order_unknown"))):
        wish = json.dumps({"session": session}).encode()
        status, problem = demo.ask("POST", f"/demo/orders/{order_id}/refunds", wish)
        assert (status, problem["code"]) == refusal
    assert refunds(demo, order_id) == []
