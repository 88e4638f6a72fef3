"""The access token of an app (section 9.2): kept while it lives, asked for once by however many wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tongbao.hosts.wechat.api import Api
from tongbao.kit import clock
from tongbao.kit.errors import Rejected, Uncertain

_INVALID = frozenset({"40001", "40014", "42001"})
# In a token's last five minutes WeChat already gives the next one, and takes both.
_RENEWED_BEFORE = timedelta(minutes=4)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    until: datetime


class AccessToken:
    """The stable kind, which every process that asks gets the same of: the other kind dies when a second one asks."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._token: _Token | None = None
        self._fetching: asyncio.Task[_Token] | None = None

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What WeChat answers to a POST that carries the token. One that it does not take any more is asked for anew,
        once; it looks at nothing else before the token, so the body's code is still good.

        Raises Rejected, Unavailable or Uncertain.
        """
        token = await self._get()
        try:
            return await self._api.post(path, {"access_token": token.text}, body)
        except Rejected as error:
            if error.code not in _INVALID:
                raise
        if self._token is token:
            self._token = None
        token = await self._get()
        return await self._api.post(path, {"access_token": token.text}, body)

    async def _get(self) -> _Token:
        if self._token and clock.now() < self._token.until:
            return self._token
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        return await asyncio.shield(self._fetching)

    async def _fetch(self) -> _Token:
        try:
            app, asked_at = self._api.app, clock.now()
            # Not by force: that kills the token under whoever holds it, and may be done twenty times a day.
            question = {"grant_type": "client_credential", "appid": app.app_id, "secret": app.app_secret}
            answer = await self._api.post("/cgi-bin/stable_token", {}, question | {"force_refresh": False})
            text, seconds = answer.get("access_token"), answer.get("expires_in")
            if not (isinstance(text, str) and text and type(seconds) is int):
                raise Uncertain("malformed", http_status=200)
            self._token = _Token(text, asked_at + timedelta(seconds=seconds) - _RENEWED_BEFORE)
            return self._token
        finally:
            self._fetching = None
