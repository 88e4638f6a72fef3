"""Which host platforms there are. A new one is a folder beside this file and one line in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp

from tongbao.hosts import alipay, wechat, wechat_web
from tongbao.hosts.model import Host
from tongbao.kit.errors import Refusal


class Platform(Protocol):
    """What a host's folder offers at its own front door."""

    SECRET_FIELDS: frozenset[str]

    def open_host(self, settings: Mapping[str, Any], transport: aiohttp.ClientSession) -> Host: ...

    def validate_app(self, settings: Mapping[str, Any]) -> None: ...


_PLATFORMS: Mapping[str, Platform] = {
    "wechat": wechat,
    "wechat_web": wechat_web,
    "alipay": alipay,
}


def host_names() -> tuple[str, ...]:
    """The names of all hosts, in the order they are to be shown."""
    return tuple(_PLATFORMS)


def secret_fields(name: str) -> frozenset[str]:
    """The settings of this host's apps that must be sealed at rest and never shown."""
    return _platform(name).SECRET_FIELDS


def validate_app(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings with which the host could not work: Refusal `invalid_app` with the `field` and a `reason` that
    says how to cure it. Nothing is sent."""
    _platform(name).validate_app(settings)


def open_host(name: str, settings: Mapping[str, Any], transport: aiohttp.ClientSession) -> Host:
    """A host bound to one app; `settings` holds its public and secret fields together: `app_id`, `app_secret`, what
    else the host needs, and `base_url` to reach another address than the real one. Raises Refusal `unknown_host` or
    `invalid_app`."""
    return _platform(name).open_host(settings, transport)


def _platform(name: str) -> Platform:
    if name not in _PLATFORMS:
        raise Refusal("unknown_host", 400, host=name)
    return _PLATFORMS[name]
