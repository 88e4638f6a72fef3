"""The control site: credentials, clock, log, reset, and how it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.client import NO_ICON, Control, Merchant


def test_credentials_have_the_promised_keys(control: Control) -> None:
    credentials = control.get("/credentials")
    assert list(credentials) == ["wechat", "alipay"]
    assert set(credentials["wechat"]) >= {
        "base_url", "miniprogram_base_url", "mchid", "appid", "app_secret", "apiv3_key", "merchant_serial",
        "merchant_private_key_pem", "platform_public_key_id", "platform_public_key_pem", "platform_certificate_pem",
        "platform_serial", "openid",
    }  # fmt: skip
    assert set(credentials["alipay"]) >= {
        "base_url", "app_id", "app_private_key_pem", "alipay_public_key_pem", "app_cert_pem", "alipay_cert_pem",
        "alipay_root_cert_pem", "aes_key", "seller_id", "buyer_id", "buyer_open_id",
    }  # fmt: skip


def test_credentials_have_the_real_shapes(merchant: Merchant) -> None:
    credentials = merchant.credentials
    assert len(credentials["apiv3_key"].encode()) == 32
    assert (len(credentials["appid"]), credentials["appid"][:2]) == (18, "wx")
    assert (len(credentials["openid"]), credentials["openid"][0]) == (28, "o")
    assert credentials["mchid"].isdigit() and 8 <= len(credentials["mchid"]) <= 10
    assert credentials["platform_public_key_id"].startswith("PUB_KEY_ID_")
    for name in ("merchant_serial", "platform_serial"):
        assert len(credentials[name]) == 40 and credentials[name] == credentials[name].upper()


def test_a_new_merchant_may_share_an_app(control: Control, merchant: Merchant) -> None:
    other = Merchant.of(control.post("/wechat/merchants", appid=merchant.credentials["appid"]))
    assert other.mchid != merchant.mchid
    assert other.create(other.order()).status == 200
    assert control.ask("POST", "/wechat/merchants", {"appid": "wx0"}).status == 404
    assert other.mchid in {listed["mchid"] for listed in control.get("/wechat/merchants")["merchants"]}


@pytest.mark.parametrize(
    "wish", [{"signing": "sm2"}, {"signing": []}, {"has_certificate": "no"}, {"mchid": "1"}, {"mchid": []}]
)
def test_an_unreadable_merchant_wish_is_refused(control: Control, wish: dict[str, Any]) -> None:
    before = control.get("/wechat/merchants")
    assert control.ask("PUT", "/wechat/merchants", wish).status in (400, 404)
    if "mchid" not in wish:
        assert control.ask("POST", "/wechat/merchants", wish).status == 400
    assert control.get("/wechat/merchants") == before


def test_the_clock_moves_by_offset_and_by_advance(control: Control) -> None:
    assert control.put("/clock", offset_seconds=100)["offset_seconds"] == 100
    reading = control.put("/clock", advance_seconds=-40)
    assert reading["offset_seconds"] == 60
    assert reading["now"].endswith("Z")
    assert control.get("/clock")["offset_seconds"] == 60


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"offset_seconds": "1"},
        {"offset_seconds": 1e18},
        {"advance_seconds": None},
        {"offset_seconds": 1, "advance_seconds": 1},
    ],
)
def test_an_unreadable_clock_wish_is_refused(control: Control, wish: dict[str, Any]) -> None:
    answer = control.ask("PUT", "/clock", wish)
    assert (answer.status, answer.json["code"]) == (400, "clock_unreadable")


def test_reset_forgets_everything_but_credentials(control: Control, merchant: Merchant) -> None:
    order = merchant.order()
    merchant.create(order)
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    control.faults(notify={"lose": 1})
    control.put("/clock", offset_seconds=5)
    control.post("/reset")
    assert control.merchant().credentials == merchant.credentials
    assert merchant.query(order["out_trade_no"]).json["code"] == "ORDER_NOT_EXIST"
    assert control.get("/wechat/book")["lines"] == []
    assert control.get("/faults")["wechat"]["notify"]["lose"] == 0
    assert control.get("/clock")["offset_seconds"] == 0
    assert all(entry["summary"] != "pay" for entry in control.log())


def test_the_log_tells_each_happening_with_its_verdict(control: Control, merchant: Merchant) -> None:
    order = merchant.order()
    merchant.create(order)
    merchant.create(order | {"description": "other"})
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    told = [
        (entry["kind"], entry["summary"], entry["verdict"]) for entry in control.log(out_trade_no=order["out_trade_no"])
    ]
    assert told[:3] == [
        ("request", "POST /v3/pay/transactions/jsapi", "200"),
        ("request", "POST /v3/pay/transactions/jsapi", "400 INVALID_REQUEST: 请求重入时，参数与首次请求时不一致"),
        ("buyer", "pay", "paid 1990 fen"),
    ]


def test_the_log_is_read_in_pages(control: Control, merchant: Merchant) -> None:
    for _ in range(5):
        merchant.query("never123")
    first = control.get("/log", limit=3)["entries"]
    assert len(first) == 3
    rest = control.get("/log", since=first[-1]["n"])["entries"]
    assert [entry["n"] for entry in first + rest] == list(range(first[0]["n"], first[0]["n"] + len(first) + len(rest)))
    assert control.ask("GET", "/log?since=x").status == 400
    assert control.ask("GET", "/log?limit=").status == 400


def test_numbers_in_the_log_go_on_after_a_reset(control: Control, merchant: Merchant) -> None:
    merchant.query("never123")
    last = control.log()[-1]["n"]
    control.post("/reset")
    merchant.query("never123")
    assert all(entry["n"] > last for entry in control.log())
    assert control.get("/log", since=last)["entries"] == control.log()


def test_no_secret_is_in_the_log(control: Control, merchant: Merchant) -> None:
    order = merchant.order()
    merchant.create(order)
    merchant.send("GET", "/v3/certificates", b"", "WECHATPAY2-SHA256-RSA2048 secret")
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    text = json.dumps(control.log())
    for name in ("apiv3_key", "app_secret", "openid"):
        assert merchant.credentials[name] not in text
    assert "PRIVATE KEY" not in text and "secret" not in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/reset", 405), ("POST", "/cash/buyer/pay", 404), ("DELETE", "/faults", 405)],
)
def test_unknown_control_requests_are_refused(control: Control, method: str, path: str, status: int) -> None:
    answer = control.ask(method, path)
    assert answer.status == status
    assert set(answer.json) == {"code", "message"}


@pytest.mark.parametrize("body", [[], "x", 1])
def test_a_control_body_must_be_an_object(control: Control, body: Any) -> None:
    assert control.ask("POST", "/wechat/buyer/pay", body).json["code"] == "wish_unreadable"


def test_the_front_page_lists_sites_and_commands(control: Control, merchant: Merchant) -> None:
    page = control.ask("GET", "/")
    assert page.headers["content-type"].startswith("text/html")
    assert merchant.credentials["base_url"] in page.body.decode()
    assert NO_ICON in page.body.decode()
    for command in ("POST /wechat/buyer/pay</code><br>`{", "PUT /clock</code><br>`{", "GET /log</code><br>`?since"):
        assert command in page.body.decode()
