"""What every channel must do about how refunds end, about those that get stuck, and about trouble on the way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.channels.bench import HELD_BACK_SECONDS, RETRY_SECONDS, SLOW_REFUNDS, Arrived, Bench, refusal, spoiled
from tests.channels.claims import each_end, once, where
from tests.channels.scripted_gateway import Relay, failure, rejection
from tests.channels.suites.refunding import assert_under_way, assert_unknown, differences, refund_fact
from tongbao.channels import Channel, Charge, Destination, Redirection, RefundState
from tongbao.kit.errors import Rejected, Unavailable, Uncertain, Untrusted


async def told_of_success(bench: Bench, channel: Channel, paid: Charge) -> Arrived:
    """The notification of a refund that succeeded."""
    order = bench.refund_order(paid)
    await channel.refund(order)
    await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
    return await bench.notice()


class RefundsEnding:
    """Wants the fixtures `bench`, `channel`, `relay` and `overheard`, and `paid` of `Refunding`."""

    @once
    @each_end
    async def test_each_end_is_told_by_query_and_notice_and_only_success_moves_money(
        self, bench: Bench, channel: Channel, paid: Charge, end: RefundState
    ) -> None:
        order = bench.refund_order(paid)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, end)
        told, queried = await refund_fact(bench, channel), await channel.query_refund(order.refund_id, paid.attempt_id)
        assert (told.state, queried.state) == (end, end)
        assert (told.refunded_at is None) == (end is not RefundState.SUCCEEDED)
        assert differences(told, queried) == []
        assert await bench.balance() == (0 if end is RefundState.SUCCEEDED else 100)

    @once
    async def test_the_money_of_a_failed_refund_can_be_refunded_again(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        failed, again = bench.refund_order(paid), bench.refund_order(paid)
        await channel.refund(failed)
        await bench.finish_refund(failed.refund_id, RefundState.CLOSED)
        await channel.refund(again)
        await bench.finish_refund(again.refund_id, RefundState.SUCCEEDED)
        assert await bench.balance() == 0

    # Stuck refunds

    @once
    @where("redirects_refunds")
    @pytest.mark.parametrize("to", list(Destination))
    async def test_an_abnormal_refund_goes_to_another_card_once(
        self, bench: Bench, channel: Channel, paid: Charge, to: Destination
    ) -> None:
        order = bench.refund_order(paid, amount=70)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.ABNORMAL)
        stuck = await refund_fact(bench, channel)
        card = replace(bench.buyers_card(order.refund_id, stuck.gateway_refund_id or ""), to=to)
        fact = await channel.redirect_refund(card)
        assert fact.refund_id == order.refund_id
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        assert (await refund_fact(bench, channel)).state is RefundState.SUCCEEDED
        # Whether a gateway refuses to do it again or repeats its answer, it is done once.
        with suppress(Rejected):
            again = await channel.redirect_refund(card)
            assert again == await channel.query_refund(order.refund_id, paid.attempt_id)
        assert await bench.balance() == 30

    @once
    @where("redirects_refunds")
    @pytest.mark.parametrize("end", [None, RefundState.SUCCEEDED, RefundState.CLOSED])
    async def test_only_an_abnormal_refund_can_be_redirected(
        self, bench: Bench, channel: Channel, paid: Charge, end: RefundState | None
    ) -> None:
        order = bench.refund_order(paid)
        asked = await channel.refund(order)
        if end:
            await bench.finish_refund(order.refund_id, end)
        wish = Redirection(order.refund_id, asked.gateway_refund_id or "", Destination.MERCHANT_CARD)
        await rejection(channel.redirect_refund(wish))
        queried = await channel.query_refund(order.refund_id, paid.attempt_id)
        assert queried.state is (end or RefundState.PENDING)

    @once
    @where("redirects_refunds")
    async def test_half_a_card_is_rejected_unsent(
        self, bench: Bench, overheard: Channel, relay: Relay, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        card = bench.buyers_card(order.refund_id, "50000000000000000000000000001")
        error = await rejection(overheard.redirect_refund(replace(card, card_number=None)))
        assert (error.code, relay.asked) == ("unsupported", [])

    @once
    @where("not redirects_refunds")
    @pytest.mark.parametrize("to", list(Destination))
    async def test_a_channel_that_cannot_redirect_refunds_says_so_unsent(
        self, bench: Bench, overheard: Channel, relay: Relay, paid: Charge, to: Destination
    ) -> None:
        card = bench.buyers_card(bench.refund_order(paid).refund_id, "1")
        error = await rejection(overheard.redirect_refund(replace(card, to=to)))
        assert (error.code, relay.asked) == ("unsupported", [])

    # Failures

    @once
    async def test_a_merchant_short_of_money_is_refused_for_now_and_the_same_refund_is_taken_on_later(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order, code = bench.refund_order(paid), next(iter(bench.refund_refusals))
        await bench.treat(refund_refusal=code)
        error = await rejection(channel.refund(order))
        assert channel.is_no_for_now(error)
        assert not channel.is_unknown_refund(error)
        assert channel.advice(error.code) is not None
        await bench.treat(refund_refusal=None)
        assert (await channel.refund(order)).state is RefundState.PENDING

    @once
    async def test_refusals_of_a_refund_are_known_for_now_or_for_good(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        for code, is_for_now in bench.refund_refusals.items():
            await bench.treat(refund_refusal=code)
            error = await rejection(channel.refund(bench.refund_order(paid)))
            assert (error.code, channel.is_no_for_now(error)) == (code, is_for_now)

    @once
    async def test_a_refund_taken_on_without_an_answer_is_uncertain_and_never_sent_twice(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        lost = {"accept_then_time_out": 1, "delay_seconds": HELD_BACK_SECONDS}
        await bench.set_faults(api=lost, refund=SLOW_REFUNDS)
        assert type(await failure(channel.refund(order))) is Uncertain
        await bench.set_faults(refund=SLOW_REFUNDS)
        await assert_under_way(bench, channel, order)
        assert (await channel.refund(order)).state is RefundState.PENDING
        await rejection(channel.refund(bench.refund_order(paid)))

    @once
    async def test_a_refund_applied_late_is_uncertain_then_unknown_then_there(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        await bench.set_faults(api={"apply_late": 1, "delay_seconds": 0.5}, refund=SLOW_REFUNDS)
        assert type(await failure(channel.refund(order))) is Uncertain
        await bench.set_faults(refund=SLOW_REFUNDS)
        await assert_unknown(bench, channel, order)
        await asyncio.sleep(0.7)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        assert (await channel.query_refund(order.refund_id, paid.attempt_id)).state is RefundState.SUCCEEDED

    @once
    @pytest.mark.parametrize(
        ("fault", "kinds"), [("server_error", {Uncertain}), ("rate_limit", {Uncertain, Unavailable})]
    )
    async def test_trouble_at_the_gateway_leaves_open_what_became_of_a_refund(
        self, bench: Bench, channel: Channel, paid: Charge, fault: str, kinds: set[type]
    ) -> None:
        order = bench.refund_order(paid)
        await bench.set_faults(api={fault: 1}, refund=SLOW_REFUNDS)
        kinds_seen = {type(await failure(channel.refund(order))) for _ in range(6)}
        assert kinds_seen <= kinds
        await bench.set_faults(refund=SLOW_REFUNDS)
        assert (await channel.refund(order)).state is RefundState.PENDING

    # Notices

    @once
    async def test_every_change_to_a_refunds_notice_is_refused_and_found(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        notice = await told_of_success(bench, channel, paid)
        assert refusal(channel, notice) is None
        for place, body in spoiled(notice.body):
            found = channel.diagnose(notice.headers, body, bench.now()).wrong
            assert isinstance(refusal(channel, replace(notice, body=body)), Untrusted), place
            assert found != "nothing", place

    @once
    async def test_a_refused_notice_of_a_refund_comes_again_and_a_lost_one_is_made_good_by_asking(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        bench.answer = channel.acknowledge(False, "not now")
        order = bench.refund_order(paid, amount=40)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        first = await refund_fact(bench, channel)
        bench.answer = channel.acknowledge(True)
        await bench.move_both_clocks(RETRY_SECONDS)
        assert await refund_fact(bench, channel) == first
        await bench.set_faults(notify={"lose": 1}, refund=SLOW_REFUNDS)
        lost = bench.refund_order(paid, amount=60)
        await channel.refund(lost)
        await bench.finish_refund(lost.refund_id, RefundState.SUCCEEDED)
        queried = await channel.query_refund(lost.refund_id, paid.attempt_id)
        assert (queried.state, queried.amount) == (RefundState.SUCCEEDED, 60)

    @once
    async def test_what_is_wrong_with_a_notice_is_told_apart(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        notice, other = await told_of_success(bench, channel, paid), await bench.another_channel()
        late = bench.now() + channel.notice_window + timedelta(hours=1)
        found = [
            channel.diagnose(notice.headers, notice.body, bench.now()),
            channel.diagnose(notice.headers, notice.body, late),
            channel.diagnose(notice.headers, notice.body + b"\n", bench.now()),
            other.diagnose(notice.headers, notice.body, bench.now()),
        ]
        assert [one.wrong for one in found] == ["nothing", "time", "body", "account"]
        assert all(words for one in found for words in (*one.finding, *one.cure))
