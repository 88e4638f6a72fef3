"""What an H5 order's buyer is sent to: the address, and what it says (protocol 2.1)."""

from __future__ import annotations

import zlib
from urllib.parse import parse_qs, urlsplit

PATH = "/cgi-bin/mmpayweb-bin/checkmweb"


def page_url(base_url: str, prepay_id: str) -> str:
    """The h5_url for a prepay_id. The real host is another one; here the page is served beside the API."""
    return f"{base_url}{PATH}?prepay_id={prepay_id}&package={package(prepay_id)}"


def prepay_id_in(url: str) -> str | None:
    """The prepay_id an h5_url is for, whatever was appended to it; None if it is not one that `page_url` made."""
    path, _, query = url.partition("?")
    given = parse_qs(query)
    prepay_id = given.get("prepay_id", [""])[0]
    genuine = path.endswith(PATH) and given.get("package") == [package(prepay_id)]
    return prepay_id if genuine else None


def package(prepay_id: str) -> str:
    """The number beside the prepay_id."""
    return str(zlib.crc32(prepay_id.encode(errors="replace")))


def redirect_url_in(url: str) -> str | None:
    """Where the shop wants its buyer back, if it appended that."""
    return next(iter(parse_qs(url.partition("?")[2]).get("redirect_url", [])), None)


def host_in(url: str) -> str | None:
    """The host of a page's address; None if it is no such address."""
    try:
        parts = urlsplit(url)
        return parts.hostname if parts.scheme in ("http", "https") and url.isprintable() else None
    except ValueError:
        return None
