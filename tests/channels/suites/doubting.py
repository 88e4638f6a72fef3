"""What every channel must do when the gateway is not to be reached, not to be heard, or not to be believed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from tests.channels.bench import HELD_BACK_SECONDS, Bench, spoiled
from tests.channels.claims import about, asked, once, prepared
from tests.channels.sandbox_process import free_ports
from tests.channels.scripted_gateway import Answered, Relay, failure, rejection
from tongbao.channels import Channel, Charge, Method, PaymentState
from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain, Untrusted

Call = Callable[[Channel], Awaitable[object]]
EVERY_SO_MANY_BYTES = 5


def calls(bench: Bench, method: Method, charge: Charge) -> list[Call]:
    """All that can be asked about a charge, and about its refund."""
    refund = bench.refund_order(charge)
    about_it: list[Call] = [
        lambda channel: channel.query(charge.attempt_id),
        lambda channel: channel.refund(refund),
        lambda channel: channel.query_refund(refund.refund_id, refund.attempt_id),
    ]
    if method.scans_buyer:
        about_it.append(lambda channel: channel.collect(charge, "130000000000000000"))
        about_it.append(lambda channel: channel.reverse(charge.attempt_id, charge.app_id))
    else:
        about_it.append(lambda channel: channel.close(charge.attempt_id))
    if not (method.scans_buyer or method.is_local):
        about_it.append(lambda channel: channel.prepare(charge))
    return about_it


async def outcome(asked: Awaitable[object]) -> object:
    """What was answered: a yes as it is, a certain no as its code."""
    try:
        return await asked
    except Rejected as error:
        return error.code


class Doubting:
    """Wants the fixtures `bench`, `channel`, `method` and `charge`, `relay` and `overheard`."""

    async def test_a_refused_connection_is_unavailable_whatever_was_asked(
        self, bench: Bench, method: Method, charge: Charge
    ) -> None:
        nowhere = bench.channel(base_url=f"http://127.0.0.1:{free_ports(count=1)}")
        for call in calls(bench, method, charge):
            assert type(await failure(call(nowhere))) is Unavailable

    @about(asked)
    async def test_a_payment_prepared_without_an_answer_is_uncertain_and_can_be_prepared_again(
        self, bench: Bench, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        relay.loses_answers()
        assert type(await failure(overheard.prepare(charge))) is Uncertain
        assert len(relay.answered) == 1
        relay.passes_on()
        assert await bench.pay(await bench.offer(charge, overheard)) == 200
        assert await bench.balance() == charge.amount

    async def test_a_lost_answer_is_uncertain_whatever_was_asked(
        self, bench: Bench, overheard: Channel, relay: Relay, method: Method
    ) -> None:
        charge = await bench.paid(method)
        relay.loses_answers()
        kinds = [type(await failure(call(overheard))) for call in calls(bench, method, charge)]
        assert set(kinds) == {Uncertain}
        assert len(relay.answered) >= len(kinds)

    @once
    @about(asked)
    async def test_an_answer_that_takes_too_long_is_uncertain_and_found_by_asking(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await bench.set_faults(api={"accept_then_time_out": 1, "delay_seconds": HELD_BACK_SECONDS})
        assert type(await failure(channel.prepare(charge))) is Uncertain
        await bench.set_faults()
        offer = await bench.offer(charge)
        await bench.come(offer)
        await bench.set_faults(api={"accept_then_time_out": 1, "delay_seconds": HELD_BACK_SECONDS})
        assert type(await failure(channel.close(charge.attempt_id))) is Uncertain
        await bench.set_faults()
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED
        assert await bench.pay(offer) != 200

    @once
    @about(asked)
    async def test_a_payment_applied_late_is_uncertain_then_unknown_then_there(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await bench.set_faults(api={"apply_late": 1, "delay_seconds": 0.5})
        assert type(await failure(channel.prepare(charge))) is Uncertain
        await bench.set_faults()
        assert channel.is_unknown_payment(await rejection(channel.query(charge.attempt_id)))
        await asyncio.sleep(0.7)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.PENDING

    @about(prepared)
    @pytest.mark.parametrize(("fault", "kind"), [("server_error", Uncertain), ("rate_limit", Unavailable)])
    async def test_trouble_at_the_gateway_is_never_a_no(
        self, bench: Bench, channel: Channel, method: Method, fault: str, kind: type[ChannelError]
    ) -> None:
        charge = await bench.waiting(method)
        # In this order, so that what was done all the same does not forbid what comes next.
        tried: list[Call] = [] if method.is_local else [lambda channel: channel.prepare(charge)]
        tried += [lambda channel: channel.query(charge.attempt_id), lambda channel: channel.close(charge.attempt_id)]
        await bench.set_faults(api={fault: 1})
        for call in tried:
            assert {type(await failure(call(channel))) for _ in range(4)} == {kind}
        await bench.set_faults()
        await channel.close(charge.attempt_id)

    @about(asked)
    async def test_with_the_wrong_key_of_ours_nothing_is_prepared(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await rejection((await self.disguised(bench)).prepare(charge))
        assert channel.is_unknown_payment(await rejection(channel.query(charge.attempt_id)))

    @once
    @about(prepared)
    async def test_with_the_wrong_key_of_ours_nothing_is_told_and_no_money_moves(
        self, bench: Bench, method: Method
    ) -> None:
        charge, stranger = await bench.paid(method), await self.disguised(bench)
        for call in calls(bench, method, charge):
            error = await rejection(call(stranger))
            assert not stranger.is_unknown_payment(error)
            assert not stranger.is_already_paid(error)
        assert await bench.balance() == charge.amount

    # Answers that prove nothing

    async def test_an_answer_signed_by_another_key_is_untrusted_whatever_was_asked(
        self, bench: Bench, method: Method
    ) -> None:
        theirs = bench.settings(await bench.another_merchant())
        wary = bench.channel(**{name: theirs[name] for name in bench.gateway_keys})
        charge = await bench.paid(method)
        kinds = [type(await failure(call(wary))) for call in calls(bench, method, charge)]
        assert set(kinds) <= {Untrusted, Uncertain}
        assert kinds[0] is Untrusted

    async def test_an_answer_about_another_payment_or_refund_is_untrusted(
        self, bench: Bench, overheard: Channel, relay: Relay, method: Method
    ) -> None:
        theirs, ours = await bench.paid(method), await bench.paid(method)
        refunds = [bench.refund_order(charge, amount=10) for charge in (theirs, ours)]
        await overheard.query(theirs.attempt_id)
        await self.misled(relay, overheard.query(ours.attempt_id))
        await overheard.refund(refunds[0])
        await self.misled(relay, overheard.refund(refunds[1]))
        await overheard.query_refund(refunds[0].refund_id, theirs.attempt_id)
        await self.misled(relay, overheard.query_refund(refunds[1].refund_id, ours.attempt_id))

    @once
    async def test_an_answer_about_another_refund_of_the_same_payment_is_untrusted(
        self, bench: Bench, overheard: Channel, relay: Relay, method: Method
    ) -> None:
        charge = await bench.paid(method)
        theirs, ours = bench.refund_order(charge, amount=10), bench.refund_order(charge, amount=10)
        for order in (theirs, ours):
            await overheard.refund(order)
        await overheard.query_refund(theirs.refund_id, charge.attempt_id)
        await self.misled(relay, overheard.query_refund(ours.refund_id, charge.attempt_id))

    @once
    @pytest.mark.parametrize("is_paid", [True, False], ids=["yes", "no"])
    async def test_one_changed_byte_anywhere_in_an_answer_leaves_nothing_to_believe(
        self, bench: Bench, overheard: Channel, relay: Relay, method: Method, is_paid: bool
    ) -> None:
        charge = await bench.paid(method) if is_paid else bench.charge(method)
        truth = await outcome(overheard.query(charge.attempt_id))
        told = relay.answered[-1]
        relay.answers(told)
        assert await outcome(overheard.query(charge.attempt_id)) == truth
        for place, body in spoiled(told.body, EVERY_SO_MANY_BYTES):
            relay.answers(Answered(told.status, told.headers, body))
            error = await failure(overheard.query(charge.attempt_id))
            assert isinstance(error, (Untrusted, Uncertain)), place

    @once
    @pytest.mark.parametrize("body", [b"", b"{}", b"null", b"<html>502</html>", b"\xff\xfe", b"[" * 100_000])
    async def test_nonsense_is_never_a_yes_or_a_no(
        self, bench: Bench, overheard: Channel, relay: Relay, method: Method, body: bytes
    ) -> None:
        charge = await bench.paid(method)
        for status in (200, 204, 302, 400, 404, 500):
            relay.answers(Answered(status, {}, body))
            for call in calls(bench, method, charge):
                assert type(await failure(call(overheard))) in (Untrusted, Uncertain), (status, body[:9])

    # Secrets

    async def test_no_secret_stands_in_a_log_an_error_or_a_repr(
        self, bench: Bench, channel: Channel, method: Method, caplog: pytest.LogCaptureFixture
    ) -> None:
        code, card = await bench.code("fail"), bench.buyers_card("rfd1", "50000000000000000000000000001")
        stranger = await self.disguised(bench)
        caplog.set_level(0)
        with capture_logs() as logs:
            charge = await bench.paid(method)
            said: list[object] = [channel, charge, card, await channel.query(charge.attempt_id)]
            if method.scans_buyer:
                said.append(await failure(channel.collect(bench.charge(method), code)))
            said += [await failure(call(stranger)) for call in calls(bench, method, charge)]
            await bench.set_faults(api={"server_error": 1})
            said += [await failure(call(channel)) for call in calls(bench, method, charge)]
            said.append(await failure(channel.redirect_refund(card)))
        heard = "".join(f"{each} {each!r}" for each in [*said, logs]) + caplog.text
        secrets = bench.secrets() | {code, str(card.card_number), str(card.card_holder)}
        assert len(secrets) > 20
        assert not [secret for secret in secrets if secret in heard]

    async def disguised(self, bench: Bench) -> Channel:
        """Our channel with another merchant's private key."""
        theirs, ours = bench.settings(await bench.another_merchant()), bench.settings(bench.credentials)
        keys = {name: theirs[name] for name in ours if "private_key" in name}
        assert keys
        return bench.channel(**keys)

    async def misled(self, relay: Relay, asked: Awaitable[object]) -> None:
        """A true answer to one question is given to another, and nothing in it is believed."""
        relay.answers(relay.answered[-1])
        error = await failure(asked)
        assert (type(error), error.code) == (Untrusted, "answer_mismatch")
        relay.passes_on()
