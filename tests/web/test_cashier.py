"""The page of an order, without a browser: what it shows, what it offers where, and what it refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.town import JSAPI, Answer, Shop, shop, shop_of_two, town
from tests.web.cashier_visits import ALIPAY, DESKTOP, PHONE, WECHAT, get, offered, pay_link, post, text_of
from tongbao import merchants
from tongbao.kit import ids, links
from tongbao.kit.links import Link

__all__ = ["shop", "shop_of_two", "shop_on_the_web", "town"]

NASTY = "<script>alert(1)</script> & \"'"


@pytest.fixture
async def shop_on_the_web(shop_of_two: Shop) -> AsyncIterator[Shop]:
    """A shop that has pages inside WeChat too."""
    shop, credentials = shop_of_two, shop_of_two.credentials
    base = credentials["miniprogram_base_url"]
    settings = {"base_url": base, "open_base_url": base}
    app = (shop.merchant_id, "wechat_web", credentials["web_appid"], credentials["web_app_secret"], settings)
    await shop.db.run(lambda tx: merchants.add_app(tx, shop.town.sealer, *app))
    yield shop


async def test_the_page_shows_shop_subject_items_and_sum(shop: Shop) -> None:
    order = await shop.order(items=[{"name": "拿铁", "quantity": 2, "unit_price": 900}])
    answer = await get(shop, pay_link(shop, order["id"]))
    assert answer.status == 200
    for shown in ("A coffee shop", "拿铁", "× 2", "¥18.00", order["reference"]):
        assert shown in text_of(answer)


async def test_names_and_subjects_are_text_and_nothing_else(shop: Shop) -> None:
    order = await shop.order(subject=NASTY, items=[{"name": NASTY}])
    html = (await get(shop, pay_link(shop, order["id"]))).body.decode()
    assert "<script>alert" not in html
    assert unescape(html).count(NASTY) == 2


async def test_the_page_asks_no_other_host_and_runs_only_our_scripts(shop: Shop) -> None:
    order = await shop.order()
    answer = await get(shop, pay_link(shop, order["id"]))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    addresses = re.findall(r'(?:href|src)="([^"]+)"', answer.body.decode())
    assert addresses
    for address in addresses:
        assert address.startswith("/cashier-static/")
        assert (await get(shop, address)).status == 200, address


async def test_the_page_speaks_the_buyers_language(shop: Shop) -> None:
    link = pay_link(shop, (await shop.order())["id"])
    chinese = await get(shop, link, {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})
    english = await get(shop, link, {"accept-language": "en-GB,en"})
    assert ("剩余时间" in text_of(chinese), "Time left" in text_of(english)) == (True, True)
    assert chinese.headers["content-language"] == "zh-CN"


async def test_a_link_that_was_changed_leads_nowhere(shop: Shop) -> None:
    first, second = await shop.order(), await shop.order()
    link = pay_link(shop, first["id"])
    token = link.rpartition(".")[2]
    foreign = Link(ids.new("mch"), first["id"])
    for wrong in (
        link[:-1] + ("a" if link[-1] != "a" else "b"),
        f"/pay/{second['id']}.{token}",
        f"/pay/{first['id']}",
        f"/pay/{'x' * 31}.{token}",
        f"/pay/{links.write(shop.town.sealer, 'code', Link(shop.merchant_id, first['id']))}",
        f"/pay/{links.write(shop.town.sealer, 'pay', foreign)}",
    ):
        for answer in (await get(shop, wrong), await post(shop, wrong, {"way": "wechatpay.h5"})):
            assert answer.status == 404, wrong
            assert "18.00" not in text_of(answer)
        assert (await get(shop, f"{wrong}/wait")).status == 404


async def test_nothing_is_taken_from_the_query(shop: Shop) -> None:
    order = await shop.order()
    answer = await get(shop, pay_link(shop, order["id"]) + "?amount=1&subject=free&way=alipay.wap&status=paid")
    assert "18.00" in text_of(answer)
    assert "free" not in text_of(answer)
    assert (await shop.read(order["id"]))["payments"] == []


@pytest.mark.parametrize(
    ("agent", "ways"),
    [
        (PHONE, ["wechatpay.h5", "alipay.wap"]),
        (DESKTOP, ["wechatpay.native", "alipay.precreate", "alipay.page"]),
        (ALIPAY, ["alipay.wap"]),
        (WECHAT, []),
    ],
)
async def test_each_browser_is_offered_what_works_in_it(shop_of_two: Shop, agent: str, ways: list[str]) -> None:
    order = await shop_of_two.order()
    answer = await get(shop_of_two, pay_link(shop_of_two, order["id"]), agent=agent)
    assert offered(answer) == ways


async def test_a_shop_without_an_account_does_not_offer_it(shop: Shop) -> None:
    order = await shop.order()
    assert offered(await get(shop, pay_link(shop, order["id"]))) == ["wechatpay.h5"]
    in_alipay = await get(shop, pay_link(shop, order["id"]), agent=ALIPAY)
    assert offered(in_alipay) == []
    assert "Copy the link" in text_of(in_alipay)


async def test_inside_wechat_a_shop_without_pages_there_offers_to_copy_the_link(shop_of_two: Shop) -> None:
    link = pay_link(shop_of_two, (await shop_of_two.order())["id"])
    answer = await get(shop_of_two, link, agent=WECHAT)
    assert "WeChat Pay or Alipay cannot be opened inside this app" in text_of(answer)
    assert f'value="{shop_of_two.town.url}{link}"' in answer.body.decode()


async def test_two_taps_on_a_phone_make_one_payment_and_lead_to_the_gateway(shop: Shop) -> None:
    await shop.control("PUT", "/wechat/merchants", {"mchid": shop.credentials["mchid"], "h5_local_ip": True})
    order = await shop.order()
    link = pay_link(shop, order["id"])
    answers = await asyncio.gather(*(post(shop, link, {"way": "wechatpay.h5"}) for _ in range(3)))
    assert [answer.status for answer in answers] == [200, 200, 200]
    as_data = await post(shop, link, {"way": "wechatpay.h5"}, {"accept": "application/json"})
    assert "http-equiv" in as_data.body.decode(), "what is no code to scan has no picture"
    (attempt,) = (await shop.read(order["id"]))["payments"]
    assert (attempt["method"], attempt["host"], attempt["state"]) == ("h5", "browser", "pending")
    assert attempt["options"]["return_url"] == shop.town.url + link, "the buyer comes back to our page"
    html = unescape(answers[0].body.decode())
    assert re.search(r'http-equiv="refresh" content="0;url=http://127\.0\.0\.1:\d+/\S+redirect_url=', html)


async def test_on_a_desktop_the_code_is_given_as_a_picture_or_on_the_page(shop: Shop) -> None:
    order = await shop.order()
    link, form = pay_link(shop, order["id"]), {"way": "wechatpay.native"}
    alone = await post(shop, link, form, {"accept": "application/json"}, agent=DESKTOP)
    assert alone.body["picture"].startswith("data:image/svg+xml;base64,")
    on_page = await post(shop, link, form, agent=DESKTOP)
    assert alone.body["picture"] in on_page.body.decode()
    assert len((await shop.read(order["id"]))["payments"]) == 1


async def test_a_way_that_is_not_offered_there_is_refused(shop_of_two: Shop) -> None:
    order = await shop_of_two.order()
    link = pay_link(shop_of_two, order["id"])
    for form in ({}, {"way": ""}, {"way": "wechatpay.jsapi"}, {"way": "alipay.create"}, {"way": "wechatpay.native"}):
        assert (await post(shop_of_two, link, form)).status == 422, form
    assert (await shop_of_two.read(order["id"]))["payments"] == []


async def test_a_form_of_another_site_is_refused(shop: Shop) -> None:
    order = await shop.order()
    answer = await post(shop, pay_link(shop, order["id"]), {"way": "wechatpay.h5"}, {"sec-fetch-site": "cross-site"})
    assert answer.status == 403
    assert (await shop.read(order["id"]))["payments"] == []


async def test_a_gateway_that_does_not_answer_is_said_and_nothing_is_lost(shop: Shop) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"api": {"server_error": 1}}})
    order = await shop.order()
    link, form = pay_link(shop, order["id"]), {"way": "wechatpay.native"}
    answer = await post(shop, link, form, agent=DESKTOP)
    assert answer.status == 503
    assert "does not answer" in text_of(answer)
    await shop.control("PUT", "/faults", {})
    assert (await post(shop, link, form, agent=DESKTOP)).status == 200
    assert len((await shop.read(order["id"]))["payments"]) == 1


async def test_inside_wechat_the_buyer_is_logged_in_silently_and_pays(shop_on_the_web: Shop) -> None:
    shop = shop_on_the_web
    order = await shop.order()
    link = pay_link(shop, order["id"])
    away = await get(shop, link, agent=WECHAT)
    assert away.status == 302
    question = parse_qs(urlsplit(away.headers["location"]).query)
    assert question["redirect_uri"] == [f"{shop.town.url}{link}/back"]
    assert question["state"][0].isalnum(), "WeChat takes letters and digits alone"
    page, cookie = await _logged_in(shop, away)
    assert offered(page) == ["wechatpay.jsapi"]
    answer = await post(shop, link, {"way": "wechatpay.jsapi"}, {"cookie": cookie}, agent=WECHAT)
    assert '"appId": "' + shop.credentials["web_appid"] in answer.body.decode()
    attempt = (await shop.read(order["id"]))["payments"][0]
    assert (attempt["method"], attempt["host"]) == ("jsapi", "wechat_web")
    again = await get(shop, link, {"cookie": cookie}, agent=WECHAT)
    assert again.status == 200, "who has been there is not sent away again"
    waiting = asyncio.create_task(get(shop, f"{link}/wait?seen=open"))
    await shop.buyer_pays({"attempt": attempt})
    assert (await waiting).body["stage"] == "paid"


async def _logged_in(shop: Shop, away: Answer) -> tuple[Answer, str]:
    """Through the host and back: the page, and the cookie that the browser keeps."""
    async with shop.session.get(away.headers["location"], allow_redirects=False) as response:
        back = response.headers["location"]
    page = await get(shop, back.removeprefix(shop.town.url), agent=WECHAT)
    assert page.status == 200
    kept = page.headers["set-cookie"]
    for guard in ("HttpOnly", "SameSite=lax", "Path=/pay"):
        assert guard in kept
    return page, kept.partition(";")[0]


async def test_a_log_in_that_did_not_set_out_from_here_is_none(shop_on_the_web: Shop) -> None:
    shop = shop_on_the_web
    links_of_two = [pay_link(shop, (await shop.order())["id"]) for _ in range(2)]
    away = await get(shop, links_of_two[0], agent=WECHAT)
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    for path in (f"{links_of_two[0]}/back?code=x&state=", f"{links_of_two[1]}/back?code=x&state={state}"):
        answer = await get(shop, path, agent=WECHAT)
        assert (answer.status, "set-cookie" in answer.headers) == (401, False)


async def test_without_a_log_in_nobody_pays_inside_wechat(shop_on_the_web: Shop) -> None:
    order = await shop_on_the_web.order()
    link = pay_link(shop_on_the_web, order["id"])
    for cookie in ("", "tongbao_buyer=bs_x", f"tongbao_buyer={shop_on_the_web.buyer_token}"):
        answer = await post(shop_on_the_web, link, {"way": "wechatpay.jsapi"}, {"cookie": cookie}, agent=WECHAT)
        assert answer.status == 401
    assert (await shop_on_the_web.read(order["id"]))["payments"] == []


async def test_a_wait_without_news_ends_when_the_stage_is_another_than_seen(shop: Shop) -> None:
    order = await shop.order()
    answer = await get(shop, f"{pay_link(shop, order['id'])}/wait?seen=paid")
    assert answer.body["stage"] == "open"
    assert 1700 < answer.body["left_seconds"] <= 1800


async def test_once_paid_the_page_says_so_and_leads_back_to_the_shop(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI, return_url="https://shop.example.com/done?a=1&b=2")
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    link = pay_link(shop, order["id"])
    answer = await get(shop, link)
    assert 'content="3;url=https://shop.example.com/done?a=1&amp;b=2"' in answer.body.decode()
    assert offered(answer) == []
    assert text_of(await post(shop, link, {"way": "wechatpay.h5"})) == text_of(answer), "nothing is started any more"


async def test_a_closed_order_is_said_to_be_closed(shop: Shop) -> None:
    order = await shop.order()
    await shop.ask("POST", f"/v1/orders/{order['id']}/close", json={})
    answer = await get(shop, pay_link(shop, order["id"]))
    assert "The order is closed" in text_of(answer)
    assert offered(answer) == []


async def test_who_was_sent_the_link_can_pay_for_the_buyer(shop_on_the_web: Shop) -> None:
    shop = shop_on_the_web
    order: dict[str, Any] = await shop.order(buyer=shop.buyer_id)
    link = pay_link(shop, order["id"])
    _, cookie = await _logged_in(shop, await get(shop, link, agent=WECHAT))
    answer = await post(shop, link, {"way": "wechatpay.jsapi"}, {"cookie": cookie}, agent=WECHAT)
    assert answer.status == 200
    assert (await shop.read(order["id"]))["buyer_id"] == shop.buyer_id
