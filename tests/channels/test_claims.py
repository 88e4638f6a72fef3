from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from tests.channels import claims
from tests.channels.alipay_bench import AlipayBench
from tests.channels.bench import Bench
from tests.channels.claims import about, listed, once, scanned, told, unlisted, where
from tests.channels.conformance import ChannelConformance
from tests.channels.wechatpay_bench import WeChatBench
from tongbao.channels import Method, Option


class Shop(Bench):
    methods: ClassVar[Mapping[str, Method]] = {
        "page": Method("page", is_local=True, is_late=True, options=frozenset({Option.RETURN_URL})),
        "code": Method("code", scans_buyer=True),
    }
    untold = frozenset({"code"})


def makers(claim: object) -> list[str]:
    """The methods of the shop that make this claim."""
    return claims.parameters(Shop, claim)[2]


def test_a_claim_is_made_by_every_method_that_its_marks_fit() -> None:
    def claim() -> None: ...

    def claim_of_codes() -> None: ...

    def claim_about_notices() -> None: ...

    assert makers(claim) == ["page", "code"]
    assert makers(about(scanned)(claim_of_codes)) == ["code"]
    assert makers(told(claim_about_notices)) == ["page"]


def test_a_claim_about_a_channel_is_made_once_and_one_that_is_not_true_of_a_gateway_never() -> None:
    def claim() -> None: ...

    assert makers(once(claim)) == ["page"]
    assert makers(where("redirects_refunds")(claim)) == ["page"]
    assert makers(where("not redirects_refunds")(claim)) == []


def test_each_option_is_claimed_by_the_methods_that_list_it_and_refused_by_all_others() -> None:
    def listing() -> None: ...

    def refusing() -> None: ...

    assert makers(listed(listing)) == ["page-return_url"]
    others = ["instalments", "only", "without"]
    assert makers(unlisted(refusing)) == [f"page-{name}" for name in others] + [f"code-{name}" for name in Option]


def test_what_no_method_has_to_do_is_no_test_at_all() -> None:
    class Suite(ChannelConformance):
        kind = Shop

    assert Suite.test_a_method_that_needs_a_payer_refuses_to_go_without_unsent is None
    assert Suite.test_a_local_method_prepares_without_a_word is not None


@pytest.mark.parametrize("bench", [WeChatBench, AlipayBench])
def test_every_method_makes_at_least_thirty_claims_and_every_channel_eighty(bench: type[Bench]) -> None:
    suite = [getattr(ChannelConformance, name) for name in dir(ChannelConformance) if name.startswith("test_")]
    made = [method.name for claim in suite for method in {each[0] for each in claims.parameters(bench, claim)[1]}]
    for method in bench.methods.values():
        assert made.count(method.name) >= 30, method.name
    assert sum(bool(claims.parameters(bench, claim)[1]) for claim in suite) >= 80
