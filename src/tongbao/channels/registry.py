"""Which channels there are. A new one is a folder beside this file and one line in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import aiohttp

from tongbao.channels import alipay, wechatpay
from tongbao.channels.model import Channel
from tongbao.kit.errors import Refusal


class Gateway(Protocol):
    """What a channel's folder offers at its own front door."""

    SECRET_FIELDS: frozenset[str]

    def open_channel(
        self, settings: Mapping[str, Any], transport: aiohttp.ClientSession, clock: Callable[[], datetime]
    ) -> Channel: ...

    def validate_account(self, settings: Mapping[str, Any]) -> str: ...

    def takes_code(self, auth_code: str) -> bool: ...


_GATEWAYS: Mapping[str, Gateway] = {
    "wechatpay": wechatpay,
    "alipay": alipay,
}


def channel_names() -> tuple[str, ...]:
    """The names of all channels, in the order they are to be shown."""
    return tuple(_GATEWAYS)


def channel_of_code(auth_code: str) -> str | None:
    """Whose payment code this is, told by how it begins; None for a wallet that is not ours."""
    return next((name for name, gateway in _GATEWAYS.items() if gateway.takes_code(auth_code)), None)


def secret_fields(name: str) -> frozenset[str]:
    """The settings of this channel's accounts that must be sealed at rest and never shown."""
    return _gateway(name).SECRET_FIELDS


def validate_account(name: str, settings: Mapping[str, Any]) -> str:
    """Refuse settings with which the channel could not work: Refusal `invalid_account` with the `field` and a `reason`
    that says how to cure it. Nothing is sent. Returns the merchant's number at the gateway."""
    return _gateway(name).validate_account(settings)


def open_channel(
    name: str, settings: Mapping[str, Any], transport: aiohttp.ClientSession, clock: Callable[[], datetime]
) -> Channel:
    """A channel bound to one merchant account; `settings` holds its public and secret fields together.

    Keys are parsed here, once: keep the channel and use it again. The settings must have passed `validate_account` when
    they were entered; what is found wrong all the same is refused like there. Raises Refusal `unknown_channel` too.
    """
    return _gateway(name).open_channel(settings, transport, clock)


def _gateway(name: str) -> Gateway:
    if name not in _GATEWAYS:
        raise Refusal("unknown_channel", 400, channel=name)
    return _GATEWAYS[name]
