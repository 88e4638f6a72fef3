"""The ways to pay, at the API's doors: what each needs is said before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.town import JSAPI, Answer, Shop
from tests.town import shop as shop
from tests.town import town as town

NATIVE = {"channel": "wechatpay", "method": "native"}
H5 = {"channel": "wechatpay", "method": "h5"}


def problem(answer: Answer) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return answer.status, answer.body["code"]


async def pay(shop: Shop, order: dict[str, Any], body: dict[str, Any], token: str = "") -> Answer:
    """Ask to pay, as the merchant's server unless a buyer's token is given."""
    return await shop.ask("POST", f"/v1/orders/{order['id']}/payments", token=token, json=body)


async def test_a_qr_code_needs_nobody(shop: Shop) -> None:
    order = await shop.order(buyer=None, payment=NATIVE)
    assert order["attempt"]["host"] == "browser"
    assert list(order["client_params"]) == ["code_url"]
    assert await shop.control("POST", "/wechat/buyer/scan", order["client_params"])
    assert (await shop.becomes(order["id"], "paid"))["payments"][0]["method"] == "native"


async def test_the_buyers_address_is_told_by_the_merchant(shop: Shop) -> None:
    order = await shop.order(buyer=None)
    assert problem(await pay(shop, order, H5)) == (422, "payer_ip_needed")
    assert problem(await pay(shop, order, {**H5, "payer_ip": "somewhere"})) == (422, "invalid_request")
    answer = await pay(shop, order, {**H5, "payer_ip": "192.0.2.7"})
    assert (answer.status, list(answer.body["client_params"])) == (201, ["h5_url"])
    assert "192.0.2.7" not in str(answer.body["attempt"])


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"channel": "wechatpay", "method": "h5"}, "method_not_here"),
        ({"channel": "wechatpay", "method": "native"}, "method_not_here"),
    ],
)
async def test_a_mini_program_may_not_use_another_hosts_methods(shop: Shop, body: dict[str, Any], rule: str) -> None:
    order = await shop.order()
    answer = await pay(shop, order, body, shop.buyer_token)
    assert problem(answer) == (422, "way_forbidden")
    assert (answer.body["rule"], answer.body["host"], answer.body["methods"]) == (rule, "wechat", "jsapi")
    assert (await shop.read(order["id"]))["payments"] == [], "nothing was written"


async def test_the_way_round_is_told_in_the_callers_language(shop: Shop) -> None:
    order = await shop.order()
    path, asked = f"/v1/orders/{order['id']}/payments", {"channel": "wechatpay", "method": "h5"}
    answer = await shop.ask("POST", path, token=shop.buyer_token, json=asked, headers={"accept-language": "zh-CN"})
    assert answer.body["why"] == "该支付方式不能在此环境使用"
    assert answer.body["why"] in answer.body["detail"]


async def test_a_buyer_does_not_choose_a_host(shop: Shop) -> None:
    order = await shop.order()
    answer = await pay(shop, order, {**NATIVE, "host": "browser"}, shop.buyer_token)
    assert problem(answer) == (422, "way_forbidden")


async def test_an_openid_is_told_on_its_own_host_only(shop: Shop) -> None:
    order = await shop.order()
    answer = await pay(shop, order, {**JSAPI, "host": "wechat_web"})
    assert problem(answer) == (422, "payer_needed")


async def test_what_a_method_cannot_do_is_refused(shop: Shop) -> None:
    order = await shop.order()
    instalments = {"instalments": {"number": 3}}
    assert problem(await pay(shop, order, JSAPI | instalments)) == (422, "option_unsupported")
    assert problem(await pay(shop, order, JSAPI | {"instalments": {"number": 4}})) == (422, "invalid_request")
    assert problem(await pay(shop, order, JSAPI | {"only": ["gold"]})) == (422, "invalid_request")


async def test_means_are_limited_and_shown(shop: Shop) -> None:
    order = await shop.order()
    answer = await pay(shop, order, JSAPI | {"without": ["credit_card", "balance"]})
    assert answer.status == 201, answer
    assert answer.body["attempt"]["options"] == {"without": ["balance", "credit_card"]}


async def test_an_account_must_name_an_app_for_payments_of_no_app(shop: Shop) -> None:
    async with shop.db.tx() as tx:
        tx.write("UPDATE accounts SET settings = settings - 'app_id' WHERE merchant_id = $1", shop.merchant_id)
    order = await shop.order(buyer=None)
    assert problem(await pay(shop, order, NATIVE)) == (422, "app_needed")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"method": "code", "auth_code": "999999999999999999"}, 422, "unknown_wallet"),
        ({"method": "code", "auth_code": "fp-too-odd-to-be-one"}, 422, "invalid_request"),
        ({"method": "code", "auth_code": 134567890123456789}, 422, "invalid_request"),
        ({"method": "code", "auth_code": "134567890123456789", "channel": "barter"}, 400, "unknown_channel"),
        ({"method": "native", "auth_code": "134567890123456789"}, 422, "auth_code_not_taken"),
        ({"method": "code", "channel": "wechatpay"}, 422, "auth_code_needed"),
        ({"method": "native"}, 422, "channel_needed"),
    ],
)
async def test_a_payment_code_that_is_none_is_refused(shop: Shop, body: dict[str, Any], status: int, code: str) -> None:
    order = await shop.order(buyer=None)
    answer = await pay(shop, order, body)
    if code == "auth_code_not_taken":
        assert problem(answer) in ((422, "way_forbidden"), (422, code))
        return
    assert problem(answer) == (status, code)


async def test_an_unreadable_payment_code_is_told_in_words(shop: Shop) -> None:
    order = await shop.order(buyer=None)
    path, body = f"/v1/orders/{order['id']}/payments", {"method": "code", "auth_code": "13 4567-890"}
    for language, issue in (
        ("en", "10 to 64 letters and digits, as the scanner reads them"),
        ("zh-CN", "须为扫码枪读出的 10 至 64 位字母或数字"),
    ):
        answer = await shop.ask("POST", path, json=body, headers={"accept-language": language})
        assert answer.body["errors"] == [{"field": "/auth_code", "issue": issue}]


async def test_means_that_are_alone_let_in_and_others_that_are_kept_out_exclude_each_other(shop: Shop) -> None:
    both = {**NATIVE, "only": ["balance"], "without": ["credit_card"]}
    answer = await shop.ask("POST", "/v1/orders", json=shop.draft(buyer=None, payment=both))
    assert problem(answer) == (422, "invalid_request")
    issue = "`only` and `without` exclude each other: leave one out"
    assert answer.body["errors"] == [{"field": "/payment/without", "issue": issue}]
    assert await shop.db.fetch("SELECT 1 FROM orders WHERE merchant_id = $1", shop.merchant_id) == []
    order = await shop.order(buyer=None)
    chinese = {"accept-language": "zh-CN"}
    answer = await shop.ask("POST", f"/v1/orders/{order['id']}/payments", json=both, headers=chinese)
    assert answer.body["errors"][0]["issue"] == "only 与 without 不能同时使用，请去掉其中一项"
    assert (await shop.read(order["id"]))["payments"] == []
    for alone in ({"without": ["credit_card"]}, {"only": [], "without": ["credit_card"]}):
        assert (await pay(shop, order, {**NATIVE, **alone})).status == 201


async def test_a_host_that_there_is_not_is_unknown(shop: Shop) -> None:
    order = await shop.order(buyer=None)
    answer = await pay(shop, order, {**NATIVE, "host": "mars"})
    assert problem(answer) == (400, "unknown_host")
    assert "mars" in answer.body["detail"]
    assert (await shop.read(order["id"]))["payments"] == []


async def test_a_buyer_scans_no_payment_codes(shop: Shop) -> None:
    order = await shop.order()
    body = {"method": "code", "auth_code": "134567890123456789"}
    assert problem(await pay(shop, order, body, shop.buyer_token)) == (403, "merchant_only")


async def test_a_wrong_amount_of_text_is_refused(shop: Shop) -> None:
    for amount in ("1800", 18.5, "18.00", True, -1, 0, 10**12):
        answer = await shop.ask("POST", "/v1/orders", json=shop.draft() | {"amount": amount})
        assert problem(answer) == (422, "invalid_request"), amount
