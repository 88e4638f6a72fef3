from __future__ import annotations

from tests.channels.bench import Bench, WeChatBench
from tests.channels.conformance import ChannelConformance, refusal
from tongbao.kit.errors import Untrusted


class TestWeChatPay(ChannelConformance):
    kind = WeChatBench

    async def test_notices_signed_with_the_certificate_are_proven_beside_the_public_key(self, bench: Bench) -> None:
        bench.credentials = await bench.another_merchant(signing="certificate")
        await bench.paid()
        notice = await bench.notice()
        assert notice.headers["wechatpay-serial"] == bench.credentials["platform_serial"]
        assert refusal(bench.channel(), notice) is None
        without = refusal(bench.channel(platform_certificates=[]), notice)
        assert isinstance(without, Untrusted)
        assert without.code == "serial_unknown"

    async def test_a_merchant_without_any_key_yet_learns_the_certificate_and_goes_on_with_it(
        self, bench: Bench
    ) -> None:
        bench.credentials = await bench.another_merchant(signing="certificate")
        keys = await bench.channel(**bench.settings_with_fetched([])).fetch_platform_keys()
        assert [key.serial for key in keys] == [bench.credentials["platform_serial"]]
        learned = bench.settings_with_fetched(keys)
        charge = bench.charge()
        await bench.channel(**learned).prepare(charge)
        assert await bench.pay(charge.attempt_id) == 200
        assert refusal(bench.channel(**learned), await bench.notice()) is None

    async def test_a_public_key_merchant_has_no_certificates_to_fetch(self, bench: Bench) -> None:
        bench.credentials = await bench.another_merchant(has_certificate=False)
        assert await bench.channel().fetch_platform_keys() == ()
