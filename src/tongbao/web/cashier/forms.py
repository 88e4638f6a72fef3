"""Forms that buyers send: read, known to be of our page, and each good for one thing."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qs

from fastapi import Request

from tongbao.kit import clock
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.web.context import read_body

_LIFE_SECONDS = 3600
_MOST_FIELDS = 20
_TOKEN = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{8})\.([0-9a-f]{32})", re.ASCII)


async def read_form(request: Request) -> dict[str, str]:
    """The first value of each field. Raises Refusal: `foreign_form` (403) for one that another site sent,
    `body_too_large` (413)."""
    # Browsers of the last years say so; an older one is stopped by the token, which another site cannot read.
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal("foreign_form", 403)
    body = (await read_body(request)).decode(errors="replace")
    if body.count("&") >= _MOST_FIELDS:
        return {}
    return {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}


def new_token(sealer: Sealer, purpose: str) -> str:
    """What a form carries: good for an hour, and for this purpose alone (the link of its page, say)."""
    form_id, at = os.urandom(16).hex(), f"{clock.unix_seconds():08x}"
    return f"{form_id}.{at}.{sealer.prove(_message(purpose, form_id, at)).hex()}"


def read_token(sealer: Sealer, purpose: str, token: str) -> str:
    """The form's own id. Raises Refusal: `foreign_form` (403) for a token that is not ours, `form_expired` (422)."""
    match = _TOKEN.fullmatch(token)
    if not match or not sealer.is_proven(_message(purpose, match[1], match[2]), bytes.fromhex(match[3])):
        raise Refusal("foreign_form", 403)
    if clock.unix_seconds() > int(match[2], 16) + _LIFE_SECONDS:
        raise Refusal("form_expired", 422)
    return match[1]


def _message(purpose: str, form_id: str, at: str) -> bytes:
    return "\n".join(("form", purpose, form_id, at)).encode()
