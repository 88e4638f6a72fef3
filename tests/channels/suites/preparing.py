"""What every channel must do when a payment is prepared."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.channels.bench import Bench, Offer
from tests.channels.claims import (
    about,
    asked,
    early,
    for_a_payer,
    for_anybody,
    from_an_address,
    local,
    once,
    prepared,
    scanned,
)
from tests.channels.scripted_gateway import Relay, rejection
from tongbao.channels import Channel, Charge, Method, PaymentState, Prepared

OTHER_CONTENT: list[dict[str, Any]] = [{"amount": 101}, {"subject": "Tea"}]


class Preparing:
    """Wants the fixtures `bench`, `channel`, `method` and `charge`, `relay` and `overheard`."""

    @once
    async def test_it_has_exactly_the_methods_that_it_is_known_for(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        assert bench.methods.items() <= channel.methods.items()
        assert set(bench.client_params) == set(bench.methods)
        assert all(name == method.name for name, method in channel.methods.items())

    @about(prepared)
    async def test_a_prepared_payment_can_be_paid(
        self, bench: Bench, channel: Channel, method: Method, charge: Charge
    ) -> None:
        ready = await channel.prepare(charge)
        assert bool(ready.token) is not channel.methods[charge.method].is_local
        assert bench.now() + timedelta(minutes=4) < ready.usable_until
        assert await bench.pay(Offer(charge, channel.client_params(charge, ready))) == 200
        assert await bench.balance() == charge.amount

    @about(prepared)
    async def test_client_parameters_are_exactly_those_of_the_pay_function_and_good_each_time(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        ready = await channel.prepare(charge)
        first, second = channel.client_params(charge, ready), channel.client_params(charge, ready)
        assert set(first) == set(second) == bench.client_params[charge.method]
        assert all(isinstance(value, str) and value for value in (*first.values(), *second.values()))
        assert await bench.pay(Offer(charge, first), "abandon") == 200
        assert await bench.pay(Offer(charge, second)) == 200

    @about(prepared)
    async def test_what_was_prepared_can_be_paid_with_until_the_moment_it_says(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = bench.charge(method, expires_at=bench.now() + timedelta(hours=3))
        ready = await channel.prepare(charge)
        params, life = channel.client_params(charge, ready), ready.usable_until - bench.now()
        await bench.move_both_clocks(life.total_seconds() - 2)
        assert await bench.pay(Offer(charge, params)) == 200

    @about(prepared)
    async def test_what_has_grown_too_old_to_be_paid_with_is_prepared_anew(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = bench.charge(method, expires_at=bench.now() + timedelta(hours=3))
        ready = await channel.prepare(charge)
        await bench.move_both_clocks(timedelta(hours=2, minutes=30).total_seconds())
        again = await channel.prepare(charge)
        assert ready.usable_until <= again.usable_until
        assert bench.now() < again.usable_until
        assert await bench.pay(Offer(charge, channel.client_params(charge, again))) == 200

    @about(scanned)
    async def test_a_scanned_code_cannot_be_prepared(self, overheard: Channel, relay: Relay, charge: Charge) -> None:
        await rejection(overheard.prepare(charge))
        assert relay.asked == []

    @about(scanned)
    async def test_a_scanned_code_gives_the_buyer_nothing_to_pay_with(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        assert channel.client_params(charge, Prepared("", bench.now())) == {}

    @about(prepared)
    async def test_preparing_the_same_charge_twice_is_one_payment(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        first, second = await bench.offer(charge), await bench.offer(replace(charge))
        assert await bench.pay(second) == 200
        assert await bench.pay(first) != 200
        assert await bench.pay(second) != 200
        assert await bench.balance() == charge.amount

    @about(prepared)
    async def test_a_payment_prepared_many_times_at_once_is_one_payment(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        offers = await asyncio.gather(*(bench.offer(charge, channel) for _ in range(5)))
        assert 200 in [await bench.pay(offer) for offer in offers]
        assert await bench.balance() == charge.amount

    @about(prepared)
    @pytest.mark.parametrize("change", OTHER_CONTENT, ids=["amount", "subject"])
    async def test_other_content_under_a_known_number_leads_nowhere_and_changes_nothing(
        self, bench: Bench, channel: Channel, method: Method, charge: Charge, change: dict[str, Any]
    ) -> None:
        offer = await bench.offer(charge)
        await bench.come(offer)
        await self.leads_nowhere(bench, method, replace(charge, **change))
        assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING
        assert await bench.pay(offer) == 200
        assert await bench.balance() == charge.amount

    @about(prepared)
    async def test_a_paid_payment_cannot_be_prepared_and_paid_again(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method)
        await self.leads_nowhere(bench, method, charge)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED
        assert await bench.balance() == charge.amount

    @about(prepared)
    async def test_a_closed_payment_cannot_be_prepared_and_paid(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.waiting(method)
        await channel.close(charge.attempt_id)
        await self.leads_nowhere(bench, method, charge)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED
        assert await bench.balance() == 0

    @pytest.mark.parametrize("subject", ["茶", "🍵 & <tea> /= \"x\" \\ 'y' {[ \n\t", "长" * 300, "100%+1 %41"])
    async def test_odd_subjects_arrive(self, bench: Bench, channel: Channel, method: Method, subject: str) -> None:
        charge = await bench.paid(method, subject=subject)
        assert (await channel.query(charge.attempt_id)).amount == charge.amount

    @about(prepared)
    @pytest.mark.parametrize("amount", [1, 1_000_000_000])
    async def test_small_and_great_amounts_arrive(
        self, bench: Bench, channel: Channel, method: Method, amount: int
    ) -> None:
        charge = await bench.paid(method, amount=amount)
        assert (await channel.query(charge.attempt_id)).amount == amount

    @about(local)
    async def test_a_local_method_prepares_without_a_word(
        self, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        overheard.client_params(charge, await overheard.prepare(charge))
        assert relay.asked == []

    @about(asked)
    async def test_a_method_that_is_not_local_asks_once(self, overheard: Channel, relay: Relay, charge: Charge) -> None:
        overheard.client_params(charge, await overheard.prepare(charge))
        assert len(relay.asked) == 1

    @about(early)
    async def test_the_gateway_knows_an_early_payment_at_once(self, channel: Channel, charge: Charge) -> None:
        await channel.prepare(charge)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING

    # What it refuses, unsent

    @about(for_a_payer)
    @pytest.mark.parametrize("payer", [None, ""])
    async def test_a_method_that_needs_a_payer_refuses_to_go_without_unsent(
        self, overheard: Channel, relay: Relay, charge: Charge, payer: str | None
    ) -> None:
        error = await rejection(overheard.prepare(replace(charge, payer=payer)))
        assert error.code == "payer_missing"
        assert relay.asked == []

    @about(for_anybody, prepared)
    async def test_a_method_that_needs_no_payer_is_for_whoever_comes(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        assert charge.payer is None
        assert await bench.pay(await bench.offer(charge)) == 200
        assert (await channel.query(charge.attempt_id)).payer

    @about(from_an_address)
    @pytest.mark.parametrize("address", [None, ""])
    async def test_a_method_that_needs_the_payers_address_refuses_to_go_without_unsent(
        self, overheard: Channel, relay: Relay, charge: Charge, address: str | None
    ) -> None:
        await rejection(overheard.prepare(replace(charge, payer_ip=address)))
        assert relay.asked == []

    @about(prepared)
    async def test_a_currency_it_does_not_have_is_rejected_unsent(
        self, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        error = await rejection(overheard.prepare(replace(charge, currency="XTS")))
        assert error.code == "unsupported_currency"
        assert relay.asked == []

    @once
    async def test_a_method_it_does_not_have_is_rejected_unsent(
        self, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        error = await rejection(overheard.prepare(replace(charge, method="barter")))
        assert error.code == "unsupported_method"
        assert relay.asked == []

    async def leads_nowhere(self, bench: Bench, method: Method, charge: Charge) -> None:
        """Refused when it is prepared; or, prepared without a word, when the buyer comes."""
        if method.is_local:
            assert await bench.pay(await bench.offer(charge)) != 200
        else:
            await rejection(bench.channel().prepare(charge))
