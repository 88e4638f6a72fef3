"""A shop's own code, without a browser: made, printed, paid to, and everything that must not work."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest

from tests.town import JSAPI, Answer, Shop, shop, town
from tests.web.cashier_visits import get, offered, pay_link, post, text_of
from tongbao.kit import clock, ids
from tongbao.web.cashier import forms
from tools.shop import open_merchant

__all__ = ["code_page", "shop", "town"]

NASTY = "豆子 <b onload=alert(1)> & \"'"


async def make(shop: Shop, **changes: object) -> dict[str, Any]:
    answer = await shop.ask("POST", "/v1/codes", json={"name": "豆子咖啡", "subject": "咖啡"} | changes)
    assert answer.status == 201, answer
    code: dict[str, Any] = answer.body
    return code


@pytest.fixture
async def code_page(shop: Shop) -> AsyncIterator[str]:
    """The path of the page of a code from one to a hundred yuan."""
    yield (await make(shop, least=100, most=10_000))["url"].removeprefix(shop.town.url)


async def token_of(shop: Shop, path: str) -> str:
    return token_on(await get(shop, path))


def token_on(answer: Answer) -> str:
    found = re.search(r'name="form" value="([^"]+)"', answer.body.decode())
    assert found
    return found[1]


async def orders(shop: Shop) -> int:
    row = await shop.db.fetch_row("SELECT count(*) AS n FROM orders WHERE merchant_id = $1", shop.merchant_id)
    assert row
    return int(row["n"])


async def test_a_typed_sum_becomes_an_order_that_can_be_paid(shop: Shop, code_page: str) -> None:
    page = await get(shop, code_page)
    assert "豆子咖啡" in text_of(page)
    assert "From ¥1.00 to ¥100.00" in text_of(page)
    answer = await post(shop, code_page, {"amount": "18.5", "form": token_on(page)})
    assert answer.status == 303
    order_page = await get(shop, answer.headers["location"])
    for shown in ("豆子咖啡", "咖啡", "18.50"):
        assert shown in text_of(order_page)
    assert offered(order_page) == ["wechatpay.h5"]
    order = await shop.read(answer.headers["location"].rpartition("/")[2].partition(".")[0])
    assert (order["amount"], order["status"], order["subject"]) == (1850, "open", "咖啡")
    assert order["reference"].startswith("code-")


async def test_the_same_form_sent_five_times_at_once_is_one_order(shop: Shop, code_page: str) -> None:
    form = {"amount": "18", "form": await token_of(shop, code_page)}
    answers = await asyncio.gather(*(post(shop, code_page, form) for _ in range(5)))
    assert {answer.status for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await orders(shop) == 1


async def test_a_form_sent_again_with_another_sum_makes_no_order_and_asks_again(shop: Shop, code_page: str) -> None:
    token = await token_of(shop, code_page)
    await post(shop, code_page, {"amount": "18", "form": token})
    answer = await post(shop, code_page, {"amount": "19", "form": token})
    assert answer.status == 422
    assert "Sent already with another sum" in text_of(answer)
    assert await orders(shop) == 1
    again = await post(shop, code_page, {"amount": "19", "form": token_on(answer)})
    assert (again.status, await orders(shop)) == (303, 2)


@pytest.mark.parametrize(
    "typed", ["", "abc", "-5", "1e9", "１８", "18.555", " 18", "0.99", "100.01", "9" * 40, "<script>alert(1)</script>"]
)
async def test_an_absurd_sum_is_told_on_the_page_and_makes_nothing(shop: Shop, code_page: str, typed: str) -> None:
    answer = await post(shop, code_page, {"amount": typed, "form": await token_of(shop, code_page)})
    assert answer.status == 422
    html = answer.body.decode()
    assert 'role="alert"' in html
    assert "<script>alert" not in html
    assert await orders(shop) == 0


async def test_amounts_in_the_query_and_other_fields_change_nothing(shop: Shop, code_page: str) -> None:
    form = {"amount": "18", "form": await token_of(shop, code_page), "subject": "gold", "most": "1", "total": "1"}
    answer = await post(shop, f"{code_page}?amount=99", form)
    assert "¥ 18.00" in text_of(await get(shop, answer.headers["location"]))


async def test_a_form_that_is_not_this_pages_is_refused(shop: Shop, code_page: str) -> None:
    other = (await make(shop))["url"].removeprefix(shop.town.url)
    token = await token_of(shop, code_page)
    changed = token[:-1] + ("0" if token[-1] != "0" else "1")
    for wrong in ("", "x", changed, await token_of(shop, other), token.replace(token[:4], "abcd", 1)):
        answer = await post(shop, code_page, {"amount": "18", "form": wrong})
        assert answer.status == 403, wrong
    answer = await post(shop, code_page, {"amount": "18", "form": token}, {"sec-fetch-site": "cross-site"})
    assert (answer.status, await orders(shop)) == (403, 0)


async def test_a_form_of_yesterday_asks_again(shop: Shop, code_page: str) -> None:
    link = code_page.removeprefix("/code/")
    clock.move(-86_400)
    try:
        old = forms.new_token(shop.town.sealer, link)
    finally:
        clock.move(0)
    answer = await post(shop, code_page, {"amount": "18", "form": old})
    assert (answer.status, await orders(shop)) == (422, 0)
    assert 'value="18"' in answer.body.decode(), "the sum need not be typed again"
    assert token_on(answer) != old


async def test_a_changed_code_is_no_code_and_no_other_shops(shop: Shop, code_page: str) -> None:
    mine, theirs = await make(shop), await _another_shops_code(shop)
    head, token = code_page.rpartition(".")[::2]
    for wrong in (
        f"/code/{mine['id']}.{token}",
        f"/code/{theirs}.{token}",
        head,
        f"{head}.{token[:-1]}{'a' if token[-1] != 'a' else 'b'}",
        pay_link(shop, (await shop.order())["id"]).replace("/pay/", "/code/"),
    ):
        form = {"amount": "18", "form": await token_of(shop, code_page)}
        assert [(await get(shop, wrong)).status, (await post(shop, wrong, form)).status] == [404, 404], wrong
    assert await orders(shop) == 1, "the one this test made"


async def _another_shops_code(shop: Shop) -> str:
    async with shop.session.post(f"{shop.town.control_url}/wechat/merchants", json={}) as response:
        opened = await open_merchant(shop.db, shop.town.sealer, await response.json(), "http://127.0.0.1:9/none")
    body = {"name": "Another", "subject": "Tea"}
    answer = await shop.ask("POST", "/v1/codes", token=opened.api_key, json=body)
    for path in (f"/v1/codes/{answer.body['id']}.svg", f"/v1/codes/{answer.body['id']}/disable"):
        method = "POST" if path.endswith("disable") else "GET"
        assert (await shop.ask(method, path)).status == 404, "another merchant's code does not exist for us"
    return str(answer.body["id"])


async def test_a_disabled_code_takes_no_more_money(shop: Shop) -> None:
    code = await make(shop)
    path: str = code["url"].removeprefix(shop.town.url)
    token = await token_of(shop, path)
    for _ in range(2):
        answer = await shop.ask("POST", f"/v1/codes/{code['id']}/disable")
        assert (answer.status, answer.body["status"]) == (200, "disabled"), "twice is harmless"
    assert (await get(shop, path)).status == 410
    assert (await post(shop, path, {"amount": "18", "form": token})).status == 410
    assert (await shop.ask("GET", "/v1/codes")).body[-1]["status"] == "disabled"
    assert await orders(shop) == 0


async def test_who_sends_too_many_forms_is_asked_to_wait(shop: Shop, code_page: str) -> None:
    token = await token_of(shop, code_page)
    statuses = [(await post(shop, code_page, {"amount": "x", "form": token})).status for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    other = (await make(shop))["url"].removeprefix(shop.town.url)
    answer = await post(shop, other, {"amount": "18", "form": await token_of(shop, other)})
    assert answer.status == 303, "another code is not held up by it"


async def test_codes_are_listed_with_the_addresses_they_open(shop: Shop) -> None:
    made = [await make(shop, name=name) for name in ("一店", "二店")]
    assert (await shop.ask("GET", "/v1/codes")).body == made
    assert (made[0]["least"], made[0]["most"]) == (1, 500_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 61},
        {"subject": "a\x00"},
        {"least": 0},
        {"least": 200, "most": 100},
        {"most": 10**10},
        {"name": " x"},
        {"least": "1"},
        {"colour": "red"},
        {"name": None},
    ],
)
async def test_a_code_that_cannot_be_is_refused(shop: Shop, wrong: dict[str, object]) -> None:
    answer = await shop.ask("POST", "/v1/codes", json={"name": "豆子", "subject": "咖啡"} | wrong)
    assert answer.status in (400, 422), answer
    assert (await shop.ask("GET", "/v1/codes")).body == []


async def test_a_buyer_makes_no_codes(shop: Shop) -> None:
    for method, path in (("GET", "/v1/codes"), ("POST", "/v1/codes"), ("GET", f"/v1/codes/{ids.new('cod')}.png")):
        assert (await shop.ask(method, path, token=shop.buyer_token, json={})).status == 403
        assert (await shop.ask(method, path, token=None, json={})).status == 401


async def test_codes_are_printed_with_the_shops_name(shop: Shop) -> None:
    code = await make(shop, name=NASTY)
    svg = await shop.ask("GET", f"/v1/codes/{code['id']}.svg?size=600")
    assert svg.headers["content-type"] == "image/svg+xml"
    root = ElementTree.fromstring(svg.body)
    assert root.attrib["width"] == "600"
    assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")] == [NASTY]
    png = await shop.ask("GET", f"/v1/codes/{code['id']}.png?size=600")
    assert (png.headers["content-type"], png.body[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    for path in (f"{code['id']}.gif", f"{code['id']}.png?size=9000", f"{code['id']}.png?size=x"):
        assert (await shop.ask("GET", f"/v1/codes/{path}")).status == 422


async def test_an_orders_code_has_name_and_sum(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    svg = await shop.ask("GET", f"/v1/orders/{order['id']}/code.svg")
    texts = [text.text for text in ElementTree.fromstring(svg.body).iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["A coffee shop", "¥18.00"]
    assert (await shop.ask("GET", f"/v1/orders/{order['id']}/code.png")).body[:4] == b"\x89PNG"
    assert (await shop.ask("GET", f"/v1/orders/{ids.new('ord')}/code.png")).status == 404


async def test_a_page_that_is_sent_nonsense_answers_with_a_page(shop: Shop, code_page: str) -> None:
    headers = {"content-type": "application/octet-stream", "sec-fetch-site": "same-origin"}
    bodies = (b"\xff\xfe\x00", b"&" * 10_000, b"a=" * 50, b"form=%ff%00&amount=%ed%a0%80")
    async with aiohttp.ClientSession() as browser:
        for body in bodies:
            async with browser.post(shop.town.url + code_page, data=body, headers=headers) as answer:
                assert (answer.status, answer.content_type) == (403, "text/html"), body
    assert await orders(shop) == 0
