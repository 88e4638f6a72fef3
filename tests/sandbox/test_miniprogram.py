"""Log-in codes and access tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.sandbox.client import Control, Merchant, exchange


def asked(merchant: Merchant, path: str, **query: str) -> Any:
    answer = exchange(f"{merchant.credentials['miniprogram_base_url']}{path}?{urlencode(query)}", "GET", {})
    assert answer.status == 200
    return answer.json


def login(control: Control, merchant: Merchant, **wish: Any) -> str:
    return str(control.post("/wechat/buyer/login", appid=merchant.credentials["appid"], **wish)["code"])


def exchanged(merchant: Merchant, code: str, **changes: str) -> Any:
    app = {"appid": merchant.credentials["appid"], "secret": merchant.credentials["app_secret"]}
    query = app | {"js_code": code, "grant_type": "authorization_code"} | changes
    return asked(merchant, "/sns/jscode2session", **{name: value for name, value in query.items() if value})


def token(merchant: Merchant, **changes: str) -> Any:
    app = {"appid": merchant.credentials["appid"], "secret": merchant.credentials["app_secret"]}
    return asked(merchant, "/cgi-bin/token", **app | {"grant_type": "client_credential"} | changes)


def stable_token(merchant: Merchant, **changes: Any) -> Any:
    app = {"appid": merchant.credentials["appid"], "secret": merchant.credentials["app_secret"]}
    body = json.dumps(app | {"grant_type": "client_credential"} | changes).encode()
    return exchange(f"{merchant.credentials['miniprogram_base_url']}/cgi-bin/stable_token", "POST", {}, body).json


def checked(control: Control, merchant: Merchant, access_token: str, session_key: str = "") -> int:
    """The errcode of a call that needs a living token."""
    signature = hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest()
    query = {"access_token": access_token, "openid": merchant.credentials["openid"], "signature": signature}
    return int(asked(merchant, "/wxa/checksession", **query, sig_method="hmac_sha256")["errcode"])


def test_a_code_is_exchanged_for_openid_and_session_key(control: Control, merchant: Merchant) -> None:
    session = exchanged(merchant, login(control, merchant))
    assert set(session) == {"openid", "session_key"}
    assert session["openid"] == merchant.credentials["openid"]
    assert len(base64.b64decode(session["session_key"])) == 16


def test_another_buyer_logs_in_and_can_pay(control: Control, merchant: Merchant) -> None:
    openid = "oAnotherBuyer000000000000001"
    session = exchanged(merchant, login(control, merchant, openid=openid, unionid="u1"))
    assert (session["openid"], session["unionid"]) == (openid, "u1")
    assert merchant.create(merchant.order(payer={"openid": openid})).status == 200


def test_a_code_works_once(control: Control, merchant: Merchant) -> None:
    code = login(control, merchant)
    exchanged(merchant, code)
    assert exchanged(merchant, code)["errcode"] == 40163


def test_a_code_lives_five_minutes(control: Control, merchant: Merchant) -> None:
    early, late = login(control, merchant), login(control, merchant)
    control.put("/clock", advance_seconds=295)
    assert "openid" in exchanged(merchant, early)
    control.put("/clock", advance_seconds=10)
    assert exchanged(merchant, late)["errcode"] == 40029


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"js_code": ""}, 41008),
        ({"js_code": "guessed"}, 40029),
        ({"appid": "wx0000000000000000"}, 40013),
        ({"secret": "0" * 32}, 40125),
        ({"grant_type": "client_credential"}, 40002),
    ],
)
def test_a_bad_exchange_is_refused_with_http_200(
    control: Control, merchant: Merchant, changes: dict[str, str], errcode: int
) -> None:
    code = login(control, merchant)
    answer = exchanged(merchant, code, **changes)
    assert answer["errcode"] == errcode
    assert "rid: " in answer["errmsg"]
    assert "openid" in exchanged(merchant, code)


def test_a_code_of_another_app_is_invalid(control: Control, merchant: Merchant) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    assert exchanged(other, login(control, merchant))["errcode"] == 40029


def test_a_high_risk_buyer_is_blocked(control: Control, merchant: Merchant) -> None:
    assert exchanged(merchant, login(control, merchant, high_risk=True))["errcode"] == 40226


def test_a_user_may_log_in_a_hundred_times_a_minute(control: Control, merchant: Merchant) -> None:
    for _ in range(100):
        assert "openid" in exchanged(merchant, login(control, merchant))
    code = login(control, merchant)
    assert exchanged(merchant, code)["errcode"] == 45011
    control.put("/clock", advance_seconds=61)
    assert "openid" in exchanged(merchant, code)


def test_login_under_an_unknown_app_is_404(control: Control) -> None:
    assert control.ask("POST", "/wechat/buyer/login", {"appid": "wx0"}).status == 404
    assert control.ask("POST", "/wechat/buyer/login", {}).status == 404


def test_a_new_token_leaves_the_old_one_five_minutes(control: Control, merchant: Merchant) -> None:
    session_key = exchanged(merchant, login(control, merchant))["session_key"]
    old, new = token(merchant), token(merchant)
    assert new["expires_in"] == 7200
    assert old["access_token"] != new["access_token"]
    control.put("/clock", advance_seconds=295)
    assert checked(control, merchant, old["access_token"], session_key) == 0
    control.put("/clock", advance_seconds=10)
    assert checked(control, merchant, old["access_token"], session_key) == 40001
    assert checked(control, merchant, new["access_token"], session_key) == 0
    control.put("/clock", advance_seconds=7200)
    assert checked(control, merchant, new["access_token"], session_key) == 40001


def test_a_stable_token_stays_until_its_last_five_minutes(control: Control, merchant: Merchant) -> None:
    first = stable_token(merchant)
    control.put("/clock", advance_seconds=6800)
    same = stable_token(merchant)
    assert same["access_token"] == first["access_token"]
    assert 399 <= same["expires_in"] <= 400
    control.put("/clock", advance_seconds=150)
    renewed = stable_token(merchant)
    assert renewed["access_token"] != first["access_token"]
    assert renewed["expires_in"] == 7200
    assert checked(control, merchant, first["access_token"]) == 87009
    assert checked(control, merchant, renewed["access_token"]) == 87009


def test_a_forced_refresh_kills_the_old_token_at_once(control: Control, merchant: Merchant) -> None:
    plain, old = token(merchant)["access_token"], stable_token(merchant)["access_token"]
    new = stable_token(merchant, force_refresh=True)["access_token"]
    assert checked(control, merchant, old) == 40001
    assert checked(control, merchant, new) == 87009
    assert checked(control, merchant, plain) == 87009


def test_forced_refreshes_are_twenty_a_day_thirty_seconds_apart(control: Control, merchant: Merchant) -> None:
    assert "access_token" in stable_token(merchant, force_refresh=True)
    assert stable_token(merchant, force_refresh=True)["errcode"] == 45011
    for _ in range(19):
        control.put("/clock", advance_seconds=31)
        assert "access_token" in stable_token(merchant, force_refresh=True)
    control.put("/clock", advance_seconds=31)
    assert stable_token(merchant, force_refresh=True)["errcode"] == 45009
    assert "access_token" in stable_token(merchant)


@pytest.mark.parametrize(("changes", "errcode"), [({"secret": "x"}, 40125), ({"grant_type": "x"}, 40002)])
def test_a_token_needs_secret_and_grant(merchant: Merchant, changes: dict[str, str], errcode: int) -> None:
    assert token(merchant, **changes)["errcode"] == errcode
    assert stable_token(merchant, **changes)["errcode"] == errcode


def test_only_the_newest_session_key_passes_the_session_check(control: Control, merchant: Merchant) -> None:
    old = exchanged(merchant, login(control, merchant))["session_key"]
    new = exchanged(merchant, login(control, merchant))["session_key"]
    access_token = token(merchant)["access_token"]
    assert checked(control, merchant, access_token, old) == 87009
    assert checked(control, merchant, access_token, new) == 0


def test_a_body_that_is_no_json_is_47001(merchant: Merchant) -> None:
    url = f"{merchant.credentials['miniprogram_base_url']}/cgi-bin/stable_token"
    assert exchange(url, "POST", {}, b"{").json["errcode"] == 47001
    assert exchange(url, "POST", {}, b"[]").json["errcode"] == 47001


def test_an_unknown_path_is_404(merchant: Merchant) -> None:
    assert exchange(f"{merchant.credentials['miniprogram_base_url']}/nothing", "GET", {}).status == 404


def test_the_apps_secret_is_not_in_the_log(control: Control, merchant: Merchant) -> None:
    exchanged(merchant, login(control, merchant))
    exchanged(merchant, "guessed")
    token(merchant)
    text = json.dumps(control.log())
    assert merchant.credentials["app_secret"] not in text
    assert "/sns/jscode2session" in text
