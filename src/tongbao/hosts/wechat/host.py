"""A WeChat mini-program: log-in (section 9.1 of the protocol) and phone numbers (9.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from tongbao.hosts.model import Identity, PhoneNumber
from tongbao.hosts.wechat.access_token import AccessToken
from tongbao.hosts.wechat.api import Api, App, read_identity
from tongbao.kit.errors import Rejected, Uncertain


class WeChat:
    """The WeChat platform for one mini-program."""

    name = "wechat"

    def __init__(self, app: App, transport: aiohttp.ClientSession) -> None:
        self._api = Api(app, transport)
        self._access_token = AccessToken(self._api)

    async def exchange_code(self, code: str, *, profile: bool = False) -> Identity:
        """Ask who logged in. A code works once, and for five minutes. There is no profile: WeChat shows nickname and
        picture to its mini-programs only where the buyer types them in."""
        question = {
            "appid": self._api.app.app_id,
            "secret": self._api.app.app_secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        return read_identity(await self._api.get("/sns/jscode2session", question))

    async def phone_number(self, consent: str) -> PhoneNumber:
        """Exchange the code that the button `getPhoneNumber` gave: it works once, and for five minutes."""
        path, body = "/wxa/business/getuserphonenumber", {"code": consent}
        return read_phone_number(await self._access_token.post(path, body))

    def login_url(self, redirect_uri: str, state: str) -> str:
        """A mini-program has no page to log in on: it asks `wx.login`."""
        raise Rejected("unsupported")


def read_phone_number(fields: Mapping[str, Any]) -> PhoneNumber:
    """The number in an answer. Raises Rejected(`no_phone_number`), or Uncertain for anything that is none."""
    try:
        info = fields["phone_info"]
        if info["purePhoneNumber"] == "":
            raise Rejected("no_phone_number")
        # The country code is a text in the document's table and a number in its example.
        return PhoneNumber(str(info["countryCode"]), info["purePhoneNumber"])
    except (ValueError, TypeError, KeyError):
        raise Uncertain("malformed", http_status=200) from None
