"""Calls to addresses that merchants give us: a URL is checked when it is given, every address again as it is dialled.

The first check is for the person who typed it. The second is the guard: it sees the very address the socket is about to
connect to, so it does not matter what a name resolved to before, which encoding hid a number, or which of several
addresses the client picked.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from tongbao.kit.errors import Refusal, TongbaoError

BODY_LIMIT_BYTES = 64 * 1024
"""How much of an answer is read and thrown away so that its connection can be used again. A longer one is cut."""

_URL_LIMIT_CHARACTERS = 2048
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USERINFO = re.compile(r"\w+:/*[^/?#]*@")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INTERNAL_NAMES = ("localhost", "local", "localdomain", "internal", "intranet", "lan", "home.arpa", "corp", "private")
_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")

# From the IANA special-purpose address registries. The first match counts.
_NEVER = [
    (ip_network(network), reason)
    for reason, networks in {
        "metadata": ("169.254.169.254/32", "100.100.100.200/32", "fd00:ec2::254/128"),
        "link_local": ("169.254.0.0/16", "fe80::/10"),
        "multicast": ("224.0.0.0/4", "ff00::/8"),
        "reserved": (
            *("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "240.0.0.0/4", "::/128", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    }.items()
    for network in networks
]
_INTERNAL = [
    (ip_network(network), reason)
    for reason, networks in {
        "loopback": ("127.0.0.0/8", "::1/128"),
        "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        "shared": ("100.64.0.0/10",),
    }.items()
    for network in networks
]


class Unanswered(TongbaoError):
    """A call that brought no HTTP answer. `reason` is one word: `timed_out`, `name_unknown`, `tls_failed`,
    `egress_forbidden` or `unreachable`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Forbidden(OSError):
    """An address that may not be dialled. An OSError, so that the client goes on to the next address, if any."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: the status, and the Retry-After header as it was sent."""

    status: int
    retry_after: str | None


@lru_cache(maxsize=4096)
def check_url(url: str, allow_private: bool) -> URL:
    """The URL, parsed as the client will parse it. `allow_private` opens http and the networks of our own house.

    Raises Refusal `egress_forbidden` (422) with `url_host` and `reason`: unreadable, scheme, userinfo, fragment, port,
    host_name, address_encoding, or what the address is: loopback, private, shared, link_local, metadata, multicast,
    reserved.
    """
    try:
        parsed = URL(url)
        host, port = (parsed.raw_host or "").removesuffix("."), parsed.port
    except ValueError:
        raise Refusal("egress_forbidden", 422, url_host="", reason="unreadable") from None
    reason = _forbidden_form(url, parsed, port, allow_private) or _forbidden_host(host, allow_private)
    if reason:
        raise Refusal("egress_forbidden", 422, url_host=host, reason=reason)
    return parsed


def forbidden_address(address: IPv4Address | IPv6Address, allow_private: bool) -> str | None:
    """Why this address may not be dialled, in one word, or None. Looks through IPv4-mapped and NAT64 addresses."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            address = address.ipv4_mapped
        elif address in _NAT64:
            address = IPv4Address(address.packed[12:])
    for network, reason in _NEVER:
        if address in network:
            return reason
    for network, reason in _INTERNAL:
        if address in network:
            return None if allow_private else reason
    return None if address.version == 4 or address in _GLOBAL_UNICAST else "reserved"


def guarded_session(
    allow_private: bool, *, timeout_seconds: float = 15, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """A client session that dials allowed addresses only, keeps no cookies and heeds no proxy from the environment.

    Idle connections are dropped after four seconds, before the five of the commonest server would drop them under us.
    """

    def dial(info: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]) -> socket.socket:
        family, kind, protocol, _, target = info
        reason = forbidden_address(ip_address(target[0]), allow_private)
        if reason:
            raise _Forbidden(reason)
        return socket.socket(family, kind, protocol)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=60, keepalive_timeout=4, resolver=resolver, socket_factory=dial
        ),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        auto_decompress=False,
        trust_env=False,
    )


async def post(session: aiohttp.ClientSession, url: URL, body: bytes, headers: Mapping[str, str]) -> Answered:
    """One POST. Redirects are not followed: theirs is the answer. Raises Unanswered."""
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            await _drain(response)
            return Answered(response.status, response.headers.get("Retry-After"))
    except TimeoutError:
        raise Unanswered("timed_out") from None
    except aiohttp.ClientConnectorDNSError:
        raise Unanswered("name_unknown") from None
    except aiohttp.ClientSSLError:
        raise Unanswered("tls_failed") from None
    except aiohttp.ClientConnectorError as error:
        raise Unanswered("egress_forbidden" if isinstance(error.os_error, _Forbidden) else "unreachable") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise Unanswered("unreachable") from None


def _forbidden_form(url: str, parsed: URL, port: int | None, allow_private: bool) -> str | None:
    if len(url) > _URL_LIMIT_CHARACTERS or not url.isprintable() or " " in url or "\\" in url:
        return "unreadable"
    if parsed.scheme != "https" and not (allow_private and parsed.scheme == "http"):
        return "scheme"
    if _USERINFO.match(url):
        return "userinfo"
    if "#" in url:
        return "fragment"
    if not port or not (allow_private or port in (80, 443) or port >= 1024):
        return "port"
    return None


def _forbidden_host(host: str, allow_private: bool) -> str | None:
    """Numbers in any spelling but the usual one are refused: resolvers disagree on what they mean."""
    if ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            address = ip_address(host)
        except ValueError:
            return "address_encoding"
        if getattr(address, "scope_id", None):
            return "address_encoding"
        return forbidden_address(address, allow_private)
    if allow_private:
        return None if _NAME.fullmatch(f"{host}.x") else "host_name"
    internal = any(host == name or host.endswith(f".{name}") for name in _INTERNAL_NAMES)
    return None if _NAME.fullmatch(host) and not internal else "host_name"


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read a short answer to its end, so that its connection can be used again. The status stands whatever comes."""
    length = 0
    with suppress(aiohttp.ClientError, TimeoutError):
        while length <= BODY_LIMIT_BYTES and not response.content.at_eof():
            length += len(await response.content.readany())
