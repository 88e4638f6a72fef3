"""Whatever is wrong with a request: a precise error, never a 500, and nothing moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.town import JSAPI, Answer, Shop, shop, town
from tongbao import merchants
from tongbao.kit import clock, ids

__all__ = ["shop", "town"]


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["status"] == answer.status
    assert answer.body["title"]
    assert answer.body["detail"]
    return answer.status, answer.body["code"]


async def orders_of(shop: Shop) -> int:
    return len(await shop.db.fetch("SELECT 1 FROM orders WHERE merchant_id = $1", shop.merchant_id))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", -1),
        ("amount", 0),
        ("amount", 0.01),
        ("amount", 18.0),
        ("amount", "1800"),
        ("amount", True),
        ("amount", None),
        ("amount", 1_000_000_001),
        ("amount", 10**400),
        ("currency", "USD"),
        ("reference", ""),
        ("reference", "a b"),
        ("reference", "咖啡"),
        ("reference", "a\nb"),
        ("reference", "a'; DROP TABLE orders; --"),
        ("reference", "x" * 65),
        ("subject", ""),
        ("subject", "x" * 128),
        ("subject", "coffee ☕️🥐"),
        ("subject", "a\x00b"),
        ("expires_in", 59),
        ("expires_in", 604_801),
        ("items", [{"name": "Latte", "quantity": 0}]),
        ("items", [{"name": "a\x00"}]),
        ("metadata", {"a": 1}),
        ("metadata", {"a": "\x00"}),
        ("metadata", {str(n): "" for n in range(21)}),
        ("payment", {"channel": "wechatpay"}),
        ("unknown", 1),
    ],
)
async def test_a_field_that_is_not_as_it_must_be_is_named(shop: Shop, field: str, value: Any) -> None:
    answer = await shop.ask("POST", "/v1/orders", json=shop.draft() | {field: value})
    assert problem(answer) == (422, "invalid_request")
    assert all(error["field"].startswith(f"/{field}") and error["issue"] for error in answer.body["errors"])
    assert await orders_of(shop) == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"amount": 1}{', b'{"a": NaN}'])
async def test_a_body_that_is_no_order_is_refused(shop: Shop, body: bytes) -> None:
    answer = await shop.ask("POST", "/v1/orders", data=body)
    assert problem(answer) in ((400, "invalid_json"), (422, "invalid_request"))


async def test_a_body_over_a_megabyte_is_refused_unread(shop: Shop) -> None:
    body = b'{"subject": "' + b"x" * 1_100_000 + b'"}'
    assert problem(await shop.ask("POST", "/v1/orders", data=body)) == (413, "body_too_large")

    async def dribble() -> Any:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    assert problem(await shop.ask("POST", "/v1/orders", data=dribble())) == (413, "body_too_large")
    notify = f"/notify/wechatpay/{shop.account_id}"
    assert problem(await shop.ask("POST", notify, token=None, data=body)) == (413, "body_too_large")


async def test_a_key_that_is_wrong_expired_or_revoked_is_refused_by_its_own_name(shop: Shop) -> None:
    path = f"/v1/orders/{ids.new('ord')}"
    for token in (None, "nonsense", "sk_", "sk_a_b_c", shop.api_key[:-1] + "!", "bs_x", "\u00e9"):
        assert problem(await shop.ask("GET", path, token=token)) == (401, "unauthorized")
    assert problem(await shop.ask("GET", path, token=None, headers={"authorization": "Basic eA=="})) == (
        401,
        "unauthorized",
    )
    expires_at = clock.now() - timedelta(seconds=1)
    _, expired = await shop.db.run(lambda tx: merchants.create_key(tx, shop.merchant_id, "", expires_at))
    assert problem(await shop.ask("GET", path, token=expired)) == (401, "key_expired")
    key, revoked = await shop.db.run(lambda tx: merchants.create_key(tx, shop.merchant_id, "", None))
    await shop.db.run(lambda tx: merchants.revoke_key(tx, shop.merchant_id, key.key_id))
    assert problem(await shop.ask("GET", path, token=revoked)) == (401, "key_revoked")


async def test_another_buyers_order_does_not_exist_for_a_buyer(shop: Shop) -> None:
    order = await shop.order()
    other = await shop.log_in("oAnotherBuyerOfTheSameShop00")
    path = f"/v1/orders/{order['id']}"
    assert problem(await shop.ask("GET", path, token=other["token"])) == (404, "order_not_found")
    assert problem(await shop.ask("GET", path + "/events", token=other["token"])) == (404, "order_not_found")
    assert problem(await shop.ask("POST", path + "/payments", token=other["token"], json=JSAPI)) == (
        404,
        "order_not_found",
    )
    assert (await shop.read(order["id"]))["payments"] == []


async def test_a_buyer_cannot_do_what_is_the_merchants(shop: Shop) -> None:
    order = await shop.order()
    for path, body in (("/v1/orders", shop.draft()), (f"/v1/orders/{order['id']}/close", {})):
        assert problem(await shop.ask("POST", path, token=shop.buyer_token, json=body)) == (403, "merchant_only")


@pytest.mark.parametrize("order_id", ["x", "ord" + "0" * 26, "ord%00", "ord/../x", "%F0%9F%8D%BA", "ord" + "é" * 26])
async def test_an_order_that_is_not_there_is_not_found(shop: Shop, order_id: str) -> None:
    for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/timeline"), ("POST", "/close")):
        answer = await shop.ask(method, f"/v1/orders/{order_id}{path}")
        assert answer.status in (404, 405), answer
    answer = await shop.ask("POST", f"/v1/orders/{order_id}/payments", json=JSAPI)
    assert answer.status in (404, 405), answer


@pytest.mark.parametrize(
    ("payment", "code"),
    [
        ({"channel": "nopay", "method": "jsapi"}, "unknown_channel"),
        ({"channel": "wechatpay", "method": "telepathy"}, "unknown_method"),
    ],
)
async def test_an_unknown_channel_or_method_is_refused(shop: Shop, payment: dict[str, str], code: str) -> None:
    order = await shop.order()
    answer = await shop.ask("POST", f"/v1/orders/{order['id']}/payments", token=shop.buyer_token, json=payment)
    assert problem(answer) == (400, code)
    assert problem(await shop.ask("POST", "/v1/orders", json=shop.draft(payment=payment))) == (400, code)


async def test_a_payer_must_be_known(shop: Shop) -> None:
    answer = await shop.ask("POST", "/v1/orders", json=shop.draft(buyer=None, payment=JSAPI))
    assert problem(answer) == (422, "payer_needed")
    answer = await shop.ask("POST", "/v1/orders", json=shop.draft(buyer=ids.new("buy")))
    assert problem(answer) == (422, "unknown_buyer")


async def test_a_paid_or_closed_order_cannot_be_paid_again(shop: Shop) -> None:
    paid, closed = await shop.order(payment=JSAPI), await shop.order(payment=JSAPI)
    await shop.buyer_pays(paid)
    await shop.becomes(paid["id"], "paid")
    assert (await shop.ask("POST", f"/v1/orders/{closed['id']}/close")).body["status"] == "closed"
    for order, code in ((paid, "order_paid"), (closed, "order_closed")):
        answer = await shop.ask("POST", f"/v1/orders/{order['id']}/payments", token=shop.buyer_token, json=JSAPI)
        assert problem(answer) == (409, code)
    assert problem(await shop.ask("POST", f"/v1/orders/{paid['id']}/close")) == (409, "order_paid")
    assert (await shop.ask("POST", f"/v1/orders/{closed['id']}/close")).status == 200, "closing twice is harmless"


async def test_an_expired_order_cannot_be_paid(shop: Shop) -> None:
    order = await shop.order()
    await shop.db.fetch("UPDATE orders SET expires_at = $2 WHERE order_id = $1", order["id"], clock.now())
    answer = await shop.ask("POST", f"/v1/orders/{order['id']}/payments", token=shop.buyer_token, json=JSAPI)
    assert problem(answer) == (409, "order_expired")


async def test_the_same_reference_with_other_content_is_a_conflict(shop: Shop) -> None:
    draft = shop.draft()
    first = await shop.ask("POST", "/v1/orders", json=draft)
    again = await shop.ask("POST", "/v1/orders", json=draft)
    assert (first.status, again.status) == (201, 200)
    assert first.body["id"] == again.body["id"]
    assert problem(await shop.ask("POST", "/v1/orders", json=draft | {"amount": 1})) == (409, "reference_conflict")
    assert await orders_of(shop) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"host": "fridge"}, (400, "unknown_host")),
        ({"app_id": "wx0000000000000000"}, (404, "unknown_app")),
        ({"code": "no such code"}, (401, "login_refused")),
        ({"code": ""}, (422, "invalid_request")),
    ],
)
async def test_a_log_in_that_cannot_be_is_refused(shop: Shop, body: dict[str, str], expected: tuple[int, str]) -> None:
    login = {"host": "wechat", "app_id": shop.credentials["appid"], "code": "x"} | body
    assert problem(await shop.ask("POST", "/v1/sessions", token=None, json=login)) == expected


async def test_a_code_is_exchanged_once(shop: Shop) -> None:
    appid = shop.credentials["appid"]
    code = (await shop.control("POST", "/wechat/buyer/login", {"appid": appid})).body["code"]
    login = {"host": "wechat", "app_id": appid, "code": code}
    assert (await shop.ask("POST", "/v1/sessions", token=None, json=login)).status == 201
    assert problem(await shop.ask("POST", "/v1/sessions", token=None, json=login)) == (409, "code_used")


async def test_errors_speak_the_language_that_is_asked_for(shop: Shop) -> None:
    path = f"/v1/orders/{ids.new('ord')}"
    chinese = await shop.ask("GET", path, headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})
    english = await shop.ask("GET", path, headers={"accept-language": "en-US,zh;q=0.5"})
    assert (chinese.body["title"], english.body["title"]) == ("订单不存在", "No such order")
    assert chinese.body["code"] == english.body["code"]


async def test_a_notify_address_inside_the_operators_machine_is_refused_unless_allowed(shop: Shop) -> None:
    # This town allows loopback, for the shop's own ear; what is malformed is refused all the same.
    for url in ("ftp://example.com/x", "http://user:pw@example.com/", "http://", "https://exa mple.com"):
        answer = await shop.ask("POST", "/v1/orders", json=shop.draft(notify=url))
        assert problem(answer) == (422, "egress_forbidden"), url


async def test_what_is_nowhere_is_a_problem_too(shop: Shop) -> None:
    assert problem(await shop.ask("GET", "/v1/nowhere")) == (404, "not_found")
    assert problem(await shop.ask("DELETE", "/v1/orders")) == (405, "method_not_allowed")
    assert problem(await shop.ask("GET", "/v1/orders/x?wait=soon")) == (422, "invalid_request")
