"""The log-in of pages inside WeChat."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.sandbox.client import NO_ICON, Answer, Control, Merchant, exchange

BACK = "https://pay.example.com/pay/ord1.abc/back"


def authorized(merchant: Merchant, **changes: str) -> Answer:
    query = {
        "appid": merchant.credentials["web_appid"],
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "s7",
    } | changes
    url = f"{merchant.credentials['miniprogram_base_url']}/connect/oauth2/authorize?{urlencode(query)}"
    return exchange(url, "GET", {})


def code_of(merchant: Merchant) -> str:
    return parse_qs(urlsplit(authorized(merchant).headers["location"]).query)["code"][0]


def exchanged(merchant: Merchant, code: str, **changes: str) -> Any:
    app = {"appid": merchant.credentials["web_appid"], "secret": merchant.credentials["web_app_secret"]}
    query = app | {"code": code, "grant_type": "authorization_code"} | changes
    url = f"{merchant.credentials['miniprogram_base_url']}/sns/oauth2/access_token?{urlencode(query)}"
    answer = exchange(url, "GET", {})
    assert answer.status == 200
    return answer.json


def test_the_browser_comes_back_with_a_code_and_its_state(merchant: Merchant) -> None:
    answer = authorized(merchant)
    assert answer.status == 302
    location, _, query = answer.headers["location"].partition("?")
    assert location == BACK
    assert set(parse_qs(query)) == {"code", "state"}
    assert parse_qs(query)["state"] == ["s7"]


def test_what_the_address_asked_before_is_kept(merchant: Merchant) -> None:
    location = authorized(merchant, redirect_uri=f"{BACK}?a=1").headers["location"]
    assert location.startswith(f"{BACK}?a=1&code=")


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"appid": ""}, 10012),
        ({"appid": "wx0000000000000000"}, 10016),
        ({"redirect_uri": ""}, 10011),
        ({"redirect_uri": "javascript:alert(1)"}, 10003),
        ({"scope": ""}, 10010),
        ({"scope": "snsapi_everything"}, 10005),
        ({"response_type": "token"}, 10005),
        ({"state": "<script>"}, 10013),
        ({"state": "s" * 129}, 10013),
    ],
)
def test_a_wrong_question_is_a_page_with_its_number(merchant: Merchant, changes: dict[str, str], number: int) -> None:
    answer = authorized(merchant, **changes)
    assert answer.status == 200
    assert f"错误码：{number}" in answer.body.decode()
    assert NO_ICON in answer.body.decode()


def test_a_mini_program_has_no_pages(merchant: Merchant) -> None:
    assert "10016" in authorized(merchant, appid=merchant.credentials["appid"]).body.decode()


def test_a_code_tells_who_came(merchant: Merchant) -> None:
    answer = exchanged(merchant, code_of(merchant))
    assert set(answer) == {"access_token", "expires_in", "refresh_token", "openid", "scope"}
    assert (answer["openid"], answer["scope"]) == (merchant.credentials["web_openid"], "snsapi_base")
    assert answer["openid"] != merchant.credentials["openid"], "a person has another openid under another app"


def test_who_came_can_pay_under_the_official_account(merchant: Merchant) -> None:
    openid = exchanged(merchant, code_of(merchant))["openid"]
    order = merchant.order(appid=merchant.credentials["web_appid"], payer={"openid": openid})
    assert merchant.create(order).status == 200


def test_a_code_works_once_and_for_five_minutes(control: Control, merchant: Merchant) -> None:
    first, second = code_of(merchant), code_of(merchant)
    exchanged(merchant, first)
    assert exchanged(merchant, first)["errcode"] == 40163
    control.put("/clock", advance_seconds=301)
    assert exchanged(merchant, second)["errcode"] == 40029


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"code": ""}, 41008),
        ({"code": "0000"}, 40029),
        ({"grant_type": "client_credential"}, 40002),
        ({"secret": "x" * 32}, 40125),
        ({"secret": ""}, 41004),
        ({"appid": ""}, 41002),
        ({"appid": "wx0000000000000000"}, 40013),
    ],
)
def test_a_wrong_exchange_has_the_usual_errcode(merchant: Merchant, changes: dict[str, str], errcode: int) -> None:
    assert exchanged(merchant, **{"code": code_of(merchant)} | changes)["errcode"] == errcode


def test_a_code_of_pages_is_none_of_the_mini_programs_and_the_other_way_round(
    control: Control, merchant: Merchant
) -> None:
    credentials = merchant.credentials
    mini = {"appid": credentials["appid"], "secret": credentials["app_secret"]}
    assert exchanged(merchant, code_of(merchant), **mini)["errcode"] == 40013
    code = control.post("/wechat/buyer/login", appid=credentials["appid"])["code"]
    assert exchanged(merchant, code)["errcode"] == 40029
