"""What the conformance suite needs of a gateway: the sandbox behind its control API, and a door for its notices."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongbao import channels
from tongbao.channels import Answer, Channel, Charge, Destination, PlatformKey, Redirection, RefundOrder, RefundState
from tongbao.kit.errors import ChannelError, Rejected, Untrusted

# An impatient channel, and a sandbox that holds an answer back for longer than that.
PATIENCE_SECONDS = 1.5
HELD_BACK_SECONDS = 4.0
# A refund of which nobody says how it ends is still on its way when a test is over.
SLOW_REFUNDS = {"seconds": 30 * 24 * 3600.0}
_NOTICE_SECONDS = 10.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Arrived:
    """A notification as it came through our door."""

    headers: Mapping[str, str]
    body: bytes


def refusal(channel: Channel, notice: Arrived) -> ChannelError | None:
    """Why a notice is not taken, or None where it is."""
    try:
        channel.parse_notify(notice.headers, notice.body)
    except (Untrusted, Rejected) as error:
        return error
    return None


@dataclass
class Bench:
    """One gateway of the sandbox, one merchant account there, and our door. Subclasses know the gateway's own words."""

    channel_name: ClassVar[str]
    gateway: ClassVar[str]
    method: ClassVar[str]
    signed_headers: ClassVar[tuple[str, ...]]

    control_url: str
    transport: aiohttp.ClientSession
    credentials: dict[str, Any]
    door_url: str = ""
    clock_offset: timedelta = timedelta(0)
    arrived: asyncio.Queue[Arrived] = field(default_factory=asyncio.Queue)
    answer: Answer = field(default_factory=lambda: Answer(204, b""))

    def settings(self, credentials: Mapping[str, Any]) -> dict[str, Any]:
        """The channel's settings for a test merchant of the sandbox."""
        raise NotImplementedError

    def settings_with_fetched(self, keys: Iterable[PlatformKey]) -> dict[str, Any]:
        """The settings of our merchant with no platform key but these."""
        raise NotImplementedError

    @property
    def app_id(self) -> str:
        raise NotImplementedError

    @property
    def payer(self) -> str | None:
        raise NotImplementedError

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_offset

    def channel(self, skew_seconds: float = 0, **changes: Any) -> Channel:
        """Our channel; `skew_seconds` is how far its clock is from the gateway's."""
        settings = {**self.settings(self.credentials), "timeout_seconds": PATIENCE_SECONDS, **changes}
        skew = timedelta(seconds=skew_seconds)
        return channels.open_channel(self.channel_name, settings, self.transport, lambda: self.now() + skew)

    def charge(self, **changes: Any) -> Charge:
        """A fresh charge that the gateway accepts."""
        charge: dict[str, Any] = {
            "attempt_id": f"att{next(_numbers):026d}",
            "method": self.method,
            "amount": 100,
            "currency": "CNY",
            "subject": "拿铁 (large)",
            "expires_at": self.now() + timedelta(minutes=30),
            "notify_url": self.door_url,
            "app_id": self.app_id,
            "payer": self.payer,
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
        """A card of the buyer's to which the gateway sends an abnormal refund."""
        raise NotImplementedError

    async def finish_refund(self, refund_id: str, state: RefundState) -> None:
        """Let a refund end in this state, now."""
        raise NotImplementedError

    async def run_short(self, is_short: bool) -> None:
        """From now on our merchant's money does, or does not, suffice for refunds."""
        raise NotImplementedError

    async def pay(self, attempt_id: str, how: str = "pay") -> int:
        """The pretend buyer pays. The HTTP status tells whether the gateway let them."""
        return await self.tell("POST", f"/{self.gateway}/buyer/{how}", {"out_trade_no": attempt_id})

    async def paid(self, **changes: Any) -> Charge:
        """A charge that is prepared and paid."""
        charge = self.charge(**changes)
        await self.channel().prepare(charge)
        assert await self.pay(charge.attempt_id) == 200
        return charge

    async def notice(self) -> Arrived:
        """The next notification at our door."""
        async with asyncio.timeout(_NOTICE_SECONDS):
            return await self.arrived.get()

    async def set_faults(self, **dial: dict[str, float]) -> None:
        assert await self.tell("PUT", "/faults", {self.gateway: dial}) == 200

    async def move_gateway_clock(self, seconds: float) -> None:
        assert await self.tell("PUT", "/clock", {"offset_seconds": seconds}) == 200

    async def move_both_clocks(self, seconds: float) -> None:
        self.clock_offset = timedelta(seconds=seconds)
        await self.move_gateway_clock(seconds)

    async def balance(self) -> int:
        """What the gateway's own money book says it holds for our merchant."""
        book = await self.ask("GET", f"/{self.gateway}/book")
        assert isinstance(book["balance"], int)
        return book["balance"]

    async def another_merchant(self, **wishes: Any) -> dict[str, Any]:
        """The credentials of a second test merchant."""
        merchant: dict[str, Any] = await self.ask("POST", f"/{self.gateway}/merchants", wishes)
        return merchant

    async def tell(self, method: str, path: str, body: object = None) -> int:
        async with self.transport.request(method, self.control_url + path, json=body) as response:
            return response.status

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with self.transport.request(method, self.control_url + path, json=body) as response:
            response.raise_for_status()
            return await response.json()


class WeChatBench(Bench):
    """WeChat Pay in the sandbox."""

    channel_name = "wechatpay"
    gateway = "wechat"
    method = "jsapi"
    signed_headers = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature")

    def settings(self, credentials: Mapping[str, Any]) -> dict[str, Any]:
        same = ("mchid", "merchant_serial", "merchant_private_key_pem", "apiv3_key", "base_url")
        keys = ("platform_public_key_id", "platform_public_key_pem")
        certificate = {
            "serial": credentials["platform_serial"],
            "certificate_pem": credentials["platform_certificate_pem"],
        }
        return {name: credentials[name] for name in same + keys} | {"platform_certificates": [certificate]}

    def settings_with_fetched(self, keys: Iterable[PlatformKey]) -> dict[str, Any]:
        certificates = [{"serial": key.serial, "certificate_pem": key.certificate_pem} for key in keys]
        nothing = {"platform_public_key_id": None, "platform_public_key_pem": None}
        return self.settings(self.credentials) | nothing | {"platform_certificates": certificates}

    @property
    def app_id(self) -> str:
        return str(self.credentials["appid"])

    @property
    def payer(self) -> str:
        return str(self.credentials["openid"])

    def buyers_card(self, refund_id: str, gateway_refund_id: str) -> Redirection:
        return Redirection(
            refund_id, gateway_refund_id, Destination.BUYER_CARD, "ICBC_DEBIT", "6222020200112233445", "张三"
        )

    async def finish_refund(self, refund_id: str, state: RefundState) -> None:
        words = {
            RefundState.SUCCEEDED: "SUCCESS",
            RefundState.ABNORMAL: "ABNORMAL",
            RefundState.CLOSED: "CLOSED",
        }
        end = {"out_refund_no": refund_id, "status": words[state]}
        assert await self.tell("POST", "/wechat/refunds/finish", end) == 200

    async def run_short(self, is_short: bool) -> None:
        wish = {"mchid": self.credentials["mchid"], "refund_refusal": "NOT_ENOUGH" if is_short else None}
        assert await self.tell("PUT", "/wechat/merchants", wish) == 200


@asynccontextmanager
async def open_bench(kind: type[Bench], control_url: str) -> AsyncIterator[Bench]:
    """A bench over a freshly reset sandbox, with its door open."""
    async with aiohttp.ClientSession() as transport:
        bench = kind(control_url, transport, {})
        await bench.ask("POST", "/reset")
        bench.credentials = (await bench.ask("GET", "/credentials"))[kind.gateway]

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
