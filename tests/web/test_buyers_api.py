"""Buyers at the API: a phone number is the buyer's to show, masked for the phone, whole for the merchant's server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.town import Answer, Shop, shop, town
from tests.web.test_bad_input import problem
from tongbao import buyers, merchants
from tongbao.kit import clock, ids

__all__ = ["shop", "town"]

NUMBER = "13812348000"
PHONE = "/v1/sessions/current/phone"


async def consent(shop: Shop, number: str = NUMBER) -> str:
    """What the button for the phone number hands the mini-program."""
    wish = {"appid": shop.credentials["appid"], "number": number, "country_code": "86"}
    return str((await shop.control("POST", "/wechat/buyer/phone", wish)).body["code"])


async def show(shop: Shop, agreed: Any, **how: Any) -> Answer:
    return await shop.ask("POST", PHONE, token=shop.buyer_token, json={"consent": agreed}, **how)


async def read(shop: Shop, buyer_id: str = "", **how: Any) -> Answer:
    return await shop.ask("GET", f"/v1/buyers/{buyer_id or shop.buyer_id}/phone", **how)


async def test_a_number_that_was_shown_is_masked_for_the_phone_and_whole_for_the_merchants_server(shop: Shop) -> None:
    shown = await show(shop, await consent(shop))
    assert (shown.status, shown.body) == (200, {"masked": "138****8000"})
    whole = await read(shop)
    assert (whole.status, whole.body["country_code"], whole.body["number"]) == (200, "86", NUMBER)
    assert whole.body["consented_at"].endswith("Z")


async def test_the_same_consent_under_the_same_key_is_answered_again(shop: Shop) -> None:
    agreed, key = await consent(shop), {"Idempotency-Key": ids.new("key")}
    first = await show(shop, agreed, headers=key)
    again = await show(shop, agreed, headers=key)
    assert (first.status, first.body) == (again.status, again.body) == (200, {"masked": "138****8000"})
    assert problem(await show(shop, agreed)) == (422, "phone_refused")


async def test_a_number_is_no_business_of_a_buyers_session_nor_of_another_merchant(shop: Shop) -> None:
    await show(shop, await consent(shop))
    assert problem(await read(shop, token=shop.buyer_token)) == (403, "merchant_only")
    assert problem(await read(shop, token=None)) == (401, "unauthorized")
    for stranger in (ids.new("buy"), "x", "%00"):
        assert problem(await read(shop, stranger)) == (404, "unknown_buyer")
    other = await shop.log_in("oAnotherBuyerOfTheSameShop00")
    assert problem(await read(shop, other["buyer_id"])) == (404, "phone_unknown")


async def test_only_a_buyer_can_show_a_number(shop: Shop) -> None:
    agreed = {"consent": await consent(shop)}
    for token in ("", None, "bs_x"):
        assert problem(await shop.ask("POST", PHONE, token=token, json=agreed)) == (401, "unauthorized")


@pytest.mark.parametrize("agreed", ["", "x" * 4097, "a\x00b", 1, None, ["a"]])
async def test_what_cannot_be_a_consent_is_refused_unsent(shop: Shop, agreed: Any) -> None:
    assert problem(await show(shop, agreed)) == (422, "invalid_request")


async def test_a_consent_that_was_never_given_is_refused_with_the_hosts_word(shop: Shop) -> None:
    answer = await show(shop, "never given")
    assert problem(answer) == (422, "phone_refused")
    assert answer.body["reason"] == "40029"


async def test_a_number_stands_in_no_log(shop: Shop) -> None:
    agreed = await consent(shop)
    await show(shop, agreed)
    await show(shop, agreed)
    await read(shop)
    log = shop.town.server.log()
    assert log
    assert not any(secret in log for secret in (NUMBER, agreed, shop.credentials["openid"]))


async def test_a_log_in_without_a_profile_says_so(shop: Shop) -> None:
    assert (await shop.log_in())["profile"] is None
    code = await shop.control("POST", "/wechat/buyer/login", {"appid": shop.credentials["appid"]})
    wish = {"host": "wechat", "app_id": shop.credentials["appid"], "code": code.body["code"], "profile": True}
    answer = await shop.ask("POST", "/v1/sessions", token=None, json=wish)
    assert (answer.status, answer.body["profile"]) == (201, None)


async def alipay_app(shop: Shop, **wish: Any) -> dict[str, Any]:
    """A mini-program of the shop on Alipay: what the sandbox gave for it."""
    given: dict[str, Any] = (await shop.control("POST", "/alipay/merchants", wish)).body
    settings = {name: given[name] for name in ("base_url", "alipay_public_key_pem", "aes_key")}
    key = given["app_private_key_pem"]
    add = merchants.add_app
    await shop.db.run(lambda tx: add(tx, shop.town.sealer, shop.merchant_id, "alipay", given["app_id"], key, settings))
    return given


async def log_in_on_alipay(shop: Shop, app: dict[str, Any], **wish: Any) -> dict[str, Any]:
    code = (await shop.control("POST", "/alipay/buyer/login", {"app_id": app["app_id"]} | wish)).body["auth_code"]
    body = {"host": "alipay", "app_id": app["app_id"], "code": code, "profile": True}
    answer = await shop.ask("POST", "/v1/sessions", token=None, json=body)
    assert answer.status == 201, answer
    session: dict[str, Any] = answer.body
    return session


@pytest.mark.parametrize(("identity", "name"), [("open_id", "buyer_open_id"), ("user_id", "buyer_id")])
async def test_a_buyer_on_alipay_is_known_by_the_name_that_the_app_is_told(
    shop: Shop, identity: str, name: str
) -> None:
    app = await alipay_app(shop, identity=identity)
    session = await log_in_on_alipay(shop, app)
    by_token = await buyers.authenticate(shop.db, session["token"], clock.now())
    by_id = await buyers.identity_of(shop.db, shop.merchant_id, session["buyer_id"])
    assert by_token == by_id
    assert (by_token.host, by_token.subject, by_token.kind) == ("alipay", app[name], identity)
    assert (await log_in_on_alipay(shop, app))["buyer_id"] == session["buyer_id"]


async def test_a_profile_is_handed_through_and_kept_nowhere(shop: Shop) -> None:
    app = await alipay_app(shop)
    shown = await log_in_on_alipay(shop, app, scopes="auth_user", nick_name="小宝宝宝")
    assert shown["profile"]["nickname"] == "小宝宝宝"
    assert set(shown["profile"]) == {"nickname", "avatar_url"}
    assert (await log_in_on_alipay(shop, app))["profile"] is None
    for table in ("buyers", "buyer_identities", "sessions"):
        rows = await shop.db.fetch(f"SELECT {table}::text AS row FROM {table}")
        assert rows
        assert not any("小宝宝宝" in row["row"] for row in rows)


async def test_a_number_from_alipay_is_shown_like_any_other_and_one_it_did_not_sign_is_refused(shop: Shop) -> None:
    app = await alipay_app(shop)
    session = await log_in_on_alipay(shop, app)

    async def agreed(**wish: Any) -> Answer:
        text = (await shop.control("POST", "/alipay/buyer/phone", {"app_id": app["app_id"]} | wish)).body["response"]
        return await shop.ask("POST", PHONE, token=session["token"], json={"consent": text})

    assert problem(await agreed(mobile=NUMBER, mutate="sign")) == (422, "phone_refused")
    assert problem(await agreed(mobile="")) == (409, "no_phone_number")
    assert problem(await read(shop, session["buyer_id"])) == (404, "phone_unknown")
    assert (await agreed(mobile=NUMBER)).body == {"masked": "138****8000"}
    assert (await read(shop, session["buyer_id"])).body["number"] == NUMBER
    log = shop.town.server.log()
    assert not any(secret in log for secret in (NUMBER, app["buyer_open_id"], app["aes_key"]))
