"""Log-in, tokens, profiles and phone numbers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.sandbox.alipay.client import OAUTH, SHARE, App, beijing, new_app
from tests.sandbox.client import Control


def code_of(control: Control, **wish: Any) -> str:
    return str(control.post("/alipay/buyer/login", **wish)["auth_code"])


def exchanged(app: App, code: str) -> dict[str, Any]:
    return app.ask(OAUTH, grant_type="authorization_code", code=code)


def test_a_code_is_exchanged_once_for_who_it_is(control: Control, app: App) -> None:
    code = code_of(control)
    answer = exchanged(app, code)
    assert answer["open_id"] == app.credentials["buyer_open_id"]
    assert not {"code", "msg", "user_id"} & set(answer)
    assert (answer["expires_in"] > 0, answer["re_expires_in"] > answer["expires_in"]) == (True, True)
    assert exchanged(app, code)["sub_code"] == "isv.code-invalid"


def test_an_error_of_the_log_in_stands_under_a_root_of_its_own(app: App) -> None:
    answer = app.post(app.public(OAUTH, grant_type="authorization_code", code="nothing"))
    assert list(answer.json) == ["error_response", "sign"]
    assert app.ask(OAUTH, code="nothing")["sub_code"] == "isv.grant-type-invalid"


def test_an_older_app_gets_the_user_id(control: Control) -> None:
    app = new_app(control, identity="user_id")
    answer = exchanged(app, code_of(control, app_id=app.app_id))
    assert (answer["user_id"], "open_id" in answer) == (app.credentials["buyer_id"], False)


def test_a_code_is_for_one_app_and_dies(control: Control, app: App) -> None:
    assert exchanged(new_app(control), code_of(control))["sub_code"] == "isv.unmatched-app-id"
    code = code_of(control)
    control.put("/clock", advance_seconds=181)
    assert exchanged(app, code)["sub_code"] == "isv.code-invalid"


def test_tokens_die(control: Control, app: App) -> None:
    tokens, later = exchanged(app, code_of(control, scopes="auth_user")), 31 * 86400
    control.put("/clock", advance_seconds=later)
    now = beijing(time.time() + later)
    assert app.ask(SHARE, auth_token=tokens["access_token"], timestamp=now)["sub_code"] == "aop.auth-token-time-out"
    wish = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert app.ask(OAUTH, timestamp=now, **wish)["sub_code"] == "isv.refresh-token-time-out"


def test_tokens_are_refreshed(control: Control, app: App) -> None:
    first = exchanged(app, code_of(control))
    second = app.ask(OAUTH, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second["open_id"] == first["open_id"]
    again = app.ask(OAUTH, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again["sub_code"] == "isv.refresh-token-invalid"


def test_a_profile_needs_the_buyers_leave(control: Control, app: App) -> None:
    silent = exchanged(app, code_of(control))
    assert app.ask(SHARE, auth_token=silent["access_token"])["code"] == "40006"
    asked = exchanged(app, code_of(control, scopes=["auth_user"], nick_name="小宝"))
    profile = app.ask(SHARE, auth_token=asked["access_token"])
    assert (profile["code"], profile["nick_name"], profile["open_id"]) == ("10000", "小宝", asked["open_id"])
    assert app.ask(SHARE, auth_token="nothing")["sub_code"] == "aop.invalid-auth-token"


def test_a_new_open_id_is_a_new_buyer(control: Control, app: App) -> None:
    answer = exchanged(app, code_of(control, open_id="a new one"))
    assert answer["open_id"] == "a new one"
    assert app.ask("alipay.trade.create", app.trade(buyer_open_id="a new one"))["code"] == "10000"


def test_a_phone_number_is_signed_and_encrypted(control: Control, app: App) -> None:
    told = json.loads(control.post("/alipay/buyer/phone", mobile="13800000000")["response"])
    assert set(told) == {"response", "sign", "sign_type", "encrypt_type", "charset"}
    assert app.proves(f'"{told["response"]}"'.encode(), told["sign"])
    assert json.loads(app.decrypted(told["response"])) == {"code": "10000", "msg": "Success", "mobile": "13800000000"}
    spoiled = json.loads(control.post("/alipay/buyer/phone", mutate="sign")["response"])
    assert not app.proves(f'"{spoiled["response"]}"'.encode(), spoiled["sign"])
    refused = json.loads(control.post("/alipay/buyer/phone", mutate="plain")["response"])
    assert json.loads(refused["response"])["subCode"] == "isv.missing-encrypt-key"


@pytest.mark.parametrize("wish", [{"app_id": "1"}, {"scopes": "auth_everything"}, {"scopes": 1}])
def test_a_log_in_that_cannot_be_is_refused(control: Control, wish: dict[str, Any]) -> None:
    assert control.ask("POST", "/alipay/buyer/login", wish).status in (400, 404)
