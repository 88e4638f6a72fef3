"""Pages inside WeChat ask who reads them: an official account's silent log-in (网页授权, `snsapi_base`).

`open.weixin.qq.com` and `api.weixin.qq.com` are two hosts with the real one; here both are the mini-program site. The
reader is the account's usual buyer, who agrees to everything at once, as with the real one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.wechat.credentials import App

AUTHORIZE = "/connect/oauth2/authorize"
EXCHANGE = "/sns/oauth2/access_token"
SCOPE = "snsapi_base"
CODE_LIFE_SECONDS = 300
TOKEN_LIFE_SECONDS = 7200
_MOST_STATE = 128


class Failure(Exception):
    """An errcode and its errmsg."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.errcode = errcode


@dataclass(slots=True)
class Consent:
    """A code that the browser was sent back with."""

    appid: str
    openid: str
    expires_at: float
    used: bool = False


class OAuth:
    """The codes that were given out."""

    def __init__(self, around: Surroundings, apps: Mapping[str, App], saved: Mapping[str, Any]) -> None:
        self._around = around
        self._apps = apps
        self._codes: dict[str, Consent] = {code: Consent(**facts) for code, facts in saved.items()}

    def snapshot(self) -> dict[str, object]:
        """The codes, as JSON can hold them."""
        return dict(self._codes)

    def reset(self) -> None:
        """Forget them."""
        self._codes.clear()

    def authorize(self, query: Mapping[str, str]) -> web.Response:
        """The log-in page: sends the browser back with `code` and `state`, or shows why not (附录 1)."""
        try:
            back = self._checked(query)
        except Failure as failure:
            return _page(failure)
        app = self._apps[query["appid"]]
        code, now = f"0{secrets.token_hex(15)}e", self._around.clock.now()
        for old in [old for old, facts in islice(self._codes.items(), 2) if facts.expires_at <= now]:
            del self._codes[old]
        self._codes[code] = Consent(app.appid, app.openid, now + CODE_LIFE_SECONDS)
        parameters = {"code": code, "state": query.get("state", "")}
        location = f"{back}{'&' if urlsplit(back).query else '?'}{urlencode(parameters)}"
        return web.Response(status=302, headers={"Location": location})

    def exchange(self, app: App, query: Mapping[str, str]) -> dict[str, object]:
        """`/sns/oauth2/access_token`: whose code it is. Raises Failure."""
        if not query.get("code"):
            raise Failure(41008, "missing code")
        if query.get("grant_type") != "authorization_code":
            raise Failure(40002, "invalid grant_type")
        consent = self._codes.get(query["code"])
        if consent is None or consent.appid != app.appid or self._around.clock.now() >= consent.expires_at:
            raise Failure(40029, "invalid code")
        if consent.used:
            raise Failure(40163, "code been used")
        consent.used = True
        return {
            "access_token": secrets.token_urlsafe(80),
            "expires_in": TOKEN_LIFE_SECONDS,
            "refresh_token": secrets.token_urlsafe(80),
            "openid": consent.openid,
            "scope": SCOPE,
        }

    def _checked(self, query: Mapping[str, str]) -> str:
        """Where to send the browser back to. Raises Failure with the page's own error numbers."""
        if not query.get("appid"):
            raise Failure(10012, "appid不能为空")
        app = self._apps.get(query["appid"])
        if app is None or not app.is_web:
            raise Failure(10016, "请使用公众号的AppID")
        if not query.get("redirect_uri"):
            raise Failure(10011, "redirect_uri不能为空")
        back = urlsplit(query["redirect_uri"])
        if back.scheme not in ("http", "https") or not back.hostname:
            raise Failure(10003, "redirect_uri域名与后台配置不一致")
        if not query.get("scope"):
            raise Failure(10010, "scope不能为空")
        if query["scope"] != SCOPE or query.get("response_type") != "code":
            raise Failure(10005, "Scope参数错误或没有Scope权限")
        state = query.get("state", "")
        if len(state) > _MOST_STATE or (state and not (state.isascii() and state.isalnum())):
            raise Failure(10013, "state参数错误")
        return back._replace(fragment="").geturl()


def _page(failure: Failure) -> web.Response:
    html = (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<title>网页授权（沙箱）</title><link rel="icon" href="data:,">'
        f"<p>{escape(str(failure))}<br>错误码：{failure.errcode}</p></html>"
    )
    return web.Response(text=html, content_type="text/html")
