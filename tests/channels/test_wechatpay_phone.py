"""What WeChat's own phone and counter do, beyond what every channel's suite asks: the sandbox's pretend buyer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.channels.bench import Bench, open_bench
from tests.channels.scripted_gateway import failure, rejection
from tests.channels.wechatpay_bench import WeChatBench
from tongbao.channels import Channel, Means, PaymentState
from tongbao.kit.errors import Uncertain

CODE = WeChatBench.methods["code"]


@pytest_asyncio.fixture
async def bench(sandbox: str) -> AsyncIterator[Bench]:
    async with open_bench(WeChatBench, sandbox) as bench:
        yield bench


@pytest.fixture
def channel(bench: Bench) -> Channel:
    return bench.channel()


@pytest.mark.parametrize("how", ["code", "accepted", "state"])
async def test_a_buyer_who_types_a_password_is_pending_in_each_way_it_may_be_said(
    bench: Bench, channel: Channel, how: str
) -> None:
    await bench.treat(userpaying=how)
    charge = bench.charge(CODE)
    fact = await channel.collect(charge, await bench.code("password"))
    assert (fact.state, fact.raw_state) == (PaymentState.PENDING, "USERPAYING")
    assert await bench.enter_password(charge) == 200
    assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED


async def test_a_reversal_while_the_buyer_types_is_uncertain_and_taken_once_they_gave_up(
    bench: Bench, channel: Channel
) -> None:
    charge = bench.charge(CODE)
    await channel.collect(charge, await bench.code("typing"))
    assert type(await failure(channel.reverse(charge.attempt_id, charge.app_id))) is Uncertain
    await bench.move_both_clocks(seconds=46)
    await channel.reverse(charge.attempt_id, charge.app_id)
    assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED


async def test_a_payment_by_code_cannot_be_reversed_after_seven_days_nor_closed_at_all(
    bench: Bench, channel: Channel
) -> None:
    charge = await bench.paid(CODE)
    error = await rejection(channel.close(charge.attempt_id))
    assert not channel.is_already_paid(error)
    await bench.move_both_clocks(seconds=7 * 24 * 3600 + 60)
    error = await rejection(channel.reverse(charge.attempt_id, charge.app_id))
    assert not channel.is_unknown_payment(error)
    assert await bench.balance() == charge.amount


async def test_a_payment_whose_answer_was_no_answer_is_found_by_asking(bench: Bench, channel: Channel) -> None:
    charge = bench.charge(CODE)
    assert type(await failure(channel.collect(charge, await bench.code("unsure")))) is Uncertain
    assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED


@pytest.mark.parametrize("reason", ["RULE_LIMIT", "TRADE_ERROR"])
async def test_a_refused_buyer_can_be_charged_no_more_once_it_is_reversed(
    bench: Bench, channel: Channel, reason: str
) -> None:
    charge = bench.charge(CODE)
    phone = await bench.ask("POST", "/wechat/buyer/code", {"behaviour": "fail", "reason": reason})
    assert (await rejection(channel.collect(charge, phone["auth_code"]))).code == reason
    await channel.reverse(charge.attempt_id, charge.app_id)
    assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED


@pytest.mark.parametrize(("how", "status"), [({"with": "album"}, 400), ({"with": "press"}, 400), ({}, 200)])
async def test_a_shown_code_is_paid_by_the_camera_alone(
    bench: Bench, channel: Channel, how: dict[str, str], status: int
) -> None:
    offer = await bench.offer(bench.charge(WeChatBench.methods["native"]))
    assert (await bench.tell("POST", "/wechat/buyer/scan", {**offer.params, **how}) == 200) is (status == 200)
    paid = (await channel.query(offer.charge.attempt_id)).state is PaymentState.SUCCEEDED
    assert paid is (status == 200)


async def test_a_shown_code_prepared_anew_takes_the_place_of_the_one_before(bench: Bench) -> None:
    charge = bench.charge(WeChatBench.methods["native"])
    first, second = await bench.offer(charge), await bench.offer(charge)
    assert await bench.tell("POST", "/wechat/buyer/scan", first.params) != 200
    assert await bench.tell("POST", "/wechat/buyer/scan", second.params) == 200


@pytest.mark.parametrize("changed", ["noncestr", "timestamp", "sign", "prepayid"])
async def test_an_apps_pay_call_is_taken_as_it_is_and_not_with_a_word_changed(bench: Bench, changed: str) -> None:
    offer = await bench.offer(bench.charge(WeChatBench.methods["app"]))
    tapped: dict[str, Any] = dict(offer.params)
    spoilt = tapped | {changed: tapped[changed][:-1] + ("0" if tapped[changed][-1] != "0" else "1")}
    assert await bench.tell("POST", "/wechat/buyer/pay", bench.tap(spoilt)) != 200
    assert await bench.tell("POST", "/wechat/buyer/pay", bench.tap(tapped)) == 200


async def test_a_browser_pays_on_their_page_and_comes_back(bench: Bench, channel: Channel) -> None:
    charge = bench.charge(
        WeChatBench.methods["h5"],
        return_url="https://shop.example/paid?order=7",
        without=frozenset({Means.CREDIT_CARD}),
    )
    address = (await bench.offer(charge)).params["h5_url"]
    from_the_shop = {"Referer": "https://shop.example/cart"}
    async with bench.transport.get(address, headers=from_the_shop) as page:
        assert (page.status, "¥1.00" in await page.text()) == (200, True)
    tap = {"url": address, "act": "pay"}
    url = address.partition("?")[0]
    async with bench.transport.post(url, data=tap, headers=from_the_shop, allow_redirects=False) as answer:
        assert answer.headers["Location"] == charge.return_url
    assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED
