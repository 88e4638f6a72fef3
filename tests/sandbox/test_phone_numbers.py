"""Phone numbers of mini-program users."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from tests.sandbox.client import Control, Merchant, exchange
from tests.sandbox.test_miniprogram import exchanged, login, token


def agreed(control: Control, merchant: Merchant, **wish: Any) -> Any:
    """What the phone-number button gives the mini-program."""
    return control.post("/wechat/buyer/phone", appid=merchant.credentials["appid"], **wish)


def revealed(merchant: Merchant, access_token: str, body: dict[str, Any]) -> Any:
    base_url = merchant.credentials["miniprogram_base_url"]
    url = f"{base_url}/wxa/business/getuserphonenumber?access_token={access_token}"
    answer = exchange(url, "POST", {"Content-Type": "application/json"}, json.dumps(body).encode())
    assert answer.status == 200
    return answer.json


@pytest.fixture
def access_token(merchant: Merchant) -> str:
    return str(token(merchant)["access_token"])


@pytest.mark.parametrize(
    ("wish", "shown", "pure", "country_code"),
    [
        ({}, "13800138000", "13800138000", "86"),
        ({"number": "91234567", "country_code": "852"}, "+85291234567", "91234567", "852"),
    ],
)
def test_a_code_reveals_the_number_to_its_app(
    control: Control, merchant: Merchant, access_token: str, wish: dict[str, str], shown: str, pure: str,
    country_code: str,
) -> None:  # fmt: skip
    answer = revealed(merchant, access_token, {"code": agreed(control, merchant, **wish)["code"]})
    info = answer["phone_info"]
    assert (answer["errcode"], answer["errmsg"]) == (0, "ok")
    assert (info["phoneNumber"], info["purePhoneNumber"], info["countryCode"]) == (shown, pure, country_code)
    assert info["watermark"]["appid"] == merchant.credentials["appid"]
    assert isinstance(info["watermark"]["timestamp"], int)


def test_a_phone_code_works_once_and_for_five_minutes(control: Control, merchant: Merchant, access_token: str) -> None:
    code, late = agreed(control, merchant)["code"], agreed(control, merchant)["code"]
    assert revealed(merchant, access_token, {"code": code})["errcode"] == 0
    assert revealed(merchant, access_token, {"code": code})["errcode"] == 40029
    control.put("/clock", advance_seconds=301)
    assert revealed(merchant, access_token, {"code": late})["errcode"] == 40029


def test_a_phone_code_is_not_a_login_code_nor_the_other_way_round(
    control: Control, merchant: Merchant, access_token: str
) -> None:
    assert revealed(merchant, access_token, {"code": login(control, merchant)})["errcode"] == 40029
    assert exchanged(merchant, agreed(control, merchant)["code"])["errcode"] == 40029


@pytest.mark.parametrize("body", [{}, {"code": "guessed"}, {"code": 5}])
def test_a_guessed_phone_code_reveals_nothing(merchant: Merchant, access_token: str, body: dict[str, Any]) -> None:
    answer = revealed(merchant, access_token, body)
    assert answer["errcode"] == 40029
    assert "phone_info" not in answer


def test_a_phone_code_is_for_its_app_and_its_user(control: Control, merchant: Merchant, access_token: str) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    code = agreed(control, merchant, openid="oAnotherBuyer000000000000001")["code"]
    assert revealed(other, token(other)["access_token"], {"code": code})["errcode"] == 40029
    wrong = {"code": code, "openid": merchant.credentials["openid"]}
    assert revealed(merchant, access_token, wrong)["errcode"] == 40029
    right = {"code": code, "openid": "oAnotherBuyer000000000000001"}
    assert revealed(merchant, access_token, right)["errcode"] == 0


def test_a_phone_number_needs_a_living_token(control: Control, merchant: Merchant, access_token: str) -> None:
    code = agreed(control, merchant)["code"]
    assert revealed(merchant, "guessed", {"code": code})["errcode"] == 40001
    assert revealed(merchant, access_token, {"code": code})["errcode"] == 0


def test_a_users_number_is_asked_for_a_hundred_times_a_minute(
    control: Control, merchant: Merchant, access_token: str
) -> None:
    answers = [revealed(merchant, access_token, {"code": agreed(control, merchant)["code"]}) for _ in range(101)]
    assert [answer["errcode"] for answer in answers] == [0] * 100 + [45011]


def test_the_older_form_opens_with_the_session_key(control: Control, merchant: Merchant) -> None:
    assert set(agreed(control, merchant)) == {"code"}
    session_key = base64.b64decode(exchanged(merchant, login(control, merchant))["session_key"])
    older = agreed(control, merchant, number="13912345678")
    decryptor = Cipher(AES(session_key), CBC(base64.b64decode(older["iv"]))).decryptor()
    padded = decryptor.update(base64.b64decode(older["encryptedData"])) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    info = json.loads(unpadder.update(padded) + unpadder.finalize())
    assert (info["purePhoneNumber"], info["watermark"]["appid"]) == ("13912345678", merchant.credentials["appid"])


def test_neither_number_nor_code_is_in_the_log(control: Control, merchant: Merchant, access_token: str) -> None:
    code = agreed(control, merchant)["code"]
    revealed(merchant, access_token, {"code": code})
    text = json.dumps(control.log())
    assert "/wxa/business/getuserphonenumber" in text
    for secret in ("13800138000", code, access_token):
        assert secret not in text


@pytest.mark.parametrize("wish", [{"number": "abc"}, {"country_code": ""}])
def test_an_unreadable_number_is_refused(control: Control, merchant: Merchant, wish: dict[str, str]) -> None:
    answer = control.ask("POST", "/wechat/buyer/phone", {"appid": merchant.credentials["appid"]} | wish)
    assert answer.json["code"] == "wish_unreadable"
    assert control.ask("POST", "/wechat/buyer/phone", {"appid": "wx0"}).status == 404
