"""What every channel must do of the options of a charge: those that a method names, and those it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.channels.bench import WISHES, Bench
from tests.channels.claims import about, in_parts, limits_means, listed, prepared, scanned, unlisted, where
from tests.channels.scripted_gateway import Relay, rejection
from tongbao.channels import Channel, Charge, Instalments, Means, Method, Option
from tongbao.kit.errors import Rejected


class Wishing:
    """Wants the fixtures `bench`, `charge`, `relay` and `overheard`; `option` is one of the methods' own or not."""

    @listed
    @about(prepared)
    @where("speaks_plainly")
    async def test_an_option_it_lists_arrives_in_the_gateways_words(
        self, bench: Bench, overheard: Channel, relay: Relay, charge: Charge, option: Option
    ) -> None:
        wish = replace(charge, **WISHES[option])
        offer = await bench.offer(wish, overheard)
        said = bench.said(offer.params, relay.asked[-1][1] if relay.asked else b"")
        assert bench.option_words[option].items() <= said.items()
        assert await bench.pay(offer) == 200

    @listed
    @about(scanned)
    @where("speaks_plainly")
    async def test_an_option_that_a_scanned_code_lists_arrives_in_the_gateways_words(
        self, bench: Bench, overheard: Channel, relay: Relay, charge: Charge, option: Option
    ) -> None:
        await overheard.collect(replace(charge, **WISHES[option]), await bench.code("pay"))
        assert bench.option_words[option].items() <= bench.said({}, relay.asked[-1][1]).items()
        assert await bench.balance() == charge.amount

    @unlisted
    @about(prepared)
    async def test_an_option_it_does_not_list_is_rejected_unsent(
        self, overheard: Channel, relay: Relay, charge: Charge, option: Option
    ) -> None:
        error = await rejection(overheard.prepare(replace(charge, **WISHES[option])))
        assert error.code == "unsupported_option"
        assert relay.asked == []

    @unlisted
    @about(scanned)
    async def test_an_option_that_a_scanned_code_does_not_list_is_rejected_unsent(
        self, bench: Bench, overheard: Channel, relay: Relay, charge: Charge, option: Option
    ) -> None:
        error = await rejection(overheard.collect(replace(charge, **WISHES[option]), await bench.code("pay")))
        assert error.code == "unsupported_option"
        assert relay.asked == []

    @about(prepared)
    @where("speaks_plainly")
    async def test_what_nobody_wished_for_is_not_asked_for(
        self, bench: Bench, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        offer = await bench.offer(charge, overheard)
        said = bench.said(offer.params, relay.asked[-1][1] if relay.asked else b"")
        assert not {name for words in bench.option_words.values() for name in words} & set(said)

    @about(prepared)
    @pytest.mark.parametrize("wish", ["only", "without"])
    async def test_each_means_can_be_said_in_the_gateways_words_or_is_rejected_unsent(
        self, bench: Bench, overheard: Channel, relay: Relay, method: Method, wish: str
    ) -> None:
        for means in (frozenset({each}) for each in Means):
            relay.asked.clear()
            changes: dict[str, Any] = {wish: means}
            try:
                offer = await bench.offer(bench.charge(method, **changes), overheard)
            except Rejected as error:
                assert (error.code, relay.asked) == ("unsupported_option", [])
            else:
                assert Option(wish) in method.options
                assert await bench.pay(offer) == 200

    @about(prepared, in_parts)
    async def test_a_number_of_parts_that_the_gateway_does_not_have_is_rejected_unsent(
        self, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        for number in (0, 1, 5, 120):
            error = await rejection(overheard.prepare(replace(charge, instalments=Instalments(number))))
            assert error.code == "unsupported_option"
        assert relay.asked == []

    @about(prepared, limits_means)
    async def test_limits_both_ways_are_either_said_or_rejected_unsent(
        self, bench: Bench, overheard: Channel, relay: Relay, charge: Charge
    ) -> None:
        wish = replace(charge, only=frozenset({Means.BALANCE}), without=frozenset({Means.CREDIT_CARD}))
        try:
            offer = await bench.offer(wish, overheard)
        except Rejected as error:
            assert (error.code, relay.asked) == ("unsupported_option", [])
        else:
            assert await bench.pay(offer) == 200
