"""The addresses of our pages. Each proves itself, so it can be printed or sent, and not be guessed or changed."""

from __future__ import annotations

from urllib.parse import urlsplit

from tongbao.kit import links
from tongbao.kit.errors import Refusal
from tongbao.kit.links import Link
from tongbao.kit.sealing import Sealer
from tongbao.merchants import Directory
from tongbao.web.context import Context

PAY, CODE = "pay", "code"
"""The pages there are: what their addresses begin with, and what their links are proven for."""


def pay_url(context: Context, merchant_id: str, order_id: str) -> str:
    """The page on which an order can be paid: for any browser, and as a code for any phone."""
    return _url(context.sealer, context.directory, PAY, Link(merchant_id, order_id))


def code_url(sealer: Sealer, directory: Directory, merchant_id: str, code_id: str) -> str:
    """The page of a static code."""
    return _url(sealer, directory, CODE, Link(merchant_id, code_id))


def path_of(context: Context, rest: str) -> str:
    """The path of something of ours as browsers see it: a proxy may serve us below a path of its own."""
    return f"{urlsplit(context.directory.public_url).path}/{rest}"


def read(context: Context, page: str, text: str) -> Link:
    """What a link leads to. Raises Refusal `bad_link` (404)."""
    link = links.read(context.sealer, page, "mch", text)
    if link is None:
        raise Refusal("bad_link", 404)
    return link


def _url(sealer: Sealer, directory: Directory, page: str, link: Link) -> str:
    return f"{directory.public_url}/{page}/{links.write(sealer, page, link)}"
