"""The v3 protocol: the same trades under paths, errors with an HTTP status."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.sandbox.alipay.client import QUERY, App, new_app
from tests.sandbox.client import Control, exchange

CREATE_PATH, QUERY_PATH = "/v3/alipay/trade/create", "/v3/alipay/trade/query"


@pytest.mark.parametrize("certified", [False, True])
def test_a_trade_lives_in_both_protocols(control: Control, app: App, certified: bool) -> None:
    app = app.in_certificate_mode() if certified else app
    trade = app.trade()
    created = app.rest(CREATE_PATH, trade)
    assert (created.status, set(created.json)) == (200, {"out_trade_no", "trade_no"})
    control.post("/alipay/buyer/pay", tradeNO=created.json["trade_no"])
    queried = app.rest(QUERY_PATH, {"out_trade_no": trade["out_trade_no"]})
    assert app.proves_rest(queried)
    assert queried.headers.get("alipay-sn") == (app.credentials["alipay_cert_sn"] if certified else None)
    assert queried.headers["content-type"] == "application/json;charset=UTF-8"
    plain = app.ask(QUERY, {"out_trade_no": trade["out_trade_no"]})
    assert {"code": "10000", "msg": "Success", **queried.json} == plain


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"app_id": "2021000000000000"}, 400, "invalid-app-id"),
        ({"timestamp": "now"}, 400, "invalid-timestamp"),
        ({"timestamp": str(int(time.time() * 1000) - 90_000_000)}, 400, "invalid-timestamp"),
        ({"nonce": ""}, 400, "missing-nonce"),
        ({"sign": "AAAA"}, 400, "invalid-signature"),
        ({"app_cert_sn": "0" * 32}, 400, "missing-alipay-root-cert-sn"),
    ],
)
def test_a_claim_that_is_wrong_is_named(app: App, claims: dict[str, str], status: int, code: str) -> None:
    answer = app.rest(QUERY_PATH, {"out_trade_no": "nobody"}, **claims)
    assert (answer.status, answer.json["code"]) == (status, code)


def test_a_request_without_authorization_misses_its_timestamp(app: App) -> None:
    answer = exchange(app.credentials["base_url"] + QUERY_PATH, "POST", {}, b"{}")
    assert (answer.status, answer.json["code"]) == (400, "missing-timestamp")


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        (QUERY_PATH, "POST", 400, "ACQ.TRADE_NOT_EXIST"),
        ("/v3/alipay/trade/nothing", "POST", 400, "invalid-method"),
        (QUERY_PATH, "PUT", 400, "invalid-http-method"),
    ],
)
def test_an_error_has_a_status_and_a_link(app: App, path: str, method: str, status: int, code: str) -> None:
    answer = app.rest(path, {"out_trade_no": "nobody"}, method)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert set(answer.json) == {"code", "message", "links"}
    assert set(answer.json["links"][0]) == {"link", "desc"}


def test_rights_and_tokens_have_statuses_of_their_own(control: Control) -> None:
    app = new_app(control, forbidden_methods=[QUERY])
    answer = app.rest(QUERY_PATH, {"out_trade_no": "nobody"})
    assert (answer.status, answer.json["code"]) == (401, "insufficient-isv-permissions")
    answer = app.rest("/v3/alipay/user/info/share", {"auth_token": "nothing"})
    assert (answer.status, answer.json["code"]) == (401, "invalid-auth-token")


def test_encrypted_content_is_answered_encrypted(control: Control, app: App) -> None:
    trade = app.trade()
    answer = app.rest(CREATE_PATH, app.encrypted(json.dumps(trade)))
    assert app.proves_rest(answer)
    assert json.loads(app.decrypted(answer.body.decode()))["out_trade_no"] == trade["out_trade_no"]


def test_a_refund_and_a_log_in_go_this_way_too(control: Control, app: App) -> None:
    trade = app.trade()
    app.rest(CREATE_PATH, trade)
    number = {"out_trade_no": trade["out_trade_no"]}
    control.post("/alipay/buyer/pay", **number)
    refunded = app.rest("/v3/alipay/trade/refund", number | {"refund_amount": "1.00", "out_request_no": "a"}).json
    assert (refunded["fund_change"], refunded["refund_fee"]) == ("Y", "1.00")
    asked = app.rest("/v3/alipay/trade/fastpay/refund/query", number | {"out_request_no": "a"}).json
    assert asked["refund_status"] == "REFUND_SUCCESS"
    code = control.post("/alipay/buyer/login")["auth_code"]
    token = app.rest("/v3/alipay/system/oauth/token", {"grant_type": "authorization_code", "code": code}).json
    assert token["open_id"] == app.credentials["buyer_open_id"]


def test_the_notification_goes_where_the_body_says(control: Control, app: App) -> None:
    trade = app.trade(notify_url="http://127.0.0.1:9/nobody")
    app.rest(CREATE_PATH, trade)
    control.post("/alipay/buyer/pay", out_trade_no=trade["out_trade_no"])
    deadline = time.monotonic() + 5
    while not control.log(kind="notification", out_trade_no=trade["out_trade_no"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("encrypted", [False, True])
def test_an_answer_can_be_changed_after_it_was_signed(control: Control, encrypted: bool) -> None:
    app = new_app(control)
    trade = app.trade()
    app.rest(CREATE_PATH, trade)
    wish = {"out_trade_no": trade["out_trade_no"]}
    body: Any = app.encrypted(json.dumps(wish)) if encrypted else wish
    assert app.proves_rest(app.rest(QUERY_PATH, body))
    control.put("/alipay/merchants", app_id=app.app_id, answers="changed")
    answer = app.rest(QUERY_PATH, body)
    assert answer.body.startswith(b"{") is not encrypted
    assert not app.proves_rest(answer)
