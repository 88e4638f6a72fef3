"""WeChat's servers as such, for everything that has an AppID: asking, and sorting what they answer (section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from yarl import URL

from tongbao.hosts.model import Identity
from tongbao.hosts.settings import check
from tongbao.kit.errors import ChannelError, Rejected, Unavailable, Uncertain

SECRET_FIELDS = frozenset({"app_secret"})
_BASE_URL = "https://api.weixin.qq.com"
_CONNECT_TIMEOUT_SECONDS = 3.0

# System busy, and more than a hundred questions about one user in a minute. Every other errcode is a no about this
# code, this user or this app, and the cure is a new code or a better setting.
_TRY_AGAIN = frozenset({-1, 45011})


@dataclass(frozen=True, slots=True)
class App:
    """One mini-program or official account, and where its platform is reached."""

    app_id: str
    app_secret: str = field(repr=False)
    base_url: str
    timeout_seconds: float


def read_app(settings: Mapping[str, Any]) -> App:
    """Check the settings of one app. Raises Refusal `invalid_app` with `field` and `reason`."""
    return App(
        app_id=check.text(settings, "app_id", r"wx\w{8,30}", "expected the AppID, which begins with wx"),
        app_secret=check.text(settings, "app_secret", r"[\x21-\x7e]{16,128}", "expected the AppSecret"),
        base_url=check.address(settings, "base_url", _BASE_URL),
        timeout_seconds=check.timeout_seconds(settings),
    )


class Api:
    """The servers, as one app asks them."""

    def __init__(self, app: App, transport: aiohttp.ClientSession) -> None:
        self.app = app
        self._transport = transport
        self._timeout = aiohttp.ClientTimeout(
            total=app.timeout_seconds, connect=min(_CONNECT_TIMEOUT_SECONDS, app.timeout_seconds / 2)
        )

    async def get(self, path: str, question: Mapping[str, str]) -> Mapping[str, Any]:
        """What they answer to a GET. Raises Rejected, Unavailable or Uncertain."""
        return read_answer(*await self._ask("GET", path, question, None))

    async def post(self, path: str, question: Mapping[str, str], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What they answer to a POST of JSON. Raises Rejected, Unavailable or Uncertain."""
        return read_answer(*await self._ask("POST", path, question, orjson.dumps(body)))

    async def _ask(self, method: str, path: str, question: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        url = URL(f"{self.app.base_url}{path}?{urlencode(question)}", encoded=True)
        headers = {"Content-Type": "application/json"} if body else None
        request = self._transport.request(
            method, url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
        )
        try:
            async with request as response:
                return response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            failure: ChannelError = Unavailable("unreachable", type(error).__name__)
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = Uncertain("no_answer", type(error).__name__)
        # Raised out here and not in the handlers: aiohttp's own errors quote the URL, which holds secrets of the app,
        # and they would hang on ours as its context.
        raise failure


def read_answer(status: int, answer: bytes) -> Mapping[str, Any]:
    """The fields of a yes. Raises Rejected, Unavailable or Uncertain; `errmsg` is kept, and holds no secret.

    The status is 200 whatever happened, and `errcode` may be 0 or missing where all is well.
    """
    try:
        fields: dict[str, Any] = orjson.loads(answer)
        code, message = fields.get("errcode", 0), str(fields.get("errmsg", ""))[:256]
    except (ValueError, AttributeError):
        code, message = None, ""
    if type(code) is not int:
        raise Uncertain("malformed", http_status=status)
    if code in _TRY_AGAIN:
        raise Unavailable(str(code), message, status)
    if code:
        raise Rejected(str(code), message, status)
    if status != 200:
        raise Uncertain("malformed", http_status=status)
    return fields


def read_identity(fields: Mapping[str, Any]) -> Identity:
    """Who an answer says it is. Raises Uncertain where it names nobody."""
    subject = fields.get("openid")
    if not isinstance(subject, str):
        raise Uncertain("malformed", http_status=200)
    return Identity(subject, fields.get("unionid") or None, fields.get("session_key") or None)
