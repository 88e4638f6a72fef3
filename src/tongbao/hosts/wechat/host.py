"""Log-in to a WeChat mini-program (`jscode2session`; section 9.1 of the protocol)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from yarl import URL

from tongbao.hosts.model import Identity
from tongbao.kit.errors import ChannelError, Refusal, Rejected, Unavailable, Uncertain

SECRET_FIELDS = frozenset({"app_secret"})
_BASE_URL = "https://api.weixin.qq.com"
_TIMEOUT_SECONDS = 8.0
_CONNECT_TIMEOUT_SECONDS = 3.0

# System busy, and more than a hundred log-ins of one user in a minute. Every other errcode is a no about this code,
# this user or this app, and the cure is a new log-in or a better setting.
_TRY_AGAIN = frozenset({-1, 45011})


@dataclass(frozen=True, slots=True)
class App:
    """One mini-program, and where its platform is reached."""

    app_id: str
    app_secret: str = field(repr=False)
    base_url: str
    timeout_seconds: float


class WeChat:
    """The WeChat platform for one mini-program."""

    name = "wechat"

    def __init__(self, app: App, transport: aiohttp.ClientSession) -> None:
        self._app = app
        self._transport = transport
        self._timeout = aiohttp.ClientTimeout(
            total=app.timeout_seconds, connect=min(_CONNECT_TIMEOUT_SECONDS, app.timeout_seconds / 2)
        )

    async def exchange_code(self, code: str) -> Identity:
        """Ask who logged in. A code works once, and for five minutes."""
        question = {
            "appid": self._app.app_id,
            "secret": self._app.app_secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        status, answer = await self._get(f"{self._app.base_url}/sns/jscode2session?{urlencode(question)}")
        return read_session(status, answer)

    async def _get(self, url: str) -> tuple[int, bytes]:
        request = self._transport.get(URL(url, encoded=True), timeout=self._timeout, allow_redirects=False)
        try:
            async with request as response:
                return response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            failure: ChannelError = Unavailable("unreachable", type(error).__name__)
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = Uncertain("no_answer", type(error).__name__)
        # Raised out here and not in the handlers: aiohttp's own errors quote the URL, which holds the app's secret,
        # and they would hang on ours as its context.
        raise failure


def read_session(status: int, answer: bytes) -> Identity:
    """Who an answer says it is. Raises Rejected, Unavailable or Uncertain; `errmsg` is kept, and holds no secret.

    The status is 200 whatever happened, and `errcode` may be 0 or missing where all is well.
    """
    try:
        fields = orjson.loads(answer)
        code, message = fields.get("errcode", 0), str(fields.get("errmsg", ""))[:256]
    except (ValueError, AttributeError):
        code, message = None, ""
    if type(code) is not int:
        raise Uncertain("malformed", http_status=status)
    if code in _TRY_AGAIN:
        raise Unavailable(str(code), message, status)
    if code:
        raise Rejected(str(code), message, status)
    subject = fields.get("openid")
    if status != 200 or not (isinstance(subject, str) and subject):
        raise Uncertain("malformed", http_status=status)
    return Identity(subject, fields.get("unionid") or None, fields.get("session_key") or None)


def read_app(settings: Mapping[str, Any]) -> App:
    """Check the settings of one app. Raises Refusal `invalid_app` with `field` and `reason`."""
    return App(
        app_id=_text(settings, "app_id", r"wx\w{8,30}", "expected the mini-program's AppID, which begins with wx"),
        app_secret=_text(settings, "app_secret", r"[\x21-\x7e]{16,128}", "expected the mini-program's AppSecret"),
        base_url=_BASE_URL if settings.get("base_url") is None else _base_url(settings),
        timeout_seconds=_timeout_seconds(settings),
    )


def _base_url(settings: Mapping[str, Any]) -> str:
    reason = f"expected scheme and host, for example {_BASE_URL}, without a path"
    return _text(settings, "base_url", r"https?://[^/?#@\s]+/?", reason).rstrip("/")


def _timeout_seconds(settings: Mapping[str, Any]) -> float:
    seconds = settings.get("timeout_seconds", _TIMEOUT_SECONDS)
    if type(seconds) not in (int, float) or not 0 < seconds <= 60:
        raise _invalid("timeout_seconds", "expected a number of seconds above 0 and at most 60")
    return float(seconds)


def _text(settings: Mapping[str, Any], name: str, pattern: str, reason: str) -> str:
    value = settings.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise _invalid(name, reason)
    return value


def _invalid(name: str, reason: str) -> Refusal:
    # The value is never quoted: it may be a secret put into the wrong field.
    return Refusal("invalid_app", 400, field=name, reason=reason)
