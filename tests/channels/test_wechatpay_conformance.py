from __future__ import annotations

import json
from typing import Any

import pytest

from tests.channels.bench import SLOW_REFUNDS, Bench, WeChatBench, refusal
from tests.channels.conformance import ChannelConformance
from tests.channels.scripted_gateway import failure, rejection
from tongbao.channels import Channel, Charge, RefundState
from tongbao.kit.errors import Uncertain, Untrusted


class TestWeChatPay(ChannelConformance):
    kind = WeChatBench

    async def test_notices_signed_with_the_certificate_are_proven_beside_the_public_key(self, bench: Bench) -> None:
        bench.credentials = await bench.another_merchant(signing="certificate")
        await bench.paid()
        notice = await bench.notice()
        assert notice.headers["wechatpay-serial"] == bench.credentials["platform_serial"]
        assert refusal(bench.channel(), notice) is None
        without = refusal(bench.channel(platform_certificates=[]), notice)
        assert isinstance(without, Untrusted)
        assert without.code == "serial_unknown"

    async def test_a_merchant_without_any_key_yet_learns_the_certificate_and_goes_on_with_it(
        self, bench: Bench
    ) -> None:
        bench.credentials = await bench.another_merchant(signing="certificate")
        keys = await bench.channel(**bench.settings_with_fetched([])).fetch_platform_keys()
        assert [key.serial for key in keys] == [bench.credentials["platform_serial"]]
        learned = bench.settings_with_fetched(keys)
        charge = bench.charge()
        await bench.channel(**learned).prepare(charge)
        assert await bench.pay(charge.attempt_id) == 200
        assert refusal(bench.channel(**learned), await bench.notice()) is None

    async def test_a_public_key_merchant_has_no_certificates_to_fetch(self, bench: Bench) -> None:
        bench.credentials = await bench.another_merchant(has_certificate=False)
        assert await bench.channel().fetch_platform_keys() == ()

    @pytest.mark.parametrize(
        ("code", "is_for_now"), [("NOT_ENOUGH", True), ("NO_AUTH", True), ("USER_ACCOUNT_ABNORMAL", False)]
    )
    async def test_refusals_of_a_refund_are_known_for_now_or_for_good(
        self, bench: Bench, channel: Channel, paid: Charge, code: str, is_for_now: bool
    ) -> None:
        wish = {"mchid": bench.credentials["mchid"], "refund_refusal": code}
        assert await bench.tell("PUT", "/wechat/merchants", wish) == 200
        error = await rejection(channel.refund(bench.refund_order(paid)))
        assert (error.code, channel.is_no_for_now(error)) == (code, is_for_now)

    async def test_the_fifty_first_refund_of_a_payment_is_refused_for_good(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        for _ in range(channel.most_refunds):
            await channel.refund(bench.refund_order(paid, amount=1))
        error = await rejection(channel.refund(bench.refund_order(paid, amount=1)))
        assert not channel.is_no_for_now(error)

    async def test_a_payment_older_than_a_year_is_refused_for_good(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await bench.move_both_clocks(seconds=366 * 24 * 3600)
        error = await rejection(channel.refund(bench.refund_order(paid)))
        assert not channel.is_no_for_now(error)

    async def test_refunds_too_close_together_are_no_certain_no_and_are_taken_on_a_minute_later(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        wish = {"mchid": bench.credentials["mchid"], "refund_spacing_seconds": 60}
        assert await bench.tell("PUT", "/wechat/merchants", wish) == 200
        await channel.refund(bench.refund_order(paid, amount=30))
        hasty = bench.refund_order(paid, amount=30)
        assert type(await failure(channel.refund(hasty))) is Uncertain
        await bench.move_both_clocks(seconds=61)
        assert (await channel.refund(hasty)).state is RefundState.PENDING

    async def test_a_merchant_with_certificates_only_sends_a_buyers_card_under_the_newest(self, bench: Bench) -> None:
        bench.credentials = await bench.another_merchant(signing="certificate")
        await bench.set_faults(refund=SLOW_REFUNDS)
        keys = await bench.channel(**bench.settings_with_fetched([])).fetch_platform_keys()
        channel = bench.channel(**bench.settings_with_fetched(keys))
        charge = bench.charge()
        await channel.prepare(charge)
        assert await bench.pay(charge.attempt_id) == 200
        order = bench.refund_order(charge)
        fact = await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.ABNORMAL)
        card = bench.buyers_card(order.refund_id, fact.gateway_refund_id or "")
        assert (await channel.redirect_refund(card)).state is RefundState.PENDING

    async def test_a_body_that_a_proxy_wrote_anew_is_recognised(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await channel.refund(order := bench.refund_order(paid))
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        notice = await bench.notice()
        fields = json.loads(notice.body)
        for body in (json.dumps(fields), json.dumps(fields, indent=2, ensure_ascii=False)):
            diagnosis = channel.diagnose(notice.headers, body.encode(), bench.now())
            assert diagnosis.wrong == "body"
            assert "JSON" in diagnosis.finding.en

    @pytest.mark.parametrize(
        ("change", "wrong"),
        [
            ({"apiv3_key": "x" * 32}, "key"),
            ({"platform_public_key_id": "PUB_KEY_ID_1"}, "serial"),
            ({"mchid": "1900000001"}, "account"),
        ],
    )
    async def test_a_wrong_setting_of_the_account_is_named(
        self, bench: Bench, paid: Charge, change: dict[str, Any], wrong: str
    ) -> None:
        await bench.paid()
        notice = await bench.notice()
        assert bench.channel(**change).diagnose(notice.headers, notice.body, bench.now()).wrong == wrong

    async def test_a_forged_notice_is_no_mistake_of_ours(self, bench: Bench, channel: Channel) -> None:
        await bench.set_faults(notify={"forge": 1})
        await bench.paid()
        notices = [await bench.notice() for _ in range(2)]
        found = [channel.diagnose(notice.headers, notice.body, bench.now()).wrong for notice in notices]
        taken = [refusal(channel, notice) is None for notice in notices]
        assert sorted(taken) == [False, True]
        assert [wrong == "nothing" for wrong in found] == taken
