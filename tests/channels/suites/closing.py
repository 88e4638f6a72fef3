"""What every channel must do when a payment is closed."""

from __future__ import annotations

from tests.channels.bench import Bench
from tests.channels.claims import about, once, prepared
from tests.channels.scripted_gateway import rejection
from tongbao.channels import Channel, Charge, Method, PaymentState


class Closing:
    """Wants the fixtures `bench`, `channel`, `method` and `charge`."""

    @about(prepared)
    async def test_closing_twice_is_harmless_and_nobody_can_pay_any_more(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        offer = await bench.offer(charge)
        await bench.come(offer)
        await channel.close(charge.attempt_id)
        await channel.close(charge.attempt_id)
        assert await bench.pay(offer) != 200
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED
        assert await bench.balance() == 0

    @about(prepared)
    async def test_closing_a_paid_payment_says_that_it_is_paid(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method)
        error = await rejection(channel.close(charge.attempt_id))
        assert channel.is_already_paid(error)
        assert not channel.is_unknown_payment(error)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED

    @about(prepared)
    async def test_a_payment_of_which_a_part_went_back_is_still_said_to_be_paid(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method)
        await channel.refund(bench.refund_order(charge, amount=1))
        assert channel.is_already_paid(await rejection(channel.close(charge.attempt_id)))

    @once
    async def test_an_unknown_payment_cannot_be_closed(self, channel: Channel, charge: Charge) -> None:
        error = await rejection(channel.close(charge.attempt_id))
        assert channel.is_unknown_payment(error)
        assert not channel.is_already_paid(error)

    @about(prepared)
    async def test_another_merchants_payment_cannot_be_closed(self, bench: Bench, charge: Charge) -> None:
        offer, other = await bench.offer(charge), await bench.another_channel()
        await bench.come(offer)
        assert other.is_unknown_payment(await rejection(other.close(charge.attempt_id)))
        assert await bench.pay(offer) == 200

    @about(prepared)
    async def test_an_expired_payment_cannot_be_paid_and_can_be_closed(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        offer = await bench.offer(charge)
        await bench.come(offer)
        await bench.move_both_clocks(seconds=30 * 60 + 1)
        assert await bench.pay(offer) != 200
        await channel.close(charge.attempt_id)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED
