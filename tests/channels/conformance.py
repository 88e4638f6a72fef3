"""What every channel must do with each of its methods, run against its gateway in the sandbox.

A channel's own suite inherits all of it and sets `kind` to the gateway's bench. Which of its methods makes which claim
is read off the methods' features (see `claims`) and stands in the tests' ids.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
import pytest_asyncio

from tests.channels import claims
from tests.channels.bench import Bench, open_bench
from tests.channels.scripted_gateway import Relay, relay_to
from tests.channels.suites.asking import Asking
from tests.channels.suites.closing import Closing
from tests.channels.suites.collecting import Collecting
from tests.channels.suites.doubting import Doubting
from tests.channels.suites.noticing import Noticing
from tests.channels.suites.preparing import Preparing
from tests.channels.suites.refunding import Refunding
from tests.channels.suites.refunds_ending import RefundsEnding
from tests.channels.suites.wishing import Wishing
from tongbao.channels import Channel, Charge, Method


class ChannelConformance(Preparing, Wishing, Asking, Closing, Collecting, Refunding, RefundsEnding, Noticing, Doubting):
    """Inherit, and set `kind`."""

    kind: ClassVar[type[Bench]]

    def __init_subclass__(cls) -> None:
        # Where no method has to make a claim it is no test: nothing is there that could be skipped.
        for name in [name for name in dir(cls) if name.startswith("test_")]:
            claim = getattr(cls, name)
            if not claims.parameters(cls.kind, claim)[1]:
                setattr(cls, name, None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        names, values, ids = claims.parameters(self.kind, metafunc.function)
        if "method" in metafunc.fixturenames:
            metafunc.parametrize(names, values, ids=ids)

    @pytest_asyncio.fixture
    async def bench(self, sandbox: str) -> AsyncIterator[Bench]:
        async with open_bench(self.kind, sandbox) as bench:
            yield bench

    @pytest_asyncio.fixture
    async def relay(self, bench: Bench) -> AsyncIterator[Relay]:
        async with relay_to(bench.credentials["base_url"]) as relay:
            yield relay

    @pytest.fixture
    def channel(self, bench: Bench) -> Channel:
        return bench.channel()

    @pytest.fixture
    def overheard(self, bench: Bench, relay: Relay) -> Channel:
        """Our channel, asking by way of the relay."""
        return bench.channel(base_url=relay.base_url)

    @pytest.fixture
    def charge(self, bench: Bench, method: Method) -> Charge:
        return bench.charge(method)
