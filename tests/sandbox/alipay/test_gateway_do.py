"""Who may ask over gateway.do, and how what is wrong with a request is said."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.sandbox.alipay.client import CREATE, FORM, OAUTH, QUERY, App, beijing, form, new_app
from tests.sandbox.client import Control, exchange


def refused(app: App, given: dict[str, str]) -> tuple[str, str]:
    answer = app.opened(app.post(given), given.get("method", ""))
    return answer["code"], answer["sub_code"]


def unknown() -> dict[str, str]:
    return {"out_trade_no": "nobody"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("method", "isv.missing-method"),
        ("sign_type", "isv.missing-signature-type"),
        ("timestamp", "isv.missing-timestamp"),
        ("version", "isv.missing-version"),
    ],
)
def test_a_public_parameter_that_is_missing_is_named(app: App, name: str, code: str) -> None:
    assert refused(app, app.public(QUERY, unknown(), **{name: None})) == ("40001", code)


def test_without_a_signature_nothing_is_done(app: App) -> None:
    given = {name: value for name, value in app.public(QUERY, unknown()).items() if name != "sign"}
    assert refused(app, given) == ("40001", "isv.missing-signature")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sign_type": "MD5"}, "isv.invalid-signature-type"),
        ({"charset": "utf-16"}, "isv.invalid-charset"),
        ({"format": "XML"}, "isv.invalid-format"),
        ({"version": "2.0"}, "isv.invalid-parameter"),
        ({"timestamp": "2026-11-22T11:00:00"}, "isv.invalid-timestamp"),
        ({"timestamp": "yesterday"}, "isv.invalid-timestamp"),
        ({"timestamp": beijing(time.time() - 90000)}, "isv.invalid-timestamp"),
        ({"method": "alipay.trade.nothing"}, "isv.invalid-method"),
        ({"biz_content": "{"}, "isv.invalid-parameter"),
        ({"biz_content": "[]"}, "isv.invalid-parameter"),
        ({"encrypt_type": "DES"}, "isv.invalid-encrypt-type"),
        ({"notify_url": "ftp://shop.example"}, "isv.invalid-parameter"),
        ({"return_url": "https://shop.example/?method=x"}, "isv.suspected-attack"),
    ],
)
def test_a_public_parameter_that_is_wrong_is_named(app: App, changes: dict[str, str], code: str) -> None:
    assert refused(app, app.public(QUERY, unknown(), **changes)) == ("40002", code)


@pytest.mark.parametrize("app_id", [None, "2021000000000000"])
def test_an_app_that_is_unknown_gets_an_answer_without_a_signature(app: App, app_id: str | None) -> None:
    answer = app.post(app.public(QUERY, unknown(), app_id=app_id, sign_type=None))
    assert list(answer.json) == ["alipay_trade_query_response"]
    code = "isv.missing-app-id" if app_id is None else "isv.invalid-app-id"
    assert answer.json["alipay_trade_query_response"]["sub_code"] == code


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("biz_content", '{"out_trade_no":"nobodY"}'),
        pytest.param("timestamp", beijing(time.time() - 1000), id="timestamp"),
        ("notify_url", "https://shop.example/notifY"),
        ("added", "1"),
        ("sign", "AAAA"),
        ("sign", "no base64"),
    ],
)
def test_what_is_changed_on_the_way_is_found_out(app: App, name: str, value: str) -> None:
    given = app.public(QUERY, unknown(), notify_url="https://shop.example/notify")
    assert refused(app, given | {name: value}) == ("40002", "isv.invalid-signature")


def test_a_bad_signature_is_answered_with_the_text_that_should_have_been_signed(app: App) -> None:
    given = app.public(QUERY, unknown()) | {"sign": "AAAA"}
    text = "&amp;".join(f"{name}={given[name]}" for name in sorted(given) if name != "sign")
    assert app.opened(app.post(given), QUERY)["sub_msg"].endswith(f"：{text}")


def test_another_apps_key_signs_nothing_for_this_one(control: Control, app: App) -> None:
    assert refused(app, new_app(control).public(QUERY, unknown(), app_id=app.app_id))[1] == "isv.invalid-signature"


def test_parameters_may_stand_in_the_url_or_in_the_body(app: App) -> None:
    given = app.public(QUERY, unknown())
    url = f"{app.credentials['base_url']}/gateway.do"
    halves = [{n: v for n, v in given.items() if (n == "biz_content") == last} for last in (False, True)]
    by_get = exchange(f"{url}?{form(given).decode()}", "GET", {})
    by_both = exchange(f"{url}?{form(halves[0]).decode()}", "POST", FORM, form(halves[1]))
    for answer in (app.post(given), by_get, by_both):
        assert answer.headers["content-type"] == "text/html;charset=utf-8"
        assert app.opened(answer, QUERY)["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_empty_parameters_are_not_signed(app: App) -> None:
    given = app.public(QUERY, unknown()) | {"app_auth_token": "", "notify_url": ""}
    assert refused(app, given) == ("40004", "ACQ.TRADE_NOT_EXIST")


@pytest.mark.parametrize("charset", ["GBK", "gb2312", "gbk"])
def test_a_request_in_gbk_is_answered_in_gbk(app: App, charset: str) -> None:
    given = app.public(CREATE, app.trade(subject="拿铁"), charset=charset)
    given["sign"] = app.signature(given, "gbk")
    answer = app.post(given, "gbk")
    assert answer.headers["content-type"] == "text/html;charset=GBK"
    assert app.opened(answer, CREATE, "gbk")["code"] == "10000"
    wrong = app.post(given | {"sign": "AAAA"}, "gbk")
    assert "拿铁" in app.opened(wrong, CREATE, "gbk")["sub_msg"]


def test_the_legacy_signature_type_is_understood(app: App) -> None:
    answer = app.post(app.public(QUERY, unknown(), sign_type="RSA"))
    assert answer.json["alipay_trade_query_response"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_in_certificate_mode_answers_name_the_certificate_that_proves_them(app: App) -> None:
    assert app.in_certificate_mode().ask(QUERY, unknown())["sub_code"] == "ACQ.TRADE_NOT_EXIST"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"app_cert_sn": None}, "isv.missing-app-cert-sn"),
        ({"alipay_root_cert_sn": None}, "isv.missing-alipay-root-cert-sn"),
        ({"app_cert_sn": "0" * 32}, "isv.app-cert-not-exist"),
        ({"alipay_root_cert_sn": "0" * 32}, "isv.invalid-alipay-root-cert-sn"),
    ],
)
def test_certificate_numbers_must_be_the_apps_own(app: App, changes: dict[str, str | None], code: str) -> None:
    given = app.in_certificate_mode().public(QUERY, unknown(), **changes)
    answer = app.post(given).json["alipay_trade_query_response"]
    assert answer["sub_code"] == code


def test_an_expired_app_certificate_is_refused(control: Control, app: App) -> None:
    ten_years = 3650 * 86400
    control.put("/clock", offset_seconds=ten_years)
    app = app.in_certificate_mode()
    answer = app.ask(QUERY, unknown(), timestamp=beijing(time.time() + ten_years))
    assert answer["sub_code"] == "isv.app-cert-expired"


def test_a_renewed_certificate_can_be_downloaded_by_its_number(control: Control) -> None:
    old = new_app(control).in_certificate_mode()
    new = App.of(control.put("/alipay/merchants", app_id=old.app_id, renew_certificate="good")).in_certificate_mode()
    assert new.credentials["alipay_cert_sn"] != old.credentials["alipay_cert_sn"]
    assert new.ask(QUERY, unknown())["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    plain = App.of(new.credentials)
    for each in (old, new):
        wish = {"alipay_cert_sn": each.credentials["alipay_cert_sn"]}
        answer = plain.ask("alipay.open.app.alipaycert.download", wish)
        assert plain_text(answer["alipay_cert_content"]) == each.credentials["alipay_cert_pem"]
    unknown_sn = plain.ask("alipay.open.app.alipaycert.download", {"alipay_cert_sn": "0" * 32})
    assert unknown_sn["sub_code"] == "isv.alipay-cert-not-exist"


def plain_text(content: str) -> str:
    return base64.b64decode(content).decode()


def test_encrypted_content_is_answered_encrypted(app: App) -> None:
    content = app.encrypted(json.dumps(unknown()))
    answer = app.post(app.public(QUERY, content, encrypt_type="AES"))
    assert isinstance(answer.json["alipay_trade_query_response"], str)
    assert app.opened(answer, QUERY)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert refused(app, app.public(QUERY, "bm90IHRoaXM=", encrypt_type="AES")) == (
        "40003",
        "isv.decryption-error-unknown",
    )


def test_an_app_may_be_refused_a_method(control: Control) -> None:
    app = new_app(control, forbidden_methods=[CREATE])
    assert refused(app, app.public(CREATE, app.trade())) == ("40006", "isv.insufficient-isv-permissions")
    assert app.ask(QUERY, unknown())["code"] == "40004"


def test_nobody_acts_for_an_app_that_gave_no_leave(app: App) -> None:
    assert refused(app, app.public(QUERY, unknown(), app_auth_token="202406BB")) == (
        "20001",
        "aop.invalid-app-auth-token",
    )


@pytest.mark.parametrize("lie", ["wrong_key", "unsigned", "changed", "other_trade"])
def test_answers_can_be_made_untrue(control: Control, lie: str) -> None:
    app = new_app(control)
    trade = app.trade()
    control.put("/alipay/merchants", app_id=app.app_id, answers=lie)
    answer: Any = app.post(app.public(CREATE, trade))
    if lie == "unsigned":
        assert list(answer.json) == ["alipay_trade_create_response"]
    elif lie == "other_trade":
        assert app.opened(answer, CREATE)["out_trade_no"] != trade["out_trade_no"]
    else:
        with pytest.raises(AssertionError):
            app.opened(answer, CREATE)
    control.put("/alipay/merchants", app_id=app.app_id, answers=None)
    assert app.ask(QUERY, {"out_trade_no": trade["out_trade_no"]})["trade_status"] == "WAIT_BUYER_PAY"


@pytest.mark.parametrize("number", ["its own", "nobody's"])
def test_an_encrypted_answer_can_be_changed_too(control: Control, number: str) -> None:
    app = new_app(control)
    trade = app.trade()
    app.ask(CREATE, trade)
    control.put("/alipay/merchants", app_id=app.app_id, answers="changed")
    wish = {"out_trade_no": trade["out_trade_no"]} if number == "its own" else unknown()
    answer = app.post(app.public(QUERY, app.encrypted(json.dumps(wish)), encrypt_type="AES"))
    assert isinstance(answer.json["alipay_trade_query_response"], str)
    with pytest.raises(AssertionError):
        app.opened(answer, QUERY)


def test_a_no_and_a_log_in_can_be_changed_too(control: Control) -> None:
    app = new_app(control)
    code = control.post("/alipay/buyer/login", app_id=app.app_id)["auth_code"]
    control.put("/alipay/merchants", app_id=app.app_id, answers="changed")
    with pytest.raises(AssertionError):
        app.ask(QUERY, unknown())
    with pytest.raises(AssertionError):
        app.ask(OAUTH, grant_type="authorization_code", code=code)


@pytest.mark.parametrize("path", ["/", "/gateway", "/gateway.do/x", "/v2/x"])
def test_elsewhere_there_is_nothing(app: App, path: str) -> None:
    assert exchange(app.credentials["base_url"] + path, "GET", {}).status == 404


def test_text_that_is_not_escaped_is_read_in_its_charset(app: App) -> None:
    given = app.public(CREATE, app.trade(subject="拿铁"))
    escaped, raw = form(given), form({name: value for name, value in given.items() if name != "biz_content"})
    unescaped = raw + b"&biz_content=" + given["biz_content"].encode().replace(b" ", b"+")
    url = f"{app.credentials['base_url']}/gateway.do"
    for body in (escaped, unescaped):
        assert app.opened(exchange(url, "POST", FORM, body), CREATE)["code"] == "10000"


@pytest.mark.parametrize("body", [b"\xff\xfe", b"app_id=\xff", b"%", b"=&=", b"charset=\xff&app_id=1"])
def test_rubbish_is_answered_like_any_request(app: App, body: bytes) -> None:
    answer = exchange(f"{app.credentials['base_url']}/gateway.do", "POST", FORM, body)
    assert (answer.status, list(answer.json)) == (200, ["error_response"])
