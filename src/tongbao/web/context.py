"""What every door needs, put together once by the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import Request

from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.kit.signals import Signals
from tongbao.merchants import Directory

MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Context:
    """The open database, the merchants' directory, and the operator's choices that the doors depend on."""

    db: Db
    directory: Directory
    sealer: Sealer = field(repr=False)
    signals: Signals
    allow_private_webhooks: bool = False
    is_stopping: Callable[[], bool] = lambda: False


def context_of(request: Request) -> Context:
    """The application's context."""
    context: Context = request.app.state.context
    return context


async def read_body(request: Request) -> bytes:
    """The raw body, at most a million bytes. Raises Refusal(`body_too_large`, 413) without reading the rest."""
    declared = request.headers.get("content-length", "0")
    if len(declared) > 8 or not declared.isdigit() or int(declared) > MAX_BODY_BYTES:
        raise Refusal("body_too_large", 413, limit_bytes=MAX_BODY_BYTES)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Refusal("body_too_large", 413, limit_bytes=MAX_BODY_BYTES)
    return bytes(body)
