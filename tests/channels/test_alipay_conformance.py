from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable
from urllib.parse import parse_qsl

import pytest

from tests.channels.alipay_bench import AlipayBench, CertifiedAlipayBench
from tests.channels.bench import Bench, refusal
from tests.channels.claims import about, asked, once, prepared
from tests.channels.conformance import ChannelConformance
from tests.channels.scripted_gateway import Relay, failure, rejection
from tests.channels.suites.noticing import payment_told
from tongbao import channels
from tongbao.channels import Channel, Charge, Method, PayerKind, PaymentState
from tongbao.kit.errors import Refusal, Uncertain, Untrusted


class TestAlipay(ChannelConformance):
    kind = AlipayBench

    @pytest.mark.parametrize("lie", ["wrong_key", "unsigned", "changed", "other_trade"])
    async def test_a_yes_that_is_a_lie_is_untrusted_whatever_was_asked(
        self, bench: Bench, channel: Channel, method: Method, lie: str
    ) -> None:
        charge, another, code = await bench.paid(method), bench.charge(method), await bench.code("pay")
        order = bench.refund_order(charge, amount=10)
        asked: list[Awaitable[object]] = [
            channel.query(charge.attempt_id),
            channel.refund(order),
            channel.query_refund(order.refund_id, order.attempt_id),
        ]
        if method.scans_buyer:
            asked += [channel.collect(another, code), channel.reverse(charge.attempt_id, charge.app_id)]
        elif not method.is_local:
            asked.append(channel.prepare(another))
        await bench.treat(answers=lie)
        assert [type(await failure(each)) for each in asked] == [Untrusted] * len(asked)

    @once
    async def test_a_true_notice_for_another_app_of_ours_is_untrusted(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method)
        await bench.notice()
        await bench.craft({"out_trade_no": charge.attempt_id}, {"app_id": "9021000000000001"})
        error = refusal(channel, await bench.notice())
        assert isinstance(error, Untrusted)
        assert error.code == "wrong_account"

    @once
    async def test_a_payment_that_went_back_whole_is_closed(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.paid(method)
        await channel.refund(bench.refund_order(charge))
        fact = await channel.query(charge.attempt_id)
        assert (fact.state, fact.raw_state) == (PaymentState.CLOSED, "TRADE_CLOSED")

    @once
    async def test_a_method_that_the_app_has_no_right_to_is_a_certain_no_with_a_cure(
        self, bench: Bench, channel: Channel, charge: Charge
    ) -> None:
        await bench.treat(forbidden_methods=["alipay.trade.create"])
        error = await rejection(channel.prepare(charge))
        assert channel.advice(error.code) is not None
        assert not channel.is_unknown_payment(error)

    @once
    async def test_a_system_error_is_uncertain_even_as_a_refusal(
        self, bench: Bench, channel: Channel, paid: Charge
    ) -> None:
        await bench.treat(refund_refusal="ACQ.SYSTEM_ERROR")
        assert type(await failure(channel.refund(bench.refund_order(paid)))) is Uncertain

    async def test_a_face_is_a_code_too(self, bench: Bench, channel: Channel) -> None:
        code = (await bench.ask("POST", "/alipay/buyer/code", {"face": True}))["auth_code"]
        assert channels.channel_of_code(code) == "alipay"
        charge = bench.charge(bench.methods["code"])
        assert (await channel.collect(charge, code)).state is PaymentState.SUCCEEDED

    async def test_a_user_id_pays_where_an_app_knows_its_buyers_by_it(self, bench: Bench) -> None:
        bench.credentials = await bench.another_merchant(identity="user_id")
        charge = bench.charge(
            bench.methods["create"], payer=bench.credentials["buyer_id"], payer_kind=PayerKind.USER_ID
        )
        assert await bench.pay(await bench.offer(charge)) == 200
        fact = payment_told(bench.channel(), await bench.notice())
        assert fact.payer == bench.credentials["buyer_id"]
        assert (await bench.channel().query(charge.attempt_id)).payer == fact.payer

    @about(prepared)
    async def test_a_trade_that_timed_out_is_told_as_closed(
        self, bench: Bench, channel: Channel, method: Method
    ) -> None:
        charge = await bench.waiting(method)
        await bench.move_both_clocks(seconds=30 * 60 + 1)
        fact = payment_told(channel, await bench.notice())
        assert (fact.attempt_id, fact.state) == (charge.attempt_id, PaymentState.CLOSED)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.CLOSED


class TestAlipayByCertificates(ChannelConformance):
    kind = CertifiedAlipayBench

    @about(asked)
    async def test_what_is_asked_and_answered_is_sealed(self, overheard: Channel, relay: Relay, charge: Charge) -> None:
        await overheard.prepare(charge)
        ((_, body),), (answered,) = relay.asked, relay.answered
        form = dict(parse_qsl(body.decode()))
        assert form["encrypt_type"] == "AES"
        assert len(b64decode(form["biz_content"], validate=True)) % 16 == 0
        assert charge.attempt_id not in form["biz_content"]
        assert charge.attempt_id.encode() not in answered.body

    @once
    async def test_a_renewed_certificate_is_learned_believed_and_handed_on(self, bench: Bench, method: Method) -> None:
        bench.credentials = await bench.another_merchant()
        channel, before = bench.channel(), bench.credentials["alipay_cert_sn"]
        renewed = await bench.treat(renew_certificate="good")
        charge = await bench.paid(method)
        assert (await channel.query(charge.attempt_id)).state is PaymentState.SUCCEEDED
        (key,) = await channel.fetch_platform_keys()
        assert key.serial == renewed["alipay_cert_sn"] != before
        assert key.usable_from < bench.now() < key.usable_until
        kept = [{"serial": key.serial, "certificate_pem": key.certificate_pem}]
        notice = await bench.notice()
        assert refusal(bench.channel(platform_certificates=kept), notice) is None
        assert isinstance(refusal(bench.channel(), notice), Untrusted)

    @pytest.mark.parametrize("kind", ["expired", "not_yet_valid", "other_chain"])
    async def test_a_renewed_certificate_that_is_no_good_proves_nothing(self, bench: Bench, kind: str) -> None:
        bench.credentials = await bench.another_merchant()
        channel, charge = bench.channel(), bench.charge(bench.methods["create"])
        await channel.prepare(charge)
        await bench.treat(renew_certificate=kind)
        assert type(await failure(channel.query(charge.attempt_id))) is Untrusted
        assert type(await failure(channel.prepare(charge))) is Untrusted
        assert await channel.fetch_platform_keys() == ()
        await bench.tell("POST", "/alipay/buyer/pay", {"out_trade_no": charge.attempt_id, **bench.who()})
        assert isinstance(refusal(channel, await bench.notice()), Untrusted)

    @pytest.mark.parametrize("kind", ["expired", "not_yet_valid", "other_chain"])
    async def test_an_account_with_a_certificate_that_is_no_good_is_refused(self, bench: Bench, kind: str) -> None:
        bench.credentials = await bench.another_merchant(renew_certificate=kind)
        with pytest.raises(Refusal, match="invalid_account") as refused:
            channels.validate_account("alipay", bench.settings(bench.credentials))
        assert refused.value.values["field"] == "alipay_cert_pem"
