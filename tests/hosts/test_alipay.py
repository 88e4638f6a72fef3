"""The Alipay host on its own: who an answer says it is, and what it refuses to work with or to say."""

from __future__ import annotations

import json
import socket
from typing import Any

import aiohttp
import pytest

from tests.channels.scripted_gateway import failure, scripted_gateway
from tests.hosts.test_wechat import everything_it_says
from tests.merchants.gateway import private_key_pem, public_key_pem
from tongbao import hosts
from tongbao.hosts import Identity, PhoneNumber, SubjectKind
from tongbao.hosts.alipay import host as alipay
from tongbao.kit.errors import Refusal, Rejected, Unavailable, Uncertain, Untrusted

APP: dict[str, Any] = {
    "app_id": "2021000000000001",
    "app_secret": private_key_pem(1),
    "alipay_public_key_pem": public_key_pem(),
    "aes_key": "AAECAwQFBgcICQoLDA0ODw==",
}
TOKEN = {"access_token": "authusrB1", "expires_in": 1296000, "refresh_token": "R"}


def test_a_newer_app_is_told_an_open_id_and_an_older_one_the_user_id() -> None:
    assert alipay.read_identity(TOKEN | {"open_id": "074a1"}) == Identity("074a1", None, None)
    user = alipay.read_identity(TOKEN | {"user_id": "2088102150477652", "union_id": "u1"})
    assert (user.subject, user.union_subject, user.kind) == ("2088102150477652", "u1", SubjectKind.USER_ID)


def test_an_empty_user_id_beside_an_open_id_is_none() -> None:
    identity = alipay.read_identity(TOKEN | {"user_id": "", "open_id": "074a1"})
    assert (identity.subject, identity.kind) == ("074a1", SubjectKind.OPEN_ID)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        TOKEN,
        {"open_id": "074a1"},
        TOKEN | {"open_id": ""},
        TOKEN | {"open_id": " "},
        TOKEN | {"user_id": "", "open_id": None},
        TOKEN | {"user_id": 2088},
    ],
)
def test_an_answer_that_names_nobody_is_uncertain(answer: dict[str, Any]) -> None:
    with pytest.raises(Uncertain, match="no_subject"):
        alipay.read_identity(answer)


def test_a_number_of_the_mainland_comes_without_country_and_a_foreign_one_with_it() -> None:
    assert alipay.read_phone_number({"mobile": "18818181818"}) == PhoneNumber("86", "18818181818")
    assert alipay.read_phone_number({"mobile": "852-91234567"}) == PhoneNumber("852", "91234567")


@pytest.mark.parametrize("mobile", [None, 1, "188 1818", "+852-91234567", "-", "1-2-3", "x"])
def test_what_is_no_number_is_uncertain_and_not_quoted(mobile: object) -> None:
    with pytest.raises(Uncertain) as caught:
        alipay.read_phone_number({"code": "10000", "mobile": mobile})
    assert str(caught.value) == "malformed"


async def test_a_log_in_that_alipay_did_not_sign_is_untrusted_and_shows_nothing() -> None:
    async with scripted_gateway() as platform, aiohttp.ClientSession() as transport:
        host = hosts.open_host("alipay", APP | {"base_url": platform.base_url}, transport)
        answer = {"alipay_system_oauth_token_response": TOKEN | {"open_id": "074a1"}}
        for body in (answer, answer | {"sign": "AAAA"}):
            platform.answers(200, json.dumps(body).encode())
            error = await failure(host.exchange_code("my-code", profile=True))
            assert type(error) is Untrusted
            said = everything_it_says(error)
            assert not any(secret in said for secret in ("my-code", "074a1", "authusrB1", APP["aes_key"]))
    assert len(platform.asked) == 2


async def test_a_question_that_never_arrived_is_unavailable() -> None:
    async with aiohttp.ClientSession() as transport:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{unused.getsockname()[1]}"
            host = hosts.open_host("alipay", APP | {"base_url": address}, transport)
            assert type(await failure(host.exchange_code("a code"))) is Unavailable


async def test_a_mini_program_has_no_log_in_page() -> None:
    async with aiohttp.ClientSession() as transport:
        with pytest.raises(Rejected, match="unsupported"):
            hosts.open_host("alipay", APP, transport).login_url("https://pay.example", "s1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app_id", "wxd678efh567hg6787"),
        ("app_secret", "0123456789abcdef0123456789abcdef"),
        ("app_secret", None),
        ("alipay_public_key_pem", None),
        ("aes_key", "short"),
        ("base_url", "https://openapi.alipay.com/gateway.do"),
        ("timeout_seconds", 0),
    ],
)
def test_a_bad_setting_is_refused_by_name_with_a_cure_and_is_not_quoted(field: str, value: object) -> None:
    with pytest.raises(Refusal) as refusal:
        hosts.validate_app("alipay", {**APP, field: value})
    assert (refusal.value.code, refusal.value.status, refusal.value.values["field"]) == ("invalid_app", 400, field)
    assert "0123456789abcdef" not in str(refusal.value)


def test_good_settings_are_taken_and_the_secret_ones_are_known() -> None:
    hosts.validate_app("alipay", APP)
    assert hosts.secret_fields("alipay") == {"app_secret", "aes_key"}
