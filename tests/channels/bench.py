"""What the conformance suite needs of a gateway: the sandbox behind its control API, and a door for its notices."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongbao import channels
from tongbao.channels import (
    Answer,
    Channel,
    Charge,
    Destination,
    Instalments,
    Means,
    Method,
    Option,
    PaymentState,
    Redirection,
    RefundOrder,
    RefundState,
)
from tongbao.kit.errors import ChannelError, Rejected, Untrusted

# An impatient channel, and a sandbox that holds an answer back for longer than that.
PATIENCE_SECONDS = 1.5
HELD_BACK_SECONDS = 4.0
# A refund of which nobody says how it ends is still on its way when a test is over.
SLOW_REFUNDS = {"seconds": 30 * 24 * 3600.0, "slow": 1.0}
# After so long a refused notice has come again.
RETRY_SECONDS = 300
# One of those that stand for any public address in documents.
PAYER_IP = "203.0.113.7"
RETURN_URL = "https://shop.example/paid?order=7"
WISHES: Mapping[Option, Mapping[str, Any]] = {
    Option.RETURN_URL: {"return_url": RETURN_URL},
    Option.INSTALMENTS: {"instalments": Instalments(6, seller_pays_fee=True)},
    Option.ONLY: {"only": frozenset({Means.BALANCE})},
    Option.WITHOUT: {"without": frozenset({Means.BALANCE})},
}
_NOTICE_SECONDS = 10.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Arrived:
    """A notification as it came through our door."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Offer:
    """A charge that is prepared, and what the buyer's side was given to pay it."""

    charge: Charge
    params: Mapping[str, str]


def refusal(channel: Channel, notice: Arrived) -> ChannelError | None:
    """Why a notice is not taken, or None where it is."""
    try:
        channel.parse_notify(notice.headers, notice.body)
    except (Untrusted, Rejected) as error:
        return error
    return None


def spoiled(body: bytes, step: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """The body with one bit of one byte changed, each `step`-th in its turn; and the place as it is then."""
    for at in range(0, len(body), step):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        yield changed[max(0, at - 20) : at + 20], changed


@dataclass
class Bench:
    """One gateway of the sandbox, one merchant account there, and our door. Subclasses know the gateway's own words."""

    channel_name: ClassVar[str]
    gateway: ClassVar[str]
    methods: ClassVar[Mapping[str, Method]]
    client_params: ClassVar[Mapping[str, set[str]]]
    """Every method, with the names of what its pay function takes."""
    merchant_settings: ClassVar[tuple[str, ...]]
    """What an account's settings have of the sandbox's credentials, under the same names."""
    gateway_keys: ClassVar[tuple[str, ...]]
    """Those by which the gateway is believed."""
    option_words: ClassVar[Mapping[Option, Mapping[str, Any]]]
    """How `WISHES` look in a request."""
    unknown_states: ClassVar[Mapping[str, str]]
    """A state that nobody knows, as fields of a notification."""
    strangers: ClassVar[Mapping[str, str]]
    """Another app and another merchant, as fields of a notification."""
    untold: ClassVar[frozenset[str]] = frozenset()
    """Methods of which no notification comes when the buyer has paid."""
    signed_headers: ClassVar[tuple[str, ...]] = ()
    refund_refusals: ClassVar[Mapping[str, bool]]
    """Codes by which refunds can be refused, for want of money first, and whether that is only for now."""
    refund_ends: ClassVar[tuple[RefundState, ...]] = tuple(RefundState)[1:]
    """The ends of a refund of which the gateway speaks."""
    speaks_of_refunds_under_way: ClassVar[bool] = True
    """Whether a refund on its way can be told from one that the gateway never heard of."""
    redirects_refunds: ClassVar[bool] = True
    speaks_plainly: ClassVar[bool] = True
    """Whether `said` can read what is asked: not if it is encrypted."""

    control_url: str
    transport: aiohttp.ClientSession
    credentials: dict[str, Any]
    door_url: str = ""
    clock_offset: timedelta = timedelta(0)
    arrived: asyncio.Queue[Arrived] = field(default_factory=asyncio.Queue)
    answer: Answer = field(default_factory=lambda: Answer(204, b""))

    @property
    def app_id(self) -> str:
        """The app under which the buyer has its name."""
        raise NotImplementedError

    @property
    def payer(self) -> str:
        raise NotImplementedError

    def who(self) -> Mapping[str, str]:
        """Our merchant, in the words of the control API."""
        raise NotImplementedError

    def tap(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """What the buyer was given, in the words of the control API."""
        return params

    def said(self, params: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
        """All that a charge asked for: in the request's body, or in what the buyer was given."""
        raise NotImplementedError

    async def finish_refund(self, refund_id: str, state: RefundState) -> None:
        """Let a refund end in this state, now."""
        raise NotImplementedError

    def settings(self, credentials: Mapping[str, Any]) -> dict[str, Any]:
        """The channel's settings for a test merchant of the sandbox."""
        return {name: credentials[name] for name in self.merchant_settings}

    def secrets(self) -> set[str]:
        """What must stand in no log: each of our secret settings, and each line of a key."""
        held = [self.settings(self.credentials).get(name) for name in channels.secret_fields(self.channel_name)]
        lines = {line for secret in held if secret for line in str(secret).splitlines()}
        return {line for line in lines if line and not line.startswith("-----")}

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_offset

    def channel(self, skew_seconds: float = 0, **changes: Any) -> Channel:
        """Our channel; `skew_seconds` is how far its clock is from the gateway's."""
        settings = {**self.settings(self.credentials), "timeout_seconds": PATIENCE_SECONDS, **changes}
        skew = timedelta(seconds=skew_seconds)
        return channels.open_channel(self.channel_name, settings, self.transport, lambda: self.now() + skew)

    def charge(self, method: Method, **changes: Any) -> Charge:
        """A fresh charge that the gateway accepts, with nothing that its method can do without."""
        payer_app_id = self.app_id if method.needs_payer else None
        charge: dict[str, Any] = {
            "attempt_id": f"att{next(_numbers):026d}",
            "method": method.name,
            "amount": 100,
            "currency": "CNY",
            "subject": "拿铁 (large)",
            "expires_at": self.now() + timedelta(minutes=30),
            "notify_url": self.door_url,
            "app_id": self.channel().app_for(payer_app_id),
            "payer": self.payer if method.needs_payer else None,
            "payer_app_id": payer_app_id,
            "payer_ip": PAYER_IP if method.needs_payer_ip else None,
        }
        return Charge(**charge | changes)

    def refund_order(self, charge: Charge, **changes: Any) -> RefundOrder:
        """A fresh refund of a whole payment, which the gateway takes on once that is paid."""
        order: dict[str, Any] = {
            "refund_id": f"rfd{next(_numbers):026d}",
            "attempt_id": charge.attempt_id,
            "amount": charge.amount,
            "payment_amount": charge.amount,
            "currency": charge.currency,
            "reason": "少了一杯 (one short)",
            "notify_url": self.door_url,
        }
        return RefundOrder(**order | changes)

    def buyers_card(self, refund_id: str, gateway_refund_id: str) -> Redirection:
        """A card of the buyer's to which an abnormal refund could be sent."""
        card = "ICBC_DEBIT", "6222020200112233445", "张三"
        return Redirection(refund_id, gateway_refund_id, Destination.BUYER_CARD, *card)

    async def offer(self, charge: Charge, channel: Channel | None = None) -> Offer:
        """A charge, prepared."""
        channel = channel or self.channel()
        return Offer(charge, channel.client_params(charge, await channel.prepare(charge)))

    async def pay(self, offer: Offer, how: str = "pay") -> int:
        """The pretend buyer pays with what they were given. The HTTP status tells whether the gateway let them."""
        return await self.tell("POST", f"/{self.gateway}/buyer/{how}", self.tap(offer.params))

    async def come(self, offer: Offer) -> None:
        """The buyer gets as far as the gateway, and only looks."""
        assert await self.pay(offer, "abandon") == 200

    async def waiting(self, method: Method, **changes: Any) -> Charge:
        """A charge of which the gateway knows, and that is not paid."""
        charge = self.charge(method, **changes)
        if method.scans_buyer:
            fact = await self.channel().collect(charge, await self.code("password"))
            assert fact.state is PaymentState.PENDING
            return charge
        offer = await self.offer(charge)
        if method.is_late:
            await self.come(offer)
        return charge

    async def paid(self, method: Method, **changes: Any) -> Charge:
        """A charge that is paid."""
        charge = self.charge(method, **changes)
        if method.scans_buyer:
            fact = await self.channel().collect(charge, await self.code("pay"))
            assert fact.state is PaymentState.SUCCEEDED
            return charge
        assert await self.pay(await self.offer(charge)) == 200
        return charge

    async def code(self, behaviour: str) -> str:
        """A fresh payment code of the buyer's, who will `pay`, be asked for the `password`, never look at the phone
        (`timeout`) or have no money (`fail`)."""
        code = await self.ask("POST", f"/{self.gateway}/buyer/code", {**self.who(), "behaviour": behaviour})
        return str(code["auth_code"])

    async def enter_password(self, charge: Charge, *, right: bool = True) -> int:
        """The buyer answers the phone, which asked for the password."""
        answer = {"out_trade_no": charge.attempt_id, "right": right}
        return await self.tell("POST", f"/{self.gateway}/buyer/password", answer)

    async def craft(self, number: Mapping[str, str], changes: Mapping[str, str]) -> None:
        """The gateway sends, rightly signed, a notification of what it says is so."""
        wish = {**number, "changes": changes, "url": self.door_url}
        assert await self.tell("POST", f"/{self.gateway}/notify", wish) == 200

    async def notice(self) -> Arrived:
        """The next notification at our door."""
        async with asyncio.timeout(_NOTICE_SECONDS):
            return await self.arrived.get()

    async def set_faults(self, **dial: Mapping[str, float]) -> None:
        assert await self.tell("PUT", "/faults", {self.gateway: dial}) == 200

    async def treat(self, **terms: object) -> dict[str, Any]:
        """From now on the gateway treats our merchant so. Answers its credentials."""
        answer: dict[str, Any] = await self.ask("PUT", f"/{self.gateway}/merchants", {**self.who(), **terms})
        return answer

    async def move_gateway_clock(self, seconds: float) -> None:
        assert await self.tell("PUT", "/clock", {"offset_seconds": seconds}) == 200

    async def move_both_clocks(self, seconds: float) -> None:
        self.clock_offset = timedelta(seconds=seconds)
        await self.move_gateway_clock(seconds)

    async def balance(self) -> int:
        """What the gateway's own money book says it holds for our merchant."""
        book = await self.ask("GET", f"/{self.gateway}/book?{urlencode(self.who())}")
        assert isinstance(book["balance"], int)
        return book["balance"]

    async def another_merchant(self, **wishes: Any) -> dict[str, Any]:
        """The credentials of a second test merchant."""
        merchant: dict[str, Any] = await self.ask("POST", f"/{self.gateway}/merchants", wishes)
        return merchant

    async def another_channel(self) -> Channel:
        """The channel of a second test merchant."""
        return self.channel(**self.settings(await self.another_merchant()))

    async def tell(self, method: str, path: str, body: object = None) -> int:
        async with self.transport.request(method, self.control_url + path, json=body) as response:
            return response.status

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with self.transport.request(method, self.control_url + path, json=body) as response:
            response.raise_for_status()
            return await response.json()


@asynccontextmanager
async def open_bench(kind: type[Bench], control_url: str) -> AsyncIterator[Bench]:
    """A bench over a freshly reset sandbox, with its door open."""
    async with aiohttp.ClientSession() as transport:
        bench = kind(control_url, transport, {})
        await bench.ask("POST", "/reset")
        bench.credentials = (await bench.ask("GET", "/credentials"))[kind.gateway]
        bench.answer = bench.channel().acknowledge(True)

        async def door(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            bench.arrived.put_nowait(Arrived(headers, await request.read()))
            answer = bench.answer
            return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)

        app = web.Application()
        app.router.add_post("/notify/test", door)
        async with TestServer(app, host="127.0.0.1", shutdown_timeout=0.01) as server:
            bench.door_url = str(server.make_url("/notify/test"))
            try:
                yield bench
            finally:
                await bench.ask("POST", "/reset")
