"""The Alipay host against the sandbox: what unit tests cannot know of the other side."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.channels.scripted_gateway import failure
from tests.hosts.platform import Platform
from tongbao import hosts
from tongbao.hosts import Host, PhoneNumber, SubjectKind
from tongbao.kit.errors import Rejected, Untrusted

CERTIFICATES = ("app_cert_pem", "alipay_cert_pem", "alipay_root_cert_pem")
KEY = ("alipay_public_key_pem",)


class Alipay(Platform):
    """The sandbox's Alipay, and an app there."""

    def host(self, mode: tuple[str, ...] = KEY, **changes: Any) -> Host:
        names = ("app_id", "base_url", "aes_key", *mode)
        settings = {name: self.credentials[name] for name in names}
        settings["app_secret"] = self.credentials["app_private_key_pem"]
        return hosts.open_host("alipay", settings | changes, self.transport)

    async def log_in(self, **wish: Any) -> str:
        """The code that `my.getAuthCode` would give the buyer."""
        answer = await self.ask("POST", "/alipay/buyer/login", {"app_id": self.credentials["app_id"]} | wish)
        return str(answer["auth_code"])

    async def agree(self, **wish: Any) -> str:
        """The text that `my.getPhoneNumber` would give the mini-program."""
        answer = await self.ask("POST", "/alipay/buyer/phone", {"app_id": self.credentials["app_id"]} | wish)
        return str(answer["response"])


@pytest_asyncio.fixture
async def platform(sandbox: str) -> AsyncIterator[Alipay]:
    async with aiohttp.ClientSession() as transport:
        platform = Alipay(sandbox, transport, {})
        platform.credentials = (await platform.ask("GET", "/credentials"))["alipay"]
        yield platform
        await platform.ask("POST", "/reset")


@pytest.mark.parametrize("mode", [KEY, CERTIFICATES], ids=["key", "certificates"])
async def test_a_code_tells_who_logged_in(platform: Alipay, mode: tuple[str, ...]) -> None:
    identity = await platform.host(mode).exchange_code(await platform.log_in())
    assert (identity.subject, identity.kind) == (platform.credentials["buyer_open_id"], SubjectKind.OPEN_ID)
    assert identity.profile == {}


async def test_an_older_app_is_told_the_user_id(platform: Alipay) -> None:
    platform.credentials = await platform.ask("POST", "/alipay/merchants", {"identity": "user_id"})
    identity = await platform.host().exchange_code(await platform.log_in())
    assert (identity.subject, identity.kind) == (platform.credentials["buyer_id"], SubjectKind.USER_ID)


async def test_a_code_works_once(platform: Alipay) -> None:
    code = await platform.log_in()
    await platform.host().exchange_code(code)
    error = await failure(platform.host().exchange_code(code))
    assert (type(error), error.code) == (Rejected, "isv.code-invalid")


@pytest.mark.parametrize("code", ["never given", "a&b=c 甲", "码" * 50])
async def test_a_code_that_was_never_given_is_rejected(platform: Alipay, code: str) -> None:
    assert type(await failure(platform.host().exchange_code(code))) is Rejected


async def test_a_code_of_another_app_is_rejected(platform: Alipay) -> None:
    code = await platform.log_in()
    platform.credentials = await platform.ask("POST", "/alipay/merchants", {})
    assert type(await failure(platform.host().exchange_code(code))) is Rejected


async def test_a_profile_is_seen_with_the_buyers_leave_and_without_it_the_log_in_is_one_all_the_same(
    platform: Alipay,
) -> None:
    host = platform.host()
    shown = await host.exchange_code(await platform.log_in(scopes="auth_user", nick_name="小宝"), profile=True)
    assert shown.profile["nickname"] == "小宝"
    assert set(shown.profile) <= {"nickname", "avatar_url"}
    silent = await host.exchange_code(await platform.log_in(), profile=True)
    assert (silent.subject, silent.profile) == (shown.subject, {})
    unasked = await host.exchange_code(await platform.log_in(scopes="auth_user", nick_name="小宝"))
    assert unasked.profile == {}


@pytest.mark.parametrize("mode", [KEY, CERTIFICATES], ids=["key", "certificates"])
@pytest.mark.parametrize(
    ("mobile", "phone"),
    [("13812348000", PhoneNumber("86", "13812348000")), ("49-15112345678", PhoneNumber("49", "15112345678"))],
)
async def test_a_consent_gives_the_phone_number(
    platform: Alipay, mode: tuple[str, ...], mobile: str, phone: PhoneNumber
) -> None:
    assert await platform.host(mode).phone_number(await platform.agree(mobile=mobile)) == phone


async def test_an_account_without_a_number_is_told_apart(platform: Alipay) -> None:
    error = await failure(platform.host().phone_number(await platform.agree(mobile="")))
    assert (type(error), error.code) == (Rejected, "no_phone_number")


async def test_a_number_that_alipay_did_not_sign_is_untrusted(platform: Alipay) -> None:
    host, good = platform.host(), json.loads(await platform.agree(mobile="13812348000"))
    forged = good | {"response": ("B" if good["response"][0] == "A" else "A") + good["response"][1:]}
    unsigned = {name: value for name, value in good.items() if name != "sign"}
    spoiled = await platform.agree(mutate="sign")
    for consent in (json.dumps(forged), json.dumps(unsigned), json.dumps(good | {"sign": ""}), spoiled):
        assert type(await failure(host.phone_number(consent))) is Untrusted
    assert await host.phone_number(json.dumps(good))


async def test_a_number_for_another_app_is_untrusted(platform: Alipay) -> None:
    consent = await platform.agree(mobile="13812348000")
    platform.credentials = await platform.ask("POST", "/alipay/merchants", {})
    error = await failure(platform.host().phone_number(consent))
    assert type(error) is Untrusted
    assert "13812348000" not in str(error)


async def test_what_alipay_refuses_in_the_open_is_rejected_with_its_word(platform: Alipay) -> None:
    error = await failure(platform.host().phone_number(await platform.agree(mutate="plain")))
    assert (type(error), error.code) == (Rejected, "isv.missing-encrypt-key")


@pytest.mark.parametrize("consent", ["", "{}", "[]", "null", '{"response": 1}', '{"response": "{"}', "x" * 4000])
async def test_what_is_no_consent_gives_no_number(platform: Alipay, consent: str) -> None:
    assert isinstance(await failure(platform.host().phone_number(consent)), Rejected | Untrusted)
