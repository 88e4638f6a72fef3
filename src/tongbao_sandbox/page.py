"""The plain page at the control site's root: what runs here, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from tongbao_sandbox.gateway import Address, Command, Gateway

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tongbao sandbox</title><link rel="icon" href="data:,">
<style>body{{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}}
code{{background:#f3f3f3;padding:.1em .3em}}</style>
<h1>Tongbao sandbox</h1>
<p>Payment gateways in a box. Point any SDK at these addresses, with the test merchant of
<a href="/credentials">/credentials</a>; see what happened in <a href="/log">/log</a>.</p>
<ul>{sites}</ul>
<h2>Control</h2>
<ul>{commands}</ul>
</html>
"""


def front_page(address: Address, gateways: Iterable[Gateway], commands: Mapping[str, Command]) -> str:
    """The whole page; each command is explained by its docstring."""
    sites = "".join(
        f"<li>{escape(site.title)}: <code>{escape(address.url(site.port_offset))}</code></li>"
        for gateway in gateways
        for site in gateway.sites
    )
    listed = "".join(
        f"<li><code>{escape(command)}</code><br>{escape(' '.join((act.__doc__ or '').split()))}</li>"
        for command, act in sorted(commands.items())
    )
    return _PAGE.format(sites=sites, commands=listed)
