"""Browser and app payments: order strings and URLs, the pay page, the way back."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.sandbox.alipay.client import APP, FORM, PAGE, PRECREATE, QUERY, WAP, App, letter
from tests.sandbox.client import NO_ICON, Answer, Control, Receiver, exchange

PRODUCTS = {WAP: "QUICK_WAP_WAY", PAGE: "FAST_INSTANT_TRADE_PAY", APP: "QUICK_MSECURITY_PAY"}


def opened(app: App, method: str, order: dict[str, str], **changes: str) -> Answer:
    """What a browser sees at the pay URL."""
    query = app.order_string(method, order, **changes)
    return exchange(f"{app.credentials['base_url']}/gateway.do?{query}", "GET", {})


def tap(app: App, page: Answer, act: str) -> Answer:
    """One of the page's buttons."""
    action = re.search(r'action="([^"]+)"', page.body.decode())
    assert action is not None
    return exchange(app.credentials["base_url"] + action[1], "POST", FORM, f"act={act}".encode())


@pytest.mark.parametrize("method", [WAP, PAGE])
def test_a_browser_pays_and_comes_back_with_a_signature(app: App, receiver: Receiver, method: str) -> None:
    order = app.plain(product_code=PRODUCTS[method], subject="<b>茶</b>".replace("/", ""))
    back = "http://127.0.0.1:9/back?a=1"
    page = opened(app, method, order, return_url=back, notify_url=receiver.url)
    text = page.body.decode()
    assert page.status == 200
    assert "¥19.90" in text
    assert "&lt;b&gt;茶" in text
    assert NO_ICON in text
    assert app.ask(QUERY, {"out_trade_no": order["out_trade_no"]})["trade_status"] == "WAIT_BUYER_PAY"
    answer = tap(app, page, "pay")
    assert answer.status == 302
    parameters = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert parameters.pop("a") == "1"
    assert app.believes(parameters)
    assert parameters["method"] == f"{method}.return"
    assert set(parameters) == {
        "charset", "out_trade_no", "method", "total_amount", "sign", "trade_no", "auth_app_id", "version", "app_id",
        "sign_type", "seller_id", "timestamp",
    }  # fmt: skip
    assert letter(receiver.wait_for(1)[0])["trade_no"] == parameters["trade_no"]


def test_whoever_cancels_goes_where_the_merchant_wished(app: App) -> None:
    order = app.plain(product_code=PRODUCTS[WAP], quit_url="http://127.0.0.1:9/quit")
    answer = tap(app, opened(app, WAP, order), "cancel")
    assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1:9/quit")
    assert app.ask(QUERY, {"out_trade_no": order["out_trade_no"]})["trade_status"] == "WAIT_BUYER_PAY"


def test_an_order_that_nobody_opened_is_no_trade(app: App) -> None:
    order = app.plain(product_code=PRODUCTS[WAP])
    app.order_string(WAP, order)
    assert app.ask(QUERY, {"out_trade_no": order["out_trade_no"]})["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_a_spoiled_order_opens_an_error_page(app: App) -> None:
    order = app.plain(product_code=PRODUCTS[WAP])
    query = app.order_string(WAP, order).replace("19.90", "00.01")
    page = exchange(f"{app.credentials['base_url']}/gateway.do?{query}", "GET", {})
    assert "isv.invalid-signature" in page.body.decode()
    assert "ACQ.INVALID_PARAMETER" in opened(app, PAGE, app.plain()).body.decode()


def test_a_form_that_a_browser_submits_opens_the_page_too(app: App) -> None:
    order = app.plain(product_code=PRODUCTS[PAGE])
    assert "¥19.90" in app.post(app.public(PAGE, order)).body.decode()


@pytest.mark.parametrize("method", [WAP, PAGE, APP])
def test_the_pretend_buyer_pays_by_the_order_string(control: Control, app: App, method: str) -> None:
    order = app.plain(product_code=PRODUCTS[method])
    text = app.order_string(method, order)
    named = (
        {"pay_url": f"{app.credentials['base_url']}/gateway.do?{text}"} if method == PAGE else {"order_string": text}
    )
    assert control.post("/alipay/buyer/pay", **named)["trade_status"] == "TRADE_SUCCESS"
    assert app.ask(QUERY, {"out_trade_no": order["out_trade_no"]})["trade_status"] == "TRADE_SUCCESS"


def test_an_app_gets_a_signed_result(control: Control, app: App) -> None:
    order = app.plain(product_code=PRODUCTS[APP])
    told = control.post("/alipay/buyer/pay", orderStr=app.order_string(APP, order))["app_result"]
    assert told["resultStatus"] == "9000"
    result = json.loads(told["result"])
    value = told["result"][len('{"alipay_trade_app_pay_response":') : told["result"].index(',"sign":')]
    assert app.proves(value.encode(), result["sign"])
    assert result["alipay_trade_app_pay_response"]["out_trade_no"] == order["out_trade_no"]


def test_a_changed_order_string_is_refused(control: Control, app: App) -> None:
    text = app.order_string(APP, app.plain(product_code=PRODUCTS[APP]))
    answer = control.ask("POST", "/alipay/buyer/pay", {"order_string": text.replace("19.90", "00.01")})
    assert (answer.status, answer.json["code"]) == (409, "isv.invalid-signature")


def test_a_code_opens_the_page_too(control: Control, app: App) -> None:
    code = app.ask(PRECREATE, app.plain())["qr_code"]
    page = exchange(f"{app.credentials['base_url']}/qr/{code.rpartition('/')[2]}", "GET", {})
    assert "¥19.90" in page.body.decode()
    assert "支付成功" in tap(app, page, "pay").body.decode()
    assert tap(app, page, "pay").status == 409
    assert exchange(f"{app.credentials['base_url']}/qr/nothing", "GET", {}).status == 404


@pytest.mark.parametrize("span", ["1m", "4m"])
def test_a_wap_order_lives_five_minutes_at_least(app: App, span: str) -> None:
    page = opened(app, WAP, app.plain(product_code=PRODUCTS[WAP], timeout_express=span))
    assert "ACQ.INVALID_PARAMETER" in page.body.decode()
