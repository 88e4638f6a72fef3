from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.channels.bench import SLOW_REFUNDS, Bench, refusal
from tests.channels.claims import about, asked, once, scanned
from tests.channels.conformance import ChannelConformance
from tests.channels.scripted_gateway import failure, rejection
from tests.channels.suites.noticing import payment_told
from tests.channels.suites.refunding import refund_fact
from tests.channels.wechatpay_bench import WeChatBench
from tongbao.channels import Channel, Charge, Method, PaymentState, RefundState
from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted

CLOCK_TOLERANCE_SECONDS = 300


class TestWeChatPay(ChannelConformance):
    kind = WeChatBench

    @once
    async def test_notices_signed_with_the_certificate_are_proven_beside_the_public_key(
        self, bench: Bench, method: Method
    ) -> None:
        bench.credentials = await bench.another_merchant(signing="certificate")
        await bench.paid(method)
        notice = await bench.notice()
        assert notice.headers["wechatpay-serial"] == bench.credentials["platform_serial"]
        assert refusal(bench.channel(), notice) is None
        without = refusal(bench.channel(platform_certificates=[]), notice)
        assert isinstance(without, Untrusted)
        assert without.code == "serial_unknown"

    @once
    async def test_a_merchant_without_any_key_yet_learns_the_certificate_and_goes_on_with_it(
        self, bench: WeChatBench, method: Method
    ) -> None:
        bench.credentials = await bench.another_merchant(signing="certificate")
        (key,) = await bench.channel(**bench.settings_with_fetched([])).fetch_platform_keys()
        assert key.serial == bench.credentials["platform_serial"]
        assert key.usable_from < bench.now() < key.usable_until
        learned = bench.channel(**bench.settings_with_fetched([key]))
        assert await bench.pay(await bench.offer(bench.charge(method), learned)) == 200
        assert refusal(learned, await bench.notice()) is None

    async def test_a_public_key_merchant_has_no_certificates_to_fetch(self, bench: Bench) -> None:
        bench.credentials = await bench.another_merchant(has_certificate=False)
        assert await bench.channel().fetch_platform_keys() == ()

    @pytest.mark.parametrize(("fault", "kind"), [("server_error", Uncertain), ("rate_limit", Unavailable)])
    async def test_trouble_while_fetching_certificates_is_never_a_no(
        self, bench: Bench, channel: Channel, fault: str, kind: type[ChannelError]
    ) -> None:
        await bench.set_faults(api={fault: 1})
        assert type(await failure(channel.fetch_platform_keys())) is kind

    @about(scanned)
    async def test_what_moves_money_is_uncertain_when_asked_for_too_often(
        self, bench: Bench, channel: Channel, paid: Charge, method: Method
    ) -> None:
        order, codes = bench.refund_order(paid), [await bench.code("pay") for _ in range(8)]
        await bench.set_faults(api={"rate_limit": 1})
        kinds = {type(await failure(channel.collect(bench.charge(method), code))) for code in codes}
        kinds |= {type(await failure(channel.refund(order))) for _ in codes}
        kinds |= {type(await failure(channel.reverse(paid.attempt_id, paid.app_id)))}
        assert kinds == {Uncertain}

    @about(asked)
    async def test_another_address_for_notices_under_one_number_is_refused(
        self, channel: Channel, charge: Charge
    ) -> None:
        await channel.prepare(charge)
        await rejection(channel.prepare(replace(charge, notify_url="http://127.0.0.1:9/other")))

    @about(asked)
    @pytest.mark.parametrize("skew_seconds", [-CLOCK_TOLERANCE_SECONDS - 60, CLOCK_TOLERANCE_SECONDS + 60])
    async def test_with_clocks_too_far_apart_nothing_happens(
        self, bench: Bench, channel: Channel, charge: Charge, skew_seconds: float
    ) -> None:
        error = await failure(bench.channel(skew_seconds).prepare(charge))
        assert isinstance(error, (Rejected, Untrusted))
        assert channel.is_unknown_payment(await rejection(channel.query(charge.attempt_id)))

    @once
    async def test_a_notice_from_the_future_is_stale_too(self, bench: Bench, method: Method) -> None:
        await bench.paid(method)
        error = refusal(bench.channel(-CLOCK_TOLERANCE_SECONDS - 10), await bench.notice())
        assert isinstance(error, Untrusted)
        assert error.code == "timestamp_stale"

    @once
    async def test_a_probe_is_told_apart_and_the_true_notice_follows(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        await bench.set_faults(notify={"probe": 1})
        charge = await bench.paid(method)
        error = refusal(channel, await bench.notice())
        assert isinstance(error, Untrusted)
        assert error.code == "signature_probe"
        assert payment_told(channel, await bench.notice()).attempt_id == charge.attempt_id

    @once
    async def test_a_state_of_a_refund_that_nobody_knows_is_pending(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await channel.refund(order := bench.refund_order(paid))
        await bench.craft({"out_refund_no": order.refund_id}, {"refund_status": "DANCING"})
        fact = await refund_fact(bench, channel)
        assert (fact.refund_id, fact.state, fact.raw_state) == (order.refund_id, RefundState.PENDING, "DANCING")

    @once
    async def test_a_payment_that_went_back_whole_is_still_one_that_succeeded(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method)
        before = await channel.query(charge.attempt_id)
        await channel.refund(bench.refund_order(charge))
        after = await channel.query(charge.attempt_id)
        assert (after.raw_state, replace(after, raw_state=before.raw_state)) == ("REFUND", before)

    @about(scanned)
    async def test_no_notice_follows_a_scanned_code(self, bench: Bench, method: Method) -> None:
        await bench.paid(method)
        await asyncio.sleep(0.3)
        assert bench.arrived.empty()

    @about(scanned)
    @pytest.mark.parametrize("way", ["code", "accepted", "state"])
    async def test_a_buyer_who_types_is_pending_however_the_gateway_says_so(
        self, bench: Bench, channel: Channel, charge: Charge, way: str
    ) -> None:
        await bench.treat(userpaying=way)
        fact = await channel.collect(charge, await bench.code("typing"))
        assert (fact.attempt_id, fact.state) == (charge.attempt_id, PaymentState.PENDING)
        assert type(await failure(channel.reverse(charge.attempt_id, charge.app_id))) is Uncertain
        await bench.move_both_clocks(seconds=46)
        await channel.reverse(charge.attempt_id, charge.app_id)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED

    @about(scanned)
    async def test_a_code_that_was_paid_under_a_system_error_is_uncertain_and_found_by_asking(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        assert type(await failure(channel.collect(charge, await bench.code("unsure")))) is Uncertain
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED

    @once
    async def test_the_fifty_first_refund_of_a_payment_is_refused_for_good(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        for _ in range(channel.most_refunds):
            await channel.refund(bench.refund_order(paid, amount=1))
        error = await rejection(channel.refund(bench.refund_order(paid, amount=1)))
        assert not channel.is_no_for_now(error)

    @once
    async def test_a_payment_older_than_a_year_is_refused_for_good(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await bench.move_both_clocks(seconds=366 * 24 * 3600)
        error = await rejection(channel.refund(bench.refund_order(paid)))
        assert not channel.is_no_for_now(error)

    @once
    async def test_refunds_too_close_together_are_no_certain_no_and_are_taken_on_a_minute_later(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await bench.treat(refund_spacing_seconds=60)
        await channel.refund(bench.refund_order(paid, amount=30))
        hasty = bench.refund_order(paid, amount=30)
        assert type(await failure(channel.refund(hasty))) is Uncertain
        await bench.move_both_clocks(seconds=61)
        assert (await channel.refund(hasty)).state is RefundState.PENDING

    @once
    async def test_a_merchant_with_certificates_only_sends_a_buyers_card_under_the_newest(
        self, bench: WeChatBench, method: Method
    ) -> None:
        bench.credentials = await bench.another_merchant(signing="certificate")
        await bench.set_faults(refund=SLOW_REFUNDS)
        keys = await bench.channel(**bench.settings_with_fetched([])).fetch_platform_keys()
        channel = bench.channel(**bench.settings_with_fetched(keys))
        charge = bench.charge(method)
        assert await bench.pay(await bench.offer(charge, channel)) == 200
        order = bench.refund_order(charge)
        fact = await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.ABNORMAL)
        card = bench.buyers_card(order.refund_id, fact.gateway_refund_id or "")
        assert (await channel.redirect_refund(card)).state is RefundState.PENDING

    @once
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

    @once
    @pytest.mark.parametrize(
        ("change", "wrong"),
        [
            ({"apiv3_key": "x" * 32}, "key"),
            ({"platform_public_key_id": "PUB_KEY_ID_1"}, "serial"),
            ({"mchid": "1900000001"}, "account"),
        ],
    )
    async def test_a_wrong_setting_of_the_account_is_named(
        self, bench: Bench, method: Method, change: dict[str, Any], wrong: str
    ) -> None:
        await bench.paid(method)
        notice = await bench.notice()
        assert bench.channel(**change).diagnose(notice.headers, notice.body, bench.now()).wrong == wrong

    @once
    async def test_a_forged_notice_is_no_mistake_of_ours(self, bench: Bench, channel: Channel, method: Method) -> None:
        await bench.set_faults(notify={"forge": 1})
        await bench.paid(method)
        notices = [await bench.notice() for _ in range(2)]
        found = [channel.diagnose(notice.headers, notice.body, bench.now()).wrong for notice in notices]
        taken = [refusal(channel, notice) is None for notice in notices]
        assert sorted(taken) == [False, True]
        assert [wrong == "nothing" for wrong in found] == taken
