"""A page inside WeChat: an official account's silent log-in (OAuth, `snsapi_base`), which tells who pays and no more.

Not in the protocol sheet's section 9; from WeChat's own pages 网页授权 and 换取用户授权凭证 (`snsAccessToken`).
"""

from __future__ import annotations

from urllib.parse import urlencode

import aiohttp

from tongbao.hosts.model import Identity, PhoneNumber
from tongbao.hosts.wechat.api import Api, App, read_identity
from tongbao.kit.errors import Rejected


class WeChatWeb:
    """The pages of one official account."""

    name = "wechat_web"

    def __init__(self, app: App, open_base_url: str, transport: aiohttp.ClientSession) -> None:
        self._api = Api(app, transport)
        self._open_base_url = open_base_url

    async def exchange_code(self, code: str, *, profile: bool = False) -> Identity:
        """Ask who came to the page. A code works once, and for five minutes. There is no profile: the silent log-in
        does not show it."""
        question = {
            "appid": self._api.app.app_id,
            "secret": self._api.app.app_secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        answer = await self._api.get("/sns/oauth2/access_token", question)
        if answer.get("is_snapshotuser") == 1:
            # Who only previews a page is shown under a name that is nobody's: it cannot pay, and is gone tomorrow.
            raise Rejected("snapshot_user")
        return read_identity(answer)

    async def phone_number(self, consent: str) -> PhoneNumber:
        """Pages are not shown phone numbers."""
        raise Rejected("unsupported")

    def login_url(self, redirect_uri: str, state: str) -> str:
        """Where to send the browser; it comes back to `redirect_uri` with `code` and `state`.

        WeChat checks the address by a pattern: these parameters in this order, and the fragment.
        """
        question = {
            "appid": self._api.app.app_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        }
        return f"{self._open_base_url}/connect/oauth2/authorize?{urlencode(question)}#wechat_redirect"
