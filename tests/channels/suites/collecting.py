"""What every channel must do with a scanned payment code: collect, wait, and undo."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.channels.bench import Bench
from tests.channels.claims import about, prepared, scanned
from tests.channels.scripted_gateway import Relay, failure, rejection
from tongbao import channels
from tongbao.channels import Channel, Charge, Method, PaymentState
from tongbao.kit.errors import Unavailable, Uncertain

NOBODYS = ["999999999999999999", "00", "６６６６６６６６６６６６６６６６６６"]


class Collecting:
    """Wants the fixtures `bench`, `channel`, `method` and `charge`, `relay` and `overheard`."""

    @about(scanned)
    async def test_a_scanned_code_is_paid_at_once(self, bench: Bench, channel: Channel, charge: Charge) -> None:
        fact = await channel.collect(charge, await bench.code("pay"))
        assert (fact.attempt_id, fact.state, fact.amount) == (charge.attempt_id, PaymentState.SUCCEEDED, charge.amount)
        assert (fact.merchant_number, fact.app_id) == (channel.merchant_number, charge.app_id)
        assert fact.paid_at is not None
        assert abs(fact.paid_at - bench.now()) < timedelta(seconds=30)
        assert await bench.balance() == charge.amount
        queried = await channel.query(charge.attempt_id)
        assert (queried.transaction_id, queried.paid_at) == (fact.transaction_id, fact.paid_at)

    @about(scanned)
    @pytest.mark.parametrize(
        ("right", "states", "balance"),
        [(True, {PaymentState.SUCCEEDED}, 100), (False, {PaymentState.FAILED, PaymentState.CLOSED}, 0)],
        ids=["right", "wrong"],
    )
    async def test_a_buyer_asked_for_the_password_is_pending_until_it_is_entered(
        self, bench: Bench, channel: Channel, charge: Charge, right: bool, states: set[PaymentState], balance: int
    ) -> None:
        asked = await channel.collect(charge, await bench.code("password"))
        waiting = await channel.query(charge.attempt_id)
        assert (asked.attempt_id, asked.state, waiting.state) == (charge.attempt_id, *[PaymentState.PENDING] * 2)
        assert (asked.paid_at, waiting.paid_at) == (None, None)
        assert await bench.enter_password(charge, right=right) == 200
        assert (await channel.query(charge.attempt_id)).state in states
        assert await bench.balance() == balance

    @about(scanned)
    async def test_collecting_again_while_the_buyer_is_asked_changes_nothing(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        code = await bench.code("password")
        facts = [await channel.collect(charge, code) for _ in range(2)]
        assert [fact.state for fact in facts] == [PaymentState.PENDING] * 2
        assert await bench.enter_password(charge) == 200
        assert await bench.balance() == charge.amount

    @about(scanned)
    async def test_collecting_a_paid_one_again_says_that_it_is_paid_and_pays_once(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        code = await bench.code("pay")
        await channel.collect(charge, code)
        assert channel.is_already_paid(await rejection(channel.collect(charge, code)))
        assert channel.is_already_paid(await rejection(channel.collect(charge, await bench.code("pay"))))
        assert await bench.balance() == charge.amount

    @about(scanned)
    async def test_the_same_code_pays_once_whichever_payment_comes_with_it(
        self, bench: Bench, channel: Channel, method: Method, charge: Charge
    ) -> None:
        code, second = await bench.code("pay"), bench.charge(method)
        await channel.collect(charge, code)
        error = await rejection(channel.collect(second, code))
        assert not channel.is_already_paid(error)
        assert await bench.balance() == charge.amount

    @about(scanned)
    async def test_a_buyer_without_money_is_a_certain_no(self, bench: Bench, channel: Channel, charge: Charge) -> None:
        error = await rejection(channel.collect(charge, await bench.code("fail")))
        assert not channel.is_already_paid(error)
        assert channel.advice(error.code) is not None
        assert await bench.balance() == 0

    @about(scanned)
    async def test_an_expired_code_is_a_certain_no(self, bench: Bench, channel: Channel, charge: Charge) -> None:
        code = await bench.code("pay")
        await bench.move_both_clocks(seconds=61)
        error = await rejection(channel.collect(charge, code))
        assert channel.advice(error.code) is not None
        assert await bench.balance() == 0

    @about(scanned)
    async def test_a_code_is_known_by_how_it_begins_and_an_unknown_wallets_is_nobodys(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        assert channels.channel_of_code(await bench.code("pay")) == channel.name
        for code in NOBODYS:
            assert channels.channel_of_code(code) is None
            await rejection(channel.collect(charge, code))
        assert await bench.balance() == 0

    # Undoing

    @about(scanned)
    async def test_what_the_buyer_gave_up_is_reversed_for_good(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        code = await bench.code("timeout")
        assert (await channel.collect(charge, code)).state is PaymentState.PENDING
        await bench.move_both_clocks(seconds=46)
        await channel.reverse(charge.attempt_id, charge.app_id)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED
        assert await bench.enter_password(charge) != 200
        await rejection(channel.collect(charge, code))
        assert await bench.balance() == 0

    @about(scanned)
    async def test_reversing_what_is_paid_gives_it_back_and_twice_is_harmless(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method)
        await channel.reverse(charge.attempt_id, charge.app_id)
        await channel.reverse(charge.attempt_id, charge.app_id)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED
        assert await bench.balance() == 0

    @about(scanned)
    async def test_reversing_at_the_same_moment_many_times_gives_it_back_once(
        self, bench: Bench, channel: Channel, method: Method, charge: Charge
    ) -> None:
        await bench.paid(method, amount=30)
        await channel.collect(charge, await bench.code("pay"))
        await asyncio.gather(*(channel.reverse(charge.attempt_id, charge.app_id) for _ in range(5)))
        assert await bench.balance() == 30

    @about(scanned)
    async def test_an_unknown_payment_cannot_be_reversed(self, channel: Channel, charge: Charge) -> None:
        error = await rejection(channel.reverse(charge.attempt_id, charge.app_id))
        assert channel.is_unknown_payment(error)
        assert not channel.is_already_paid(error)

    @about(scanned)
    async def test_what_was_paid_too_long_ago_cannot_be_reversed_any_more(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method)
        await bench.move_both_clocks(timedelta(days=8).total_seconds())
        error = await rejection(channel.reverse(charge.attempt_id, charge.app_id))
        assert not channel.is_unknown_payment(error)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED
        assert await bench.balance() == charge.amount

    # Failures

    @about(scanned)
    async def test_a_collection_and_a_reversal_whose_answers_are_lost_are_uncertain_and_found_by_asking(
        self, bench: Bench, channel: Channel, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        relay.loses_answers()
        assert type(await failure(overheard.collect(charge, await bench.code("pay")))) is Uncertain
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED
        assert type(await failure(overheard.reverse(charge.attempt_id, charge.app_id))) is Uncertain
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED
        await channel.reverse(charge.attempt_id, charge.app_id)
        assert await bench.balance() == 0

    @about(scanned)
    @pytest.mark.parametrize(
        ("fault", "kinds"), [("server_error", {Uncertain}), ("rate_limit", {Uncertain, Unavailable})]
    )
    async def test_trouble_while_collecting_or_reversing_is_never_a_no(
        self, bench: Bench, channel: Channel, method: Method, fault: str, kinds: set[type]
    ) -> None:
        charge = await bench.paid(method)
        codes = [await bench.code("pay") for _ in range(4)]
        await bench.set_faults(api={fault: 1})
        errors = [await failure(channel.collect(bench.charge(method), code)) for code in codes]
        errors.append(await failure(channel.reverse(charge.attempt_id, charge.app_id)))
        assert {type(error) for error in errors} <= kinds
        await bench.set_faults()
        await channel.reverse(charge.attempt_id, charge.app_id)

    @about(prepared)
    async def test_what_is_prepared_cannot_be_collected_by_code(
        self, bench: Bench, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        error = await rejection(overheard.collect(charge, "134567890123456789"))
        assert error.code == "unsupported_method"
        assert relay.asked == []
