"""What every channel must do when money is to go back."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.channels.bench import SLOW_REFUNDS, Bench
from tests.channels.claims import once
from tests.channels.scripted_gateway import Relay, failure, rejection
from tongbao.channels import (
    Channel,
    Charge,
    Method,
    PaymentFact,
    PaymentState,
    RefundFact,
    RefundOrder,
    RefundState,
)
from tongbao.kit.errors import Rejected, Uncertain


async def refund_fact(bench: Bench, channel: Channel) -> RefundFact:
    """What the next notification says of a refund."""
    arrived = await bench.notice()
    fact = channel.parse_notify(arrived.headers, arrived.body).fact
    assert isinstance(fact, RefundFact)
    return fact


def differences(one: RefundFact | PaymentFact, other: RefundFact | PaymentFact) -> list[str]:
    """The fields of which both say something, and not the same. The gateway's own words may differ by the way."""
    said = {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in fields(one)}
    said.pop("raw_state")
    return [name for name, values in said.items() if None not in values and values[0] != values[1]]


async def assert_unknown(bench: Bench, channel: Channel, order: RefundOrder) -> None:
    """The gateway knows no such refund. Where it cannot tell that from a refund under way it may be left open."""
    error = await failure(channel.query_refund(order.refund_id, order.attempt_id))
    if isinstance(error, Rejected) or bench.speaks_of_refunds_under_way:
        assert isinstance(error, Rejected)
        assert channel.is_unknown_refund(error)
    else:
        assert type(error) is Uncertain


async def assert_under_way(bench: Bench, channel: Channel, order: RefundOrder) -> None:
    """A query says that the refund is on its way; or, where none can say so, at least not how it ended."""
    if bench.speaks_of_refunds_under_way:
        fact = await channel.query_refund(order.refund_id, order.attempt_id)
        assert (fact.refund_id, fact.state) == (order.refund_id, RefundState.PENDING)
    else:
        await assert_unknown(bench, channel, order)


class Refunding:
    """Wants the fixtures `bench`, `channel`, `method`, `relay` and `overheard`."""

    @pytest_asyncio.fixture
    async def paid(self, bench: Bench, method: Method) -> Charge:
        """A payment of 100 fen whose notification has been taken, at a gateway that is slow with refunds."""
        await bench.set_faults(refund=SLOW_REFUNDS)
        charge = await bench.paid(method, amount=100)
        if method.name not in bench.untold:
            await bench.notice()
        return charge

    async def test_a_refund_is_on_its_way_until_the_gateway_says_that_it_succeeded(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid)
        fact = await channel.refund(order)
        assert (fact.refund_id, fact.state, fact.refunded_at) == (order.refund_id, RefundState.PENDING, None)
        await assert_under_way(bench, channel, order)
        assert await bench.balance() == 100
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        done = await channel.query_refund(order.refund_id, order.attempt_id)
        assert done.state is RefundState.SUCCEEDED
        assert done.refunded_at is not None
        assert abs(done.refunded_at - bench.now()) < timedelta(seconds=30)
        assert await bench.balance() == 0

    async def test_an_answer_a_query_and_a_notice_tell_the_same_story(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, amount=30)
        asked = await channel.refund(order)
        assert (asked.refund_id, asked.attempt_id) == (order.refund_id, paid.attempt_id)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        told = await refund_fact(bench, channel)
        queried, again = await channel.query_refund(order.refund_id, paid.attempt_id), await channel.refund(order)
        assert (told.refund_id, told.attempt_id, told.state) == (order.refund_id, paid.attempt_id, queried.state)
        assert (told.merchant_number, queried.amount) == (channel.merchant_number, 30)
        assert [differences(told, queried), differences(again, queried)] == [[], []]
        assert set(differences(asked, queried)) <= {"state"}

    async def test_refunding_twice_with_one_number_is_one_refund(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, amount=60)
        first = await channel.refund(order)
        assert await channel.refund(replace(order)) == first
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        assert (await channel.refund(order)).state is RefundState.SUCCEEDED
        assert await bench.balance() == 40

    async def test_parts_go_back_until_nothing_is_left_and_one_fen_more_is_refused(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        for amount in (50, 49):
            order = bench.refund_order(paid, amount=amount)
            await channel.refund(order)
            await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        beyond = bench.refund_order(paid, amount=2)
        assert not channel.is_no_for_now(await rejection(channel.refund(beyond)))
        await assert_unknown(bench, channel, beyond)
        last = bench.refund_order(paid, amount=1)
        assert (await channel.refund(last)).state is RefundState.PENDING
        await bench.finish_refund(last.refund_id, RefundState.SUCCEEDED)
        assert not channel.is_no_for_now(await rejection(channel.refund(bench.refund_order(paid, amount=1))))
        assert await bench.balance() == 0

    @once
    async def test_of_parts_that_go_back_at_once_each_is_told_with_its_own_sum(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await bench.set_faults(refund={"seconds": 0.0})
        for amount in (10, 20):
            order = bench.refund_order(paid, amount=amount)
            answered, told = await channel.refund(order), await refund_fact(bench, channel)
            queried = await channel.query_refund(order.refund_id, order.attempt_id)
            assert (queried.state, queried.amount) == (RefundState.SUCCEEDED, amount)
            assert {answered.amount, told.amount} <= {amount, None}
            assert (answered.refunded_at is None) == (answered.state is RefundState.PENDING)
        assert await bench.balance() == 70

    @once
    async def test_a_refund_asked_for_many_times_at_once_is_one_refund(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, amount=60)
        facts = await asyncio.gather(*(channel.refund(order) for _ in range(5)))
        assert len(set(facts)) == 1
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        assert await bench.balance() == 40

    @once
    async def test_another_sum_under_one_number_is_refused_and_changes_nothing(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order = bench.refund_order(paid, amount=30)
        await channel.refund(order)
        error = await rejection(channel.refund(replace(order, amount=31)))
        assert not channel.is_no_for_now(error)
        assert not channel.is_unknown_refund(error)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        assert (await channel.query_refund(order.refund_id, order.attempt_id)).amount == 30
        assert await bench.balance() == 70

    @once
    async def test_what_is_on_its_way_back_cannot_be_refunded_a_second_time(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await channel.refund(bench.refund_order(paid, amount=60))
        await rejection(channel.refund(bench.refund_order(paid, amount=60)))

    async def test_a_payment_of_which_a_part_went_back_is_still_paid(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        before = await channel.query(paid.attempt_id)
        order = bench.refund_order(paid, amount=99)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        after = await channel.query(paid.attempt_id)
        assert after.state is PaymentState.SUCCEEDED
        assert replace(after, raw_state=before.raw_state) == before

    async def test_what_was_never_paid_cannot_be_refunded(self, bench: Bench, channel: Channel, method: Method) -> None:
        for unpaid in (bench.charge(method), await bench.waiting(method)):
            order = bench.refund_order(unpaid)
            assert not channel.is_no_for_now(await rejection(channel.refund(order)))
            await assert_unknown(bench, channel, order)

    @once
    @pytest.mark.parametrize("reason", ["", "退", "🍵 & <tea> /= \"x\" \\ 'y' {[ \n\t", "长" * 300])
    async def test_odd_reasons_arrive(self, bench: Bench, channel: Channel, paid: Charge, reason: str) -> None:
        order = bench.refund_order(paid, reason=reason)
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        assert (await channel.query_refund(order.refund_id, order.attempt_id)).amount == 100

    @once
    async def test_another_merchants_payment_and_refund_are_unknown(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        order, other = bench.refund_order(paid), await bench.another_channel()
        await rejection(other.refund(order))
        await channel.refund(order)
        await bench.finish_refund(order.refund_id, RefundState.SUCCEEDED)
        await assert_unknown(bench, other, order)

    @once
    async def test_a_refund_in_a_currency_it_does_not_have_is_rejected_unsent(
        self, bench: Bench, overheard: Channel, relay: Relay, paid: Charge
    ) -> None:
        error = await rejection(overheard.refund(bench.refund_order(paid, currency="XTS")))
        assert error.code == "unsupported_currency"
        assert relay.asked == []

    @once
    async def test_an_unknown_refund_is_known_to_be_unknown(self, bench: Bench, channel: Channel, paid: Charge) -> None:
        await assert_unknown(bench, channel, bench.refund_order(paid))
