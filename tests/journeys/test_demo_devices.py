"""The demo's other devices, in a real browser: the Alipay phone, the counter, and the codes that buyers scan."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import Demo
from tests.journeys.demo_page import attempts, books_hold, order, order_on_phone, refunds, step, tap, weather

_ASKED_AGAIN_MS = 20_000
"""A till's open payment is asked about every five seconds."""


def _title(page: Page, device: str) -> Locator:
    return page.locator(f"#{device} .weui-msg__title")


def _pay(page: Page, button: str) -> None:
    tap(page, "支付宝支付")
    tap(page, button)


def _charge(page: Page, buyer: str, wallet: str) -> str:
    """At the counter, ring up two lattes and scan the code of a buyer who behaves so; the order's id."""
    tap(page, "收银台")
    order_id = order(page, "收款")
    tap(page, buyer)
    tap(page, f"扫{wallet}付款码")
    return order_id


def _pay_on_this_computer(pay_page: Page) -> None:
    """On our page as a desktop shows it, pay through Alipay's own page."""
    pay_page.get_by_role("button", name="Log in to Alipay on this computer").click()
    pay_page.get_by_role("button", name="确认付款").click()
    expect(pay_page.get_by_role("heading", name="Paid")).to_be_visible()


def test_a_buyer_pays_on_the_alipay_phone_and_gets_a_cup_back(page: Page, demo: Demo) -> None:
    order_id = order_on_phone(page, "支付宝")
    _pay(page, "支付")
    expect(_title(page, "alipay")).to_have_text("支付成功")
    expect(page.get_by_text("商户已收到通知，正在制作")).to_be_visible()
    for number in range(1, 13):
        expect(step(page, number)).to_have_class("step step_done")
    expect(page.locator(".posting code").first).to_contain_text("支付宝 · clearing:")
    tap(page, "申请退款")
    page.locator(".sheet__choice", has_text="一杯拿铁").click()
    expect(page.locator(".refund__reached").last).to_have_text("已退回")
    assert attempts(demo, order_id) == ["succeeded"]
    assert refunds(demo, order_id) == [("merchant", "succeeded", 1800)]
    expect(page.locator("#cases-card")).to_be_hidden()
    books_hold(demo)


@pytest.mark.parametrize(("button", "title"), [("取消", "已取消支付"), ("余额不足", "支付失败")])
def test_a_buyer_who_does_not_pay_on_the_alipay_phone_pays_again(
    page: Page, demo: Demo, button: str, title: str
) -> None:
    order_id = order_on_phone(page, "支付宝")
    _pay(page, button)
    expect(_title(page, "alipay")).to_have_text(title)
    tap(page, "再次支付")
    tap(page, "支付")
    expect(_title(page, "alipay")).to_have_text("支付成功")
    assert attempts(demo, order_id) == ["succeeded"]


def test_what_the_alipay_phone_does_not_know_the_server_does(page: Page, demo: Demo) -> None:
    order_id = order_on_phone(page, "支付宝")
    _pay(page, "付了，但网络断了")
    expect(_title(page, "alipay")).to_have_text("支付成功")
    assert attempts(demo, order_id) == ["succeeded"]


def test_a_payment_too_many_goes_back_on_the_alipay_phone_too(page: Page, demo: Demo) -> None:
    with weather(page, "重复付款"):
        order_id = order_on_phone(page, "支付宝")
        _pay(page, "支付")
        expect(_title(page, "alipay")).to_have_text("支付成功")
    expect(page.locator(".refund__reached").last).to_have_text("已退回")
    assert sorted(attempts(demo, order_id)) == ["succeeded", "surplus"]
    assert refunds(demo, order_id) == [("surplus", "succeeded", 3600)]
    books_hold(demo)


def test_a_refund_that_alipay_does_not_take_waits_for_the_shop(page: Page, demo: Demo) -> None:
    with weather(page, "退款异常"):
        order_id = order_on_phone(page, "支付宝")
        _pay(page, "支付")
        tap(page, "申请退款")
        page.locator(".sheet__choice", has_text="全部退款").click()
        expect(page.locator(".case_open")).to_contain_text("退款被关闭")
    tap(page, "申请退款")
    page.locator(".sheet__choice", has_text="全部退款").click()
    expect(page.locator(".refund__reached").last).to_have_text("已退回")
    assert refunds(demo, order_id) == [("merchant", "closed", 3600), ("merchant", "succeeded", 3600)]
    books_hold(demo)


def test_alipay_inside_wechat_is_refused_by_its_rule_and_paid_on_our_page(page: Page, demo: Demo) -> None:
    order_id = order_on_phone(page, "微信")
    tap(page, "支付宝支付")
    expect(page.get_by_role("dialog")).to_contain_text("浏览器")
    expect(page.locator(".step", has_text="服务器：此路不通")).to_contain_text("way_forbidden: alipay_in_wechat")
    tap(page, "知道了")
    expect(page.locator("#wechat .elsewhere")).to_contain_text("不能唤起支付宝")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="打开付款页").click()
    _pay_on_this_computer(opened.value)
    expect(_title(page, "wechat")).to_have_text("支付成功")
    _, told = demo.ask("GET", f"/v1/orders/{order_id}")
    paid = [each["channel"] for each in told["payments"] if each["state"] == "succeeded"]
    assert (told["status"], paid) == ("paid", ["alipay"])


@pytest.mark.parametrize(("wallet", "channel"), [("微信", "微信支付"), ("支付宝", "支付宝")])
def test_the_counter_collects_at_once_and_gives_it_back(page: Page, demo: Demo, wallet: str, channel: str) -> None:
    order_id = _charge(page, "直接付", wallet)
    expect(_title(page, "counter")).to_have_text("收款成功")
    expect(page.locator("#counter")).to_contain_text(f"{channel}已到账")
    expect(page.locator(".webhook summary").first).to_contain_text("order.paid")
    tap(page, "退款")
    page.locator(".sheet__choice", has_text="全部退款").click()
    expect(page.locator(".refund__reached").last).to_have_text("已退回")
    assert refunds(demo, order_id) == [("merchant", "succeeded", 3600)]
    books_hold(demo)


@pytest.mark.parametrize("wallet", ["微信", "支付宝"])
def test_the_counter_waits_for_the_password(page: Page, demo: Demo, wallet: str) -> None:
    order_id = _charge(page, "要输密码", wallet)
    expect(_title(page, "counter")).to_have_text("等待顾客输入密码")
    assert attempts(demo, order_id) == ["pending"]
    tap(page, "输入密码")
    expect(_title(page, "counter")).to_have_text("收款成功", timeout=_ASKED_AGAIN_MS)
    assert attempts(demo, order_id) == ["succeeded"]
    books_hold(demo)


def test_a_buyer_who_gives_up_the_password_is_not_charged_and_another_is(page: Page, demo: Demo) -> None:
    order_id = _charge(page, "要输密码", "微信")
    tap(page, "放弃支付")
    expect(_title(page, "counter")).to_have_text("收款未成功", timeout=_ASKED_AGAIN_MS)
    tap(page, "再扫一次")
    tap(page, "直接付")
    tap(page, "扫支付宝付款码")
    expect(_title(page, "counter")).to_have_text("收款成功")
    assert attempts(demo, order_id) == ["failed", "succeeded"]
    books_hold(demo)


@pytest.mark.parametrize("wallet", ["微信", "支付宝"])
def test_a_buyer_without_money_is_refused_at_the_counter(page: Page, demo: Demo, wallet: str) -> None:
    order_id = _charge(page, "没钱", wallet)
    expect(_title(page, "counter")).to_have_text("收款未成功")
    expect(page.locator("#counter")).to_contain_text("余额不足")
    assert attempts(demo, order_id) == ["failed"]


@pytest.mark.parametrize("wallet", ["微信", "支付宝"])
def test_a_code_that_nobody_answers_for_is_reversed(page: Page, demo: Demo, wallet: str) -> None:
    order_id = _charge(page, "不理会", wallet)
    expect(_title(page, "counter")).to_have_text("等待顾客输入密码")
    tap(page, "快进一分钟")
    expect(_title(page, "counter")).to_have_text("已撤销", timeout=_ASKED_AGAIN_MS)
    _, told = demo.ask("GET", f"/v1/orders/{order_id}")
    assert [(each["state"], each["reason"]) for each in told["payments"]] == [("closed", "reversed")]
    assert told["status"] == "open", "the next code may pay it"
    books_hold(demo)


def test_the_cashier_can_call_it_off(page: Page, demo: Demo) -> None:
    order_id = _charge(page, "不理会", "支付宝")
    tap(page, "撤销这笔单")
    expect(_title(page, "counter")).to_have_text("已撤销")
    _, told = demo.ask("GET", f"/v1/orders/{order_id}")
    assert told["status"] == "closed"
    assert attempts(demo, order_id) == ["closed"]


def test_a_code_of_no_wallet_is_refused_and_the_till_says_why(page: Page, demo: Demo) -> None:
    tap(page, "收银台")
    order_id = order(page, "收款")
    page.get_by_label("或手动输入付款码").fill("99123456789012345678")
    page.get_by_label("或手动输入付款码").press("Enter")
    expect(_title(page, "counter")).to_have_text("收款未成功")
    expect(page.locator("#counter")).to_contain_text("付款码")
    assert attempts(demo, order_id) == []


@pytest.mark.parametrize(("wallet", "channel"), [("微信", "wechatpay"), ("支付宝", "alipay")])
def test_one_code_of_an_order_is_paid_by_the_wallet_that_scans(
    page: Page, demo: Demo, wallet: str, channel: str
) -> None:
    tap(page, "扫码付")
    order_id = order(page, "去结算")
    expect(page.locator(".code__picture")).to_have_js_property("complete", True)
    assert page.locator(".code__picture").evaluate("picture => picture.naturalWidth") > 0
    with page.expect_popup() as opened:
        page.get_by_role("link", name="打开付款页").click()
    expect(opened.value.locator(".scan img")).to_have_count(2)
    tap(page, f"{wallet}扫一扫")
    expect(_title(page, "codes")).to_have_text("支付成功")
    _, told = demo.ask("GET", f"/v1/orders/{order_id}")
    assert [each["channel"] for each in told["payments"] if each["state"] == "succeeded"] == [channel]
    books_hold(demo)


def test_the_code_on_the_wall_takes_what_the_buyer_types(page: Page, demo: Demo) -> None:
    tap(page, "扫码付")
    page.get_by_role("button", name=re.compile("^店铺收款码")).click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="打开店铺码页面").click()
    opened.value.locator("input[name=amount]").fill("12.30")
    opened.value.get_by_role("button").first.click()
    _pay_on_this_computer(opened.value)
    expect(page.locator(".code__receipts")).to_contain_text("¥12.30")
    expect(page.locator(".webhook summary").first).to_contain_text("order.paid")
    expect(step(page, 12)).to_have_class("step step_done")
    books_hold(demo)


def test_each_device_keeps_its_own_order_and_its_own_timeline(page: Page) -> None:
    order_on_phone(page, "微信")
    order_on_phone(page, "支付宝")
    expect(page.locator(".step_phone")).to_have_count(2)
    _pay(page, "支付")
    expect(_title(page, "alipay")).to_have_text("支付成功")
    tap(page, "微信手机")
    expect(page.locator("#wechat .order")).to_be_visible()
    expect(step(page, 2)).to_have_class("step step_ahead")


def test_the_devices_speak_english_when_asked(page: Page) -> None:
    tap(page, "English")
    tap(page, "Counter")
    page.get_by_role("button", name="+ Latte", exact=True).click()
    tap(page, "Collect")
    tap(page, "Scan an Alipay code")
    expect(_title(page, "counter")).to_have_text("Collected")
    expect(page.locator(".clearings")).to_contain_text("The gateway's")


def test_only_the_counter_gives_back_without_a_session(page: Page, demo: Demo) -> None:
    order_id = order_on_phone(page, "支付宝")
    _pay(page, "支付")
    expect(_title(page, "alipay")).to_have_text("支付成功")
    status, problem = demo.ask("POST", f"/demo/orders/{order_id}/refunds", b"{}")
    assert (status, problem["code"]) == (404, "order_unknown")
    assert refunds(demo, order_id) == []
