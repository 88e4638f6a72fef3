"""What every channel must do of refunds. `ChannelConformance` inherits it, so every channel's suite does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from tests.channels.bench import HELD_BACK_SECONDS, SLOW_REFUNDS, Bench, refusal
from tests.channels.scripted_gateway import failure, rejection
from tongbao.channels import Channel, Charge, Destination, PaymentState, Redirection, RefundFact, RefundState
from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted

ENDS = [RefundState.SUCCEEDED, RefundState.CLOSED, RefundState.ABNORMAL]


async def refund_fact(bench: Bench, channel: Channel) -> RefundFact:
    """What the next notification says of a refund."""
    arrived = await bench.notice()
    fact = channel.parse_notify(arrived.headers, arrived.body).fact
    assert isinstance(fact, RefundFact)
    return fact


def differences(one: RefundFact, other: RefundFact) -> list[str]:
    """The fields of which both say something, and not the same."""
    said = {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in fields(RefundFact)}
    return [name for name, values in said.items() if None not in values and values[0] != values[1]]


class RefundConformance:
    """Wants the fixtures `bench` and `channel`."""

    @pytest_asyncio.fixture
    async def paid(self, bench: Bench) -> Charge:
        """A payment of 100 fen whose notification has been taken, at a gateway that is slow with refunds."""
        await bench.set_faults(refund=SLOW_REFUNDS)
        charge = await bench.paid(amount=100)
        await bench.notice()
        return charge

    # Refunding

    async def test_a_refund_is_on_its_way_until_the_gateway_says_that_it_succeeded(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        fact = await channel.refund(order)
        assert (fact.refund_id, fact.state, fact.refunded_at) == (order.refund_id, RefundState.PENDING, None)
        assert await bench.balance() == 100
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        done = await channel.query_refund(order.refund_id)
        assert done.state is RefundState.SUCCEEDED
        assert done.refunded_at is not None
        assert abs(done.refunded_at - bench.now()) < timedelta(seconds=30)
        assert await bench.balance() == 0

    async def test_an_answer_a_query_and_a_notice_tell_the_same_story(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, amount=30)
        asked, again = await channel.refund(order), await channel.query_refund(order.refund_id)
        assert asked == again
        assert (asked.attempt_id, asked.amount, asked.currency) == (paid.attempt_id, 30, "CNY")
        assert asked.gateway_refund_id
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        told, queried = await refund_fact(bench, channel), await channel.query_refund(order.refund_id)
        assert differences(told, queried) == []
        assert (told.merchant_number, told.amount, told.attempt_id) == (channel.merchant_number, 30, paid.attempt_id)
        assert differences(asked, queried) == ["state", "raw_state"]

    async def test_refunding_twice_with_one_number_is_one_refund(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, amount=60)
        first = await channel.refund(order)
        assert await channel.refund(replace(order)) == first
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        assert (await channel.refund(order)).state is RefundState.SUCCEEDED
        assert await bench.balance() == 40

    async def test_a_refund_asked_for_many_times_at_once_is_one_refund(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, amount=60)
        facts = await asyncio.gather(*(channel.refund(order) for _ in range(5)))
        assert len({fact.gateway_refund_id for fact in facts}) == 1
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        assert await bench.balance() == 40

    async def test_another_sum_under_one_number_is_refused_and_changes_nothing(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, amount=30)
        await channel.refund(order)
        error = await rejection(channel.refund(replace(order, amount=31)))
        assert not channel.is_no_for_now(error)
        assert not channel.is_unknown_refund(error)
        assert (await channel.query_refund(order.refund_id)).amount == 30

    async def test_parts_go_back_until_nothing_is_left_and_one_fen_more_is_refused(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        for amount in (50, 49):
            order = bench.refund_order(paid, amount=amount)
            await channel.refund(order)
            await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        beyond = bench.refund_order(paid, amount=2)
        assert not channel.is_no_for_now(await rejection(channel.refund(beyond)))
        assert channel.is_unknown_refund(await rejection(channel.query_refund(beyond.refund_id)))
        assert (await channel.refund(bench.refund_order(paid, amount=1))).state is RefundState.PENDING
        assert await bench.balance() == 1

    async def test_what_is_on_its_way_back_cannot_be_refunded_a_second_time(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await channel.refund(bench.refund_order(paid, amount=60))
        await rejection(channel.refund(bench.refund_order(paid, amount=60)))

    async def test_a_payment_that_was_refunded_is_still_paid(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        before = await channel.query(paid.attempt_id)
        order = bench.refund_order(paid)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        after = await channel.query(paid.attempt_id)
        assert after.state is PaymentState.SUCCEEDED
        assert replace(after, raw_state=before.raw_state) == before

    async def test_what_was_never_paid_cannot_be_refunded(self, bench: Bench, channel: Channel) -> None:
        unpaid = bench.charge()
        for prepare in (False, True):
            if prepare:
                await channel.prepare(unpaid)
            order = bench.refund_order(unpaid)
            assert not channel.is_no_for_now(await rejection(channel.refund(order)))
            assert channel.is_unknown_refund(await rejection(channel.query_refund(order.refund_id)))

    @pytest.mark.parametrize("reason", ["", "退", "🍵 & <tea> \"x\" \\ 'y' \n\t", "长" * 300])
    async def test_odd_reasons_arrive(self, bench: Bench, channel: Channel, paid: Charge, reason: str) -> None:
        assert (await channel.refund(bench.refund_order(paid, reason=reason))).amount == 100

    async def test_another_merchants_payment_and_refund_are_unknown(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        other = bench.channel(**bench.settings(await bench.another_merchant()))
        await rejection(other.refund(order))
        await channel.refund(order)
        assert other.is_unknown_refund(await rejection(other.query_refund(order.refund_id)))

    async def test_a_refund_in_a_currency_it_does_not_have_is_rejected_unsent(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, currency="XTS")
        await rejection(channel.refund(order))
        assert channel.is_unknown_refund(await rejection(channel.query_refund(order.refund_id)))

    # Ends

    async def test_an_unknown_refund_is_known_to_be_unknown(self, bench: Bench, channel: Channel) -> None:
        error = await rejection(channel.query_refund(bench.refund_order(bench.charge()).refund_id))
        assert channel.is_unknown_refund(error)
        assert not channel.is_no_for_now(error)

    @pytest.mark.parametrize("end", ENDS)
    async def test_each_end_is_told_by_query_and_notice_and_only_success_moves_money(
        self, bench: Bench, channel: Channel, paid: Charge, end: RefundState
    ) -> None:
        order = bench.refund_order(paid)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, end)
        told, queried = await refund_fact(bench, channel), await channel.query_refund(order.refund_id)
        assert (told.state, queried.state) == (end, end)
        assert (told.refunded_at is None) == (end is not RefundState.SUCCEEDED)
        assert differences(told, queried) == []
        assert await bench.balance() == (0 if end is RefundState.SUCCEEDED else 100)

    async def test_the_money_of_a_closed_refund_can_be_refunded_again(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        closed = bench.refund_order(paid)
        await channel.refund(closed)
        await bench.finish_refund(closed.refund_id, RefundState.CLOSED)
        again = bench.refund_order(paid)
        await channel.refund(again)
        await bench.finish_refund(again.refund_id, RefundState.SUCCEEDED)
        assert await bench.balance() == 0

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
            assert await channel.redirect_refund(card) == await channel.query_refund(order.refund_id)
        assert await bench.balance() == 30

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
        assert (await channel.query_refund(order.refund_id)).state is (end or RefundState.PENDING)

    async def test_half_a_card_is_rejected_unsent(self, bench: Bench, channel: Channel, paid: Charge) -> None:
        order = bench.refund_order(paid)
        asked = await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.ABNORMAL)
        card = bench.buyers_card(order.refund_id, asked.gateway_refund_id or "")
        await rejection(channel.redirect_refund(replace(card, card_number=None)))
        assert (await channel.query_refund(order.refund_id)).state is RefundState.ABNORMAL

    # Failures

    async def test_a_merchant_short_of_money_is_refused_for_now_and_the_same_refund_is_taken_on_later(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        await bench.run_short(True)
        error = await rejection(channel.refund(order))
        assert channel.is_no_for_now(error)
        assert not channel.is_unknown_refund(error)
        assert channel.advice(error.code) is not None
        await bench.run_short(False)
        assert (await channel.refund(order)).state is RefundState.PENDING

    async def test_a_refund_taken_on_without_an_answer_is_uncertain_and_found_by_asking(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        lost = {"accept_then_time_out": 1, "delay_seconds": HELD_BACK_SECONDS}
        await bench.set_faults(api=lost, refund=SLOW_REFUNDS)
        assert type(await failure(channel.refund(order))) is Uncertain
        await bench.set_faults(refund=SLOW_REFUNDS)
        assert (await channel.query_refund(order.refund_id)).state is RefundState.PENDING
        assert (await channel.refund(order)).state is RefundState.PENDING
        await rejection(channel.refund(bench.refund_order(paid)))

    async def test_a_refund_applied_late_is_uncertain_then_unknown_then_there(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        await bench.set_faults(api={"apply_late": 1, "delay_seconds": 0.5}, refund=SLOW_REFUNDS)
        assert type(await failure(channel.refund(order))) is Uncertain
        await bench.set_faults(refund=SLOW_REFUNDS)
        assert channel.is_unknown_refund(await rejection(channel.query_refund(order.refund_id)))
        await asyncio.sleep(0.7)
        assert (await channel.query_refund(order.refund_id)).state is RefundState.PENDING

    @pytest.mark.parametrize(("fault", "asked_about"), [("server_error", Uncertain), ("rate_limit", Unavailable)])
    async def test_trouble_at_the_gateway_leaves_open_what_became_of_a_refund(
        self, bench: Bench, channel: Channel, paid: Charge, fault: str, asked_about: type[ChannelError]
    ) -> None:
        order = bench.refund_order(paid)
        wish = Redirection(order.refund_id, "50000000000000000000000000001", Destination.MERCHANT_CARD)
        await bench.set_faults(api={fault: 1}, refund=SLOW_REFUNDS)
        kinds = [
            type(await failure(channel.refund(order))),
            type(await failure(channel.query_refund(order.refund_id))),
            type(await failure(channel.redirect_refund(wish))),
        ]
        assert kinds == [Uncertain, asked_about, Uncertain]
        await bench.set_faults(refund=SLOW_REFUNDS)
        assert (await channel.refund(order)).state is RefundState.PENDING

    # Notices

    async def test_every_change_to_a_refunds_notice_is_refused_and_found(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        notice = await bench.notice()
        assert refusal(channel, notice) is None
        for position in range(len(notice.body)):
            changed = bytearray(notice.body)
            changed[position] ^= 1
            assert isinstance(refusal(channel, replace(notice, body=bytes(changed))), Untrusted), position
            assert channel.diagnose(notice.headers, bytes(changed), bench.now()).wrong == "body", position

    async def test_a_refused_notice_of_a_refund_comes_again_and_a_lost_one_is_made_good_by_asking(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        bench.answer = channel.acknowledge(False, "not now")
        order = bench.refund_order(paid, amount=40)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        first = await refund_fact(bench, channel)
        bench.answer = channel.acknowledge(True)
        await bench.move_both_clocks(seconds=60)
        assert await refund_fact(bench, channel) == first
        await bench.set_faults(notify={"lose": 1}, refund=SLOW_REFUNDS)
        lost = bench.refund_order(paid, amount=60)
        await channel.refund(lost)
        await bench.finish_refund(lost.refund_id, RefundState.CLOSED)
        assert (await channel.query_refund(lost.refund_id)).state is RefundState.CLOSED

    async def test_what_is_wrong_with_a_notice_is_told_apart(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        notice = await bench.notice()
        other = bench.channel(**bench.settings(await bench.another_merchant()))
        found = [
            channel.diagnose(notice.headers, notice.body, bench.now()),
            channel.diagnose(notice.headers, notice.body, bench.now() + timedelta(hours=1)),
            channel.diagnose(notice.headers, notice.body + b"\n", bench.now()),
            other.diagnose(notice.headers, notice.body, bench.now()),
        ]
        assert [one.wrong for one in found] == ["nothing", "time", "body", "account"]
        assert all(words for one in found for words in (*one.finding, *one.cure))

    # Secrets

    async def test_no_secret_and_no_card_stands_in_a_log_or_an_error(
        self, bench: Bench, channel: Channel, paid: Charge, caplog: pytest.LogCaptureFixture
    ) -> None:
        order = bench.refund_order(paid)
        card: Any = bench.buyers_card(order.refund_id, "50000000000000000000000000001")
        secrets = [value for name, value in bench.credentials.items() if "private_key" in name or "apiv3" in name]
        caplog.set_level(0)
        with capture_logs() as logs:
            fact = await channel.refund(order)
            errors = [await failure(channel.redirect_refund(card))]
            await bench.set_faults(api={"server_error": 1}, refund=SLOW_REFUNDS)
            errors += [await failure(asked) for asked in (channel.refund(order), channel.redirect_refund(card))]
        said = "".join(map(repr, [logs, caplog.text, fact, card, *errors])) + "".join(map(str, errors))
        assert secrets
        assert not [secret for secret in (*secrets, card.card_number, card.card_holder) if secret in said]
