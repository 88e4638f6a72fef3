"""What every channel must do with what is posted to its door."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.channels.bench import RETRY_SECONDS, Arrived, Bench, refusal, spoiled
from tests.channels.claims import about, asked, once, prepared, told, where
from tests.channels.suites.refunding import differences
from tongbao.channels import Channel, Charge, Method, Notice, PaymentFact, PaymentState
from tongbao.kit.errors import Untrusted

MARGIN_SECONDS = 10


def parsed(channel: Channel, arrived: Arrived) -> Notice:
    return channel.parse_notify(arrived.headers, arrived.body)


def payment_told(channel: Channel, arrived: Arrived) -> PaymentFact:
    fact = parsed(channel, arrived).fact
    assert isinstance(fact, PaymentFact)
    return fact


def is_untrusted(channel: Channel, notice: Arrived, body: bytes) -> bool:
    """Whether the notice is not believed with this body in place of its own."""
    return isinstance(refusal(channel, replace(notice, body=body)), Untrusted)


class Noticing:
    """Wants the fixtures `bench`, `channel`, `method` and `charge`."""

    @told
    async def test_a_notice_and_a_query_tell_the_same_story(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method, amount=77)
        notice = parsed(channel, await bench.notice())
        assert notice.notice_id
        assert isinstance(notice.fact, PaymentFact)
        assert differences(notice.fact, await channel.query(charge.attempt_id)) == []
        said = notice.fact.attempt_id, notice.fact.state, notice.fact.amount, notice.fact.app_id
        assert said == (charge.attempt_id, PaymentState.SUCCEEDED, 77, charge.app_id)
        assert notice.fact.merchant_number == channel.merchant_number
        assert all((notice.fact.transaction_id, notice.fact.paid_at, notice.fact.payer, notice.fact.currency))

    @once
    @told
    async def test_an_accepted_notice_comes_once(self, bench: Bench, channel: Channel, method: Method) -> None:
        bench.answer = channel.acknowledge(True)
        await bench.paid(method)
        await bench.notice()
        await bench.move_both_clocks(seconds=24 * 3600)
        await asyncio.sleep(0.5)
        assert bench.arrived.empty()

    @once
    @told
    async def test_a_refused_notice_comes_again_and_says_the_same(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        bench.answer = channel.acknowledge(False, "not now")
        await bench.paid(method)
        first = parsed(channel, await bench.notice())
        bench.answer = channel.acknowledge(True)
        await bench.move_both_clocks(RETRY_SECONDS)
        again = parsed(channel, await bench.notice())
        assert (again.fact, again.notice_id) == (first.fact, first.notice_id)

    @told
    async def test_one_changed_byte_anywhere_in_a_notice_makes_it_untrusted(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        await bench.paid(method)
        notice = await bench.notice()
        assert refusal(channel, notice) is None
        believed = [where for place, body in spoiled(notice.body) if not is_untrusted(channel, notice, body)]
        assert believed == []
        for body in (b"", notice.body + b" ", notice.body[:-1], notice.body * 2):
            assert is_untrusted(channel, notice, body), body

    @once
    @told
    @where("signed_headers")
    async def test_one_changed_character_in_a_signed_header_makes_a_notice_untrusted(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        await bench.paid(method)
        notice = await bench.notice()
        for name in bench.signed_headers:
            value = notice.headers[name]
            without = {key: held for key, held in notice.headers.items() if key != name}
            changes = [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value))]
            for headers in [without, *({**notice.headers, name: other} for other in ["", value + "0", *changes])]:
                assert isinstance(refusal(channel, replace(notice, headers=headers)), Untrusted), (name, headers)

    @once
    @told
    @where("not signed_headers")
    async def test_no_header_makes_a_notice_more_or_less_believable(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        await bench.paid(method)
        notice = await bench.notice()
        assert channel.parse_notify({}, notice.body) == parsed(channel, notice)

    @once
    @told
    async def test_a_notice_is_believed_within_its_window_and_not_when_it_is_older(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        await bench.paid(method)
        notice, window = await bench.notice(), channel.notice_window.total_seconds()
        assert refusal(bench.channel(skew_seconds=window - MARGIN_SECONDS), notice) is None
        error = refusal(bench.channel(skew_seconds=window + MARGIN_SECONDS), notice)
        assert isinstance(error, Untrusted)
        assert error.code == "timestamp_stale"

    @once
    @told
    async def test_another_merchants_notice_is_untrusted(self, bench: Bench, method: Method) -> None:
        await bench.paid(method)
        assert isinstance(refusal(await bench.another_channel(), await bench.notice()), Untrusted)

    @once
    @told
    async def test_a_notice_that_the_gateway_signed_with_another_key_is_untrusted(
        self, bench: Bench, method: Method
    ) -> None:
        await bench.paid(method)
        theirs = bench.settings(await bench.another_merchant())
        wrong = bench.channel(**{name: theirs[name] for name in bench.gateway_keys})
        error = refusal(wrong, await bench.notice())
        assert isinstance(error, Untrusted)
        assert error.code in ("signature_wrong", "serial_unknown")

    @once
    @told
    async def test_forged_notices_are_refused_and_the_true_one_is_taken(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        await bench.set_faults(notify={"forge": 1, "tamper": 1})
        attempts = [(await bench.paid(method, amount=amount)).attempt_id for amount in range(1, 21)]
        notices = [await bench.notice() for _ in range(3 * len(attempts))]
        taken = [notice for notice in notices if refusal(channel, notice) is None]
        facts = [payment_told(channel, notice) for notice in taken]
        paid = sorted((fact.attempt_id, fact.amount or 0) for fact in facts)
        assert paid == list(zip(attempts, range(1, 21), strict=True))
        assert {type(refusal(channel, notice)) for notice in notices if notice not in taken} == {Untrusted}

    @once
    @told
    async def test_a_repeated_notice_says_the_same(self, bench: Bench, channel: Channel, method: Method) -> None:
        await bench.set_faults(notify={"repeat": 1})
        await bench.paid(method)
        first, second = [parsed(channel, await bench.notice()) for _ in range(2)]
        assert (first.fact, first.notice_id) == (second.fact, second.notice_id)

    @once
    @told
    async def test_a_lost_notice_is_made_good_by_asking(self, bench: Bench, channel: Channel, method: Method) -> None:
        await bench.set_faults(notify={"lose": 1})
        charge = await bench.paid(method)
        await bench.move_both_clocks(seconds=24 * 3600)
        await asyncio.sleep(0.3)
        assert bench.arrived.empty()
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED

    @told
    @about(asked)
    async def test_a_notice_that_comes_before_the_answer_says_the_same(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await bench.set_faults(notify={"early": 1})
        await channel.prepare(charge)
        fact = payment_told(channel, await bench.notice())
        assert differences(fact, await channel.query(charge.attempt_id)) == []
        assert await bench.balance() == charge.amount

    @once
    @told
    @about(prepared)
    async def test_a_state_that_nobody_knows_is_pending(self, bench: Bench, channel: Channel, method: Method) -> None:
        charge = await bench.waiting(method)
        await bench.craft({"out_trade_no": charge.attempt_id}, bench.unknown_states)
        fact = payment_told(channel, await bench.notice())
        assert (fact.attempt_id, fact.state) == (charge.attempt_id, PaymentState.PENDING)
        assert fact.raw_state in bench.unknown_states.values()

    @once
    @told
    @about(prepared)
    async def test_a_true_notice_for_another_app_or_merchant_is_untrusted_or_says_for_whom_it_is(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.waiting(method)
        for field, stranger in bench.strangers.items():
            await bench.craft({"out_trade_no": charge.attempt_id}, {field: stranger})
            notice = await bench.notice()
            if not isinstance(refusal(channel, notice), Untrusted):
                fact = payment_told(channel, notice)
                assert stranger in (fact.app_id, fact.merchant_number)
