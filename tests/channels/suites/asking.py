"""What every channel must do when it is asked what became of a payment."""

from __future__ import annotations

from datetime import timedelta

from tests.channels.bench import Bench
from tests.channels.claims import about, late, once, prepared
from tests.channels.scripted_gateway import rejection
from tongbao.channels import Channel, Charge, Method, PaymentState


class Asking:
    """Wants the fixtures `bench`, `channel`, `method` and `charge`."""

    @once
    async def test_an_unknown_payment_is_known_to_be_unknown(self, channel: Channel, charge: Charge) -> None:
        error = await rejection(channel.query(charge.attempt_id))
        assert channel.is_unknown_payment(error)
        assert not channel.is_already_paid(error)

    async def test_an_unpaid_payment_is_pending(self, bench: Bench, channel: Channel, method: Method) -> None:
        charge = await bench.waiting(method, amount=55)
        fact = await channel.query(charge.attempt_id)
        assert (fact.attempt_id, fact.state) == (charge.attempt_id, PaymentState.PENDING)
        assert (fact.merchant_number, fact.app_id) == (channel.merchant_number, charge.app_id)
        assert fact.amount in (None, 55)
        assert fact.paid_at is None

    @about(prepared)
    async def test_a_payment_the_buyer_gave_up_is_still_pending_and_can_be_paid(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        offer = await bench.offer(charge)
        for given_up in ("abandon", "fail"):
            assert await bench.pay(offer, given_up) == 200
            assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING
        assert await bench.pay(offer) == 200

    async def test_a_paid_payment_says_who_paid_whom_how_much_and_when(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method, amount=1234)
        fact = await channel.query(charge.attempt_id)
        assert (fact.attempt_id, fact.state) == (charge.attempt_id, PaymentState.SUCCEEDED)
        assert (fact.amount, fact.currency) == (1234, "CNY")
        assert (fact.merchant_number, fact.app_id) == (channel.merchant_number, charge.app_id)
        assert fact.payer == (charge.payer or bench.payer)
        assert fact.transaction_id
        assert fact.raw_state
        assert fact.paid_at is not None
        assert abs(fact.paid_at - bench.now()) < timedelta(seconds=30)

    async def test_another_merchants_payment_is_unknown(self, bench: Bench, method: Method) -> None:
        charge, other = await bench.waiting(method), await bench.another_channel()
        assert other.is_unknown_payment(await rejection(other.query(charge.attempt_id)))

    # Late methods

    @about(late)
    async def test_the_gateway_knows_nothing_of_a_late_payment_until_the_buyer_comes(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        offer = await bench.offer(charge)
        assert channel.is_unknown_payment(await rejection(channel.query(charge.attempt_id)))
        await bench.come(offer)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING

    @about(late)
    async def test_a_late_payment_of_which_the_gateway_knew_nothing_can_still_be_paid(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        offer = await bench.offer(charge)
        assert channel.is_unknown_payment(await rejection(channel.close(charge.attempt_id)))
        assert await bench.pay(offer) == 200
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED

    @about(late)
    async def test_a_late_payment_whose_time_is_over_can_never_be_paid(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        offer = await bench.offer(charge)
        await bench.move_both_clocks(seconds=30 * 60 + 1)
        assert await bench.pay(offer) != 200
        assert await bench.balance() == 0
