"""What every channel must do, run against its gateway in the sandbox. A channel's own suite inherits all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from tests.channels.bench import HELD_BACK_SECONDS, Arrived, Bench, open_bench, refusal
from tests.channels.refund_conformance import RefundConformance
from tests.channels.scripted_gateway import failure, rejection
from tongbao.channels import Channel, Charge, Notice, PaymentFact, PaymentState
from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted

CLOCK_TOLERANCE_SECONDS = 300


class ChannelConformance(RefundConformance):
    """Inherit, and set `kind` to the gateway's bench."""

    kind: ClassVar[type[Bench]]

    @pytest_asyncio.fixture
    async def bench(self, sandbox: str) -> AsyncIterator[Bench]:
        async with open_bench(self.kind, sandbox) as bench:
            yield bench

    @pytest.fixture
    def channel(self, bench: Bench) -> Channel:
        return bench.channel()

    @pytest.fixture
    def charge(self, bench: Bench) -> Charge:
        return bench.charge()

    def parsed(self, channel: Channel, arrived: Arrived) -> Notice:
        return channel.parse_notify(arrived.headers, arrived.body)

    # Preparing

    async def test_a_prepared_payment_can_be_paid(self, bench: Bench, channel: Channel, charge: Charge) -> None:
        prepared = await channel.prepare(charge)
        assert prepared.token
        assert bench.now() + timedelta(minutes=5) < prepared.usable_until
        assert await bench.pay(charge.attempt_id) == 200
        assert await bench.balance() == charge.amount

    async def test_client_parameters_are_texts_signed_afresh_each_time(self, channel: Channel, charge: Charge) -> None:
        prepared = await channel.prepare(charge)
        first, second = channel.client_params(charge, prepared), channel.client_params(charge, prepared)
        assert set(first) == set(second)
        assert all(isinstance(value, str) and value for value in first.values())
        assert first != second

    async def test_preparing_the_same_charge_twice_is_one_payment(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await channel.prepare(charge)
        await channel.prepare(replace(charge))
        assert await bench.pay(charge.attempt_id) == 200
        assert await bench.pay(charge.attempt_id) != 200
        assert await bench.balance() == charge.amount

    @pytest.mark.parametrize(
        "change",
        [{"amount": 101}, {"subject": "Tea"}, {"notify_url": "http://127.0.0.1:9/other"}],
        ids=["amount", "subject", "notify_url"],
    )
    async def test_preparing_other_content_under_one_number_is_refused_and_changes_nothing(
        self, bench: Bench, channel: Channel, charge: Charge, change: dict[str, Any]
    ) -> None:
        await channel.prepare(charge)
        await rejection(channel.prepare(replace(charge, **change)))
        assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING
        assert await bench.pay(charge.attempt_id) == 200
        assert await bench.balance() == charge.amount

    async def test_a_payment_prepared_many_times_at_once_is_one_payment(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await asyncio.gather(*(channel.prepare(charge) for _ in range(5)))
        assert await bench.pay(charge.attempt_id) == 200
        assert await bench.balance() == charge.amount

    @pytest.mark.parametrize("amount", [1, 1_000_000_000])
    @pytest.mark.parametrize("subject", ["茶", "🍵 & <tea> \"x\" \\ 'y' \n\t", "长" * 300])
    async def test_odd_subjects_and_great_amounts_arrive(self, bench: Bench, amount: int, subject: str) -> None:
        charge = await bench.paid(amount=amount, subject=subject)
        assert (await bench.channel().query(charge.attempt_id)).amount == amount

    async def test_a_paid_payment_cannot_be_prepared_again(self, bench: Bench, channel: Channel) -> None:
        charge = await bench.paid()
        await rejection(channel.prepare(charge))
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED

    async def test_a_closed_payment_cannot_be_prepared_again(self, channel: Channel, charge: Charge) -> None:
        await channel.prepare(charge)
        await channel.close(charge.attempt_id)
        await rejection(channel.prepare(charge))
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED

    async def test_a_method_it_does_not_have_is_rejected_unsent(self, channel: Channel, charge: Charge) -> None:
        assert charge.method in channel.methods
        await rejection(channel.prepare(replace(charge, method="barter")))
        assert channel.is_unknown_payment(await rejection(channel.query(charge.attempt_id)))

    # Asking

    async def test_an_unknown_payment_is_known_to_be_unknown(self, bench: Bench, channel: Channel) -> None:
        error = await rejection(channel.query(bench.charge().attempt_id))
        assert channel.is_unknown_payment(error)
        assert not channel.is_already_paid(error)

    async def test_an_unpaid_payment_is_pending(self, channel: Channel, charge: Charge) -> None:
        await channel.prepare(charge)
        fact = await channel.query(charge.attempt_id)
        assert (fact.attempt_id, fact.state) == (charge.attempt_id, PaymentState.PENDING)
        assert fact.merchant_number == channel.merchant_number
        assert (fact.paid_at, fact.transaction_id) == (None, None)

    async def test_a_payment_the_buyer_gave_up_is_still_pending(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await channel.prepare(charge)
        assert await bench.pay(charge.attempt_id, "abandon") == 200
        assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING

    async def test_a_paid_payment_says_who_paid_whom_how_much_and_when(self, bench: Bench, channel: Channel) -> None:
        charge = await bench.paid(amount=1234)
        fact = await channel.query(charge.attempt_id)
        assert (fact.attempt_id, fact.state) == (charge.attempt_id, PaymentState.SUCCEEDED)
        assert (fact.amount, fact.currency) == (1234, "CNY")
        assert (fact.merchant_number, fact.app_id) == (channel.merchant_number, charge.app_id)
        assert fact.payer == charge.payer
        assert fact.transaction_id
        assert fact.raw_state
        assert fact.paid_at is not None
        assert abs(fact.paid_at - bench.now()) < timedelta(seconds=30)

    async def test_another_merchants_payment_is_unknown(self, bench: Bench, channel: Channel, charge: Charge) -> None:
        await channel.prepare(charge)
        other = bench.channel(**bench.settings(await bench.another_merchant()))
        assert other.is_unknown_payment(await rejection(other.query(charge.attempt_id)))

    # Closing

    async def test_closing_twice_is_harmless_and_nobody_can_pay_any_more(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await channel.prepare(charge)
        await channel.close(charge.attempt_id)
        await channel.close(charge.attempt_id)
        assert await bench.pay(charge.attempt_id) != 200
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED
        assert await bench.balance() == 0

    async def test_a_paid_payment_cannot_be_closed(self, bench: Bench, channel: Channel) -> None:
        charge = await bench.paid()
        error = await rejection(channel.close(charge.attempt_id))
        assert channel.is_already_paid(error)
        assert not channel.is_unknown_payment(error)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED

    async def test_an_unknown_payment_cannot_be_closed(self, bench: Bench, channel: Channel) -> None:
        error = await rejection(channel.close(bench.charge().attempt_id))
        assert channel.is_unknown_payment(error)

    async def test_an_expired_payment_cannot_be_paid_and_can_be_closed(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await channel.prepare(charge)
        await bench.move_both_clocks(seconds=31 * 60)
        assert await bench.pay(charge.attempt_id) != 200
        await channel.close(charge.attempt_id)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED

    # Notices

    async def test_a_notice_says_the_same_as_a_query(self, bench: Bench, channel: Channel) -> None:
        charge = await bench.paid(amount=77)
        notice = self.parsed(channel, await bench.notice())
        assert notice.notice_id
        assert notice.fact == await channel.query(charge.attempt_id)

    async def test_an_accepted_notice_comes_once(self, bench: Bench, channel: Channel) -> None:
        bench.answer = channel.acknowledge(True)
        await bench.paid()
        await bench.notice()
        await bench.move_both_clocks(seconds=24 * 3600)
        await asyncio.sleep(0.5)
        assert bench.arrived.empty()

    async def test_a_refused_notice_comes_again_and_says_the_same(self, bench: Bench, channel: Channel) -> None:
        bench.answer = channel.acknowledge(False, "not now")
        await bench.paid()
        first = self.parsed(channel, await bench.notice())
        bench.answer = channel.acknowledge(True)
        await bench.move_both_clocks(seconds=60)
        again = self.parsed(channel, await bench.notice())
        assert again.fact == first.fact

    async def test_every_change_to_a_notice_is_refused(self, bench: Bench, channel: Channel) -> None:
        await bench.paid()
        notice = await bench.notice()
        assert refusal(channel, notice) is None
        for position in range(len(notice.body)):
            changed = bytearray(notice.body)
            changed[position] ^= 1
            assert isinstance(refusal(channel, replace(notice, body=bytes(changed))), Untrusted), position
        for changed_body in (b"", notice.body + b" ", notice.body[:-1], notice.body * 2):
            assert isinstance(refusal(channel, replace(notice, body=changed_body)), Untrusted)

    async def test_every_change_to_a_signed_header_is_refused(self, bench: Bench, channel: Channel) -> None:
        await bench.paid()
        notice = await bench.notice()
        for name in bench.signed_headers:
            value = notice.headers[name]
            without = {key: held for key, held in notice.headers.items() if key != name}
            changes = [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value))]
            for headers in [without, *({**notice.headers, name: other} for other in ["", value + "0", *changes])]:
                assert isinstance(refusal(channel, replace(notice, headers=headers)), Untrusted), (name, headers)

    @pytest.mark.parametrize("skew_seconds", [-CLOCK_TOLERANCE_SECONDS - 10, CLOCK_TOLERANCE_SECONDS + 10])
    async def test_a_stale_notice_is_refused(self, bench: Bench, skew_seconds: float) -> None:
        await bench.paid()
        error = refusal(bench.channel(skew_seconds), await bench.notice())
        assert isinstance(error, Untrusted)
        assert error.code == "timestamp_stale"

    async def test_another_merchants_notice_is_refused(self, bench: Bench) -> None:
        await bench.paid()
        other = bench.channel(**bench.settings(await bench.another_merchant()))
        assert isinstance(refusal(other, await bench.notice()), Untrusted)

    async def test_a_probe_is_told_apart_and_the_true_notice_follows(self, bench: Bench, channel: Channel) -> None:
        await bench.set_faults(notify={"probe": 1})
        charge = await bench.paid()
        error = refusal(channel, await bench.notice())
        assert isinstance(error, Untrusted)
        assert error.code == "signature_probe"
        fact = self.parsed(channel, await bench.notice()).fact
        assert isinstance(fact, PaymentFact)
        assert fact.attempt_id == charge.attempt_id

    async def test_forged_notices_are_refused_and_the_true_one_is_taken(self, bench: Bench, channel: Channel) -> None:
        await bench.set_faults(notify={"forge": 1})
        attempts = [(await bench.paid(amount=amount)).attempt_id for amount in range(1, 21)]
        notices = [await bench.notice() for _ in range(2 * len(attempts))]
        taken = [notice for notice in notices if refusal(channel, notice) is None]
        facts = [self.parsed(channel, notice).fact for notice in taken]
        assert sorted((fact.attempt_id, fact.amount) for fact in facts if isinstance(fact, PaymentFact)) == list(
            zip(attempts, range(1, 21), strict=True)
        )
        assert {type(refusal(channel, notice)) for notice in notices if notice not in taken} == {Untrusted}

    async def test_a_repeated_notice_says_the_same(self, bench: Bench, channel: Channel) -> None:
        await bench.set_faults(notify={"repeat": 1})
        await bench.paid()
        first, second = [self.parsed(channel, await bench.notice()) for _ in range(2)]
        assert first.fact == second.fact

    async def test_a_lost_notice_is_made_good_by_asking(self, bench: Bench, channel: Channel) -> None:
        await bench.set_faults(notify={"lose": 1})
        charge = await bench.paid()
        await bench.move_both_clocks(seconds=24 * 3600)
        await asyncio.sleep(0.3)
        assert bench.arrived.empty()
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED

    # Failures

    async def test_an_order_accepted_without_an_answer_is_uncertain_and_found_by_asking(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await bench.set_faults(api={"accept_then_time_out": 1, "delay_seconds": HELD_BACK_SECONDS})
        assert type(await failure(channel.prepare(charge))) is Uncertain
        await bench.set_faults()
        assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING
        await channel.prepare(charge)
        assert await bench.pay(charge.attempt_id) == 200

    async def test_a_close_accepted_without_an_answer_is_uncertain_and_found_by_asking(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await channel.prepare(charge)
        await bench.set_faults(api={"accept_then_time_out": 1, "delay_seconds": HELD_BACK_SECONDS})
        assert type(await failure(channel.close(charge.attempt_id))) is Uncertain
        await bench.set_faults()
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED

    async def test_an_order_applied_late_is_uncertain_then_unknown_then_there(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await bench.set_faults(api={"apply_late": 1, "delay_seconds": 0.5})
        assert type(await failure(channel.prepare(charge))) is Uncertain
        await bench.set_faults()
        assert channel.is_unknown_payment(await rejection(channel.query(charge.attempt_id)))
        await asyncio.sleep(0.7)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING

    @pytest.mark.parametrize(("fault", "kind"), [("server_error", Uncertain), ("rate_limit", Unavailable)])
    async def test_trouble_at_the_gateway_is_never_a_no(
        self, bench: Bench, channel: Channel, charge: Charge, fault: str, kind: type[ChannelError]
    ) -> None:
        await channel.prepare(charge)
        await bench.set_faults(api={fault: 1})
        for asked in (
            channel.prepare(charge),
            channel.query(charge.attempt_id),
            channel.close(charge.attempt_id),
            channel.fetch_platform_keys(),
        ):
            error = await failure(asked)
            assert (type(error), bool(error.http_status)) == (kind, True)
        await bench.set_faults()
        await channel.close(charge.attempt_id)

    @pytest.mark.parametrize("skew_seconds", [-CLOCK_TOLERANCE_SECONDS - 60, CLOCK_TOLERANCE_SECONDS + 60])
    async def test_with_clocks_too_far_apart_nothing_happens(
        self, bench: Bench, channel: Channel, charge: Charge, skew_seconds: float
    ) -> None:
        error = await failure(bench.channel(skew_seconds).prepare(charge))
        assert isinstance(error, (Rejected, Untrusted))
        assert channel.is_unknown_payment(await rejection(channel.query(charge.attempt_id)))

    async def test_with_the_wrong_key_nothing_happens(self, bench: Bench, channel: Channel, charge: Charge) -> None:
        theirs, ours = bench.settings(await bench.another_merchant()), bench.settings(bench.credentials)
        secrets = {name: theirs[name] for name in ours if "private_key" in name}
        assert secrets
        await rejection(bench.channel(**secrets).prepare(charge))
        assert channel.is_unknown_payment(await rejection(channel.query(charge.attempt_id)))

    # The gateway's keys

    async def test_fetched_keys_prove_answers_as_well_as_configured_ones(self, bench: Bench, channel: Channel) -> None:
        keys = await channel.fetch_platform_keys()
        for key in keys:
            assert key.usable_from < bench.now() < key.usable_until
        if keys:
            charge = bench.charge()
            fetched = bench.channel(**bench.settings_with_fetched(keys))
            await fetched.prepare(charge)
            assert (await fetched.query(charge.attempt_id)).state is PaymentState.PENDING
