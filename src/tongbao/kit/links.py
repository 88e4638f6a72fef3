"""Links that prove themselves: a page anybody may open who was given its address, and nobody who guesses or changes it.

A link's last part is `thing id . 40 letters`: base64url of whose the thing is and of a proof over purpose, owner and
thing. The owner is in it so that every query behind it can name its merchant.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from tongbao.kit.ids import BODY_LENGTH
from tongbao.kit.sealing import Sealer

_OWNER_BYTES = BODY_LENGTH // 2
_TOKEN = re.compile(r"[A-Za-z0-9_-]{40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link leads to, and whose that is."""

    owner_id: str
    thing_id: str


def write(sealer: Sealer, purpose: str, link: Link) -> str:
    """The last part of a link's path. A link for one purpose is none for another."""
    owner = bytes.fromhex(link.owner_id[-BODY_LENGTH:])
    proof = sealer.prove(_message(purpose, link))
    return f"{link.thing_id}.{base64.urlsafe_b64encode(owner + proof).decode()}"


def read(sealer: Sealer, purpose: str, owner_prefix: str, text: str) -> Link | None:
    """What a link leads to; None for one that we did not write."""
    thing_id, _, token = text.rpartition(".")
    if not thing_id or not _TOKEN.fullmatch(token):
        return None
    raw = base64.urlsafe_b64decode(token)
    link = Link(owner_prefix + raw[:_OWNER_BYTES].hex(), thing_id)
    return link if sealer.is_proven(_message(purpose, link), raw[_OWNER_BYTES:]) else None


def _message(purpose: str, link: Link) -> bytes:
    return "\n".join((purpose, link.owner_id, link.thing_id)).encode(errors="surrogatepass")
