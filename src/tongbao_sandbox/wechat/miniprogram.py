"""The mini-program site (port offset 2), `api.weixin.qq.com`: log-in codes, access tokens and phone numbers (protocol
9.1 to 9.3), and the log-in of pages inside WeChat (`oauth`).

Everything is answered with HTTP 200; a failure has `errcode` and `errmsg`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.wechat import oauth, phones
from tongbao_sandbox.wechat.credentials import App
from tongbao_sandbox.wechat.oauth import Failure, OAuth
from tongbao_sandbox.wechat.phones import PhoneCode

CODE_LIFE_SECONDS = 300
CALLS_PER_USER_AND_MINUTE = 100
TOKEN_LIFE_SECONDS = 7200
TOKEN_OVERLAP_SECONDS = 300
FORCED_PER_DAY = 20
FORCED_APART_SECONDS = 30


@dataclass(slots=True)
class Code:
    """A log-in code, as `wx.login` would give it. `high_risk` buyers are turned away when it is exchanged."""

    appid: str
    openid: str
    unionid: str | None
    high_risk: bool
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class Tokens:
    """An app's access tokens of one kind, each with the moment it dies; `newest` is the current one."""

    newest: str = ""
    lives: dict[str, float] = field(default_factory=dict)
    forced_at: list[float] = field(default_factory=list)

    def renew(self, now: float) -> str:
        """A new token; the one before lives five minutes more, or less if it would have died sooner."""
        living = {token: until for token, until in self.lives.items() if until > now}
        self.lives = {token: min(until, now + TOKEN_OVERLAP_SECONDS) for token, until in living.items()}
        self.newest = secrets.token_urlsafe(96)
        self.lives[self.newest] = now + TOKEN_LIFE_SECONDS
        return self.newest


class MiniProgramApi:
    """Log-in codes and tokens of every app."""

    def __init__(self, around: Surroundings, apps: Mapping[str, App], saved: Mapping[str, Any]) -> None:
        self._around = around
        self._apps = apps
        self._codes: dict[str, Code] = {code: Code(**facts) for code, facts in saved.get("codes", {}).items()}
        self._phones = {code: PhoneCode(**facts) for code, facts in saved.get("phones", {}).items()}
        self._tokens: dict[str, Tokens] = {key: Tokens(**facts) for key, facts in saved.get("tokens", {}).items()}
        self._session_keys: dict[str, str] = dict(saved.get("session_keys", {}))
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._oauth = OAuth(around, apps, saved.get("oauth", {}))

    def snapshot(self) -> dict[str, object]:
        """Codes, tokens and session keys, as JSON can hold them."""
        keys = {"tokens": self._tokens, "session_keys": self._session_keys, "oauth": self._oauth.snapshot()}
        return {"codes": self._codes, "phones": self._phones, **keys}

    def reset(self) -> None:
        """Forget them."""
        self._codes.clear()
        self._phones.clear()
        self._tokens.clear()
        self._session_keys.clear()
        self._calls.clear()
        self._oauth.reset()

    def login(self, appid: str, openid: str, unionid: str | None, high_risk: bool) -> str:
        """What `wx.login` gives this buyer: a code for five minutes and one use."""
        code, now = f"0{secrets.token_hex(15)}w", self._around.clock.now()
        for old in [old for old, facts in islice(self._codes.items(), 2) if facts.expires_at <= now]:
            del self._codes[old]
        self._codes[code] = Code(appid, openid, unionid, high_risk, now + CODE_LIFE_SECONDS)
        return code

    def phone(self, appid: str, openid: str, number: str, country_code: str) -> dict[str, str]:
        """What the phone-number button gives: a code for five minutes and one use, and the older form, encrypted under
        the session key, if the buyer has logged in."""
        now = self._around.clock.now()
        phone = PhoneCode(appid, openid, number, country_code, now + CODE_LIFE_SECONDS)
        code = secrets.token_hex(32)
        self._phones[code] = phone
        session_key = self._session_keys.get(f"{appid} {openid}")
        return {"code": code} | (phones.encrypted(phone, session_key, now) if session_key else {})

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path, _, query = request.raw_path.partition("?")
        if (request.method, path) == ("GET", oauth.AUTHORIZE):
            page = self._oauth.authorize(dict(parse_qsl(query)))
            self._around.log.write("wechat", "request", f"GET {path}", "ok" if page.status == 302 else "refused")
            return page
        try:
            answer = self._act(request.method, path, dict(parse_qsl(query)), await request.read())
            verdict = "ok"
        except Failure as failure:
            # The real errmsg ends with a request id that support people ask for.
            rid = f"{secrets.token_hex(4)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
            answer = {"errcode": failure.errcode, "errmsg": f"{failure}, rid: {rid}"}
            verdict = f"{failure.errcode} {failure}"
        except LookupError:
            self._around.log.write("wechat", "request", f"{request.method} {path}", "404")
            return web.Response(status=404, text="404 Not Found")
        # The query holds the app's secret, so the log gets the path alone.
        self._around.log.write("wechat", "request", f"{request.method} {path}", verdict)
        return web.Response(body=orjson.dumps(answer), content_type="application/json", charset="utf-8")

    def _act(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> dict[str, object]:
        if (method, path) == ("GET", "/sns/jscode2session"):
            return self._exchange(query)
        if (method, path) == ("GET", oauth.EXCHANGE):
            return self._oauth.exchange(self._app(query, is_web=True), query)
        if (method, path) == ("GET", "/cgi-bin/token"):
            return self._token(query)
        if (method, path) == ("POST", "/cgi-bin/stable_token"):
            return self._stable_token(_object(body))
        if (method, path) == ("GET", "/wxa/checksession"):
            return self._check_session(query)
        if (method, path) == ("POST", "/wxa/business/getuserphonenumber"):
            return self._phone_number(query, body)
        raise LookupError(path)

    def _exchange(self, query: Mapping[str, str]) -> dict[str, object]:
        """`jscode2session`."""
        app = self._app(query)
        if "js_code" not in query:
            raise Failure(41008, "missing code")
        if query.get("grant_type") != "authorization_code":
            raise Failure(40002, "invalid grant_type")
        now, code = self._around.clock.now(), self._codes.get(query["js_code"])
        if code is None or code.appid != app.appid or now >= code.expires_at:
            raise Failure(40029, "invalid code")
        if code.used:
            raise Failure(40163, "code been used")
        self._count(code.openid, now)
        code.used = True
        if code.high_risk:
            raise Failure(40226, "code blocked")
        session_key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._session_keys[f"{app.appid} {code.openid}"] = session_key
        union = {} if code.unionid is None else {"unionid": code.unionid}
        return {"session_key": session_key, "openid": code.openid, **union}

    def _token(self, query: Mapping[str, str]) -> dict[str, object]:
        """`/cgi-bin/token`: every call makes a new token, the one before lives five more minutes."""
        app = self._app(query)
        if query.get("grant_type") != "client_credential":
            raise Failure(40002, "invalid grant_type")
        token = self._kind(app, "plain").renew(self._around.clock.now())
        return {"access_token": token, "expires_in": TOKEN_LIFE_SECONDS}

    def _stable_token(self, wish: Mapping[str, Any]) -> dict[str, object]:
        """`/cgi-bin/stable_token`: the current token until its last five minutes, unless forced."""
        app = self._app(wish)
        if wish.get("grant_type") != "client_credential":
            raise Failure(40002, "invalid grant_type")
        tokens, now = self._kind(app, "stable"), self._around.clock.now()
        if wish.get("force_refresh") is True:
            self._allow_force(tokens, now)
            tokens.lives.clear()
        if tokens.lives.get(tokens.newest, 0) - now <= TOKEN_OVERLAP_SECONDS:
            tokens.renew(now)
        return {"access_token": tokens.newest, "expires_in": int(tokens.lives[tokens.newest] - now)}

    def _check_session(self, query: Mapping[str, str]) -> dict[str, object]:
        """`/wxa/checksession`: whether the signature of nothing is by this user's newest session key."""
        appid = self._bearer(query.get("access_token", ""))
        if query.get("sig_method") != "hmac_sha256":
            raise Failure(87008, "invalid sig_method")
        session_key = self._session_keys.get(f"{appid} {query.get('openid')}", "")
        expected = hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest()
        if not session_key or not hmac.compare_digest(expected, query.get("signature", "")):
            raise Failure(87009, "invalid signature")
        return {"errcode": 0, "errmsg": "ok"}

    def _phone_number(self, query: Mapping[str, str], body: bytes) -> dict[str, object]:
        """`/wxa/business/getuserphonenumber`: the number behind a code, for the app that the button was in."""
        appid, wish, now = self._bearer(query.get("access_token", "")), _object(body), self._around.clock.now()
        phone = self._phones.get(str(wish.get("code")))
        if phone is None or phone.appid != appid or phone.used or now >= phone.expires_at:
            raise Failure(40029, "invalid code")
        if wish.get("openid", phone.openid) != phone.openid:
            raise Failure(40029, "invalid code")
        self._count(f"phone {phone.openid}", now)
        phone.used = True
        return {"errcode": 0, "errmsg": "ok", "phone_info": phones.info(phone, now)}

    def _bearer(self, token: str) -> str:
        """The app whose living access token this is, of either kind. Raises Failure."""
        now = self._around.clock.now()
        for key, tokens in self._tokens.items():
            if tokens.lives.get(token, 0) > now:
                return key.split()[0]
        raise Failure(40001, "invalid credential, access_token is invalid or not latest")

    def _allow_force(self, tokens: Tokens, now: float) -> None:
        """Twenty forced refreshes a day, thirty seconds apart. Raises Failure."""
        tokens.forced_at = [at for at in tokens.forced_at if at > now - 86400]
        if len(tokens.forced_at) >= FORCED_PER_DAY:
            raise Failure(45009, "reach max api daily quota limit")
        if tokens.forced_at and now - tokens.forced_at[-1] < FORCED_APART_SECONDS:
            raise Failure(45011, "api minute-quota reach limit, must slower, retry next minute")
        tokens.forced_at.append(now)

    def _app(self, given: Mapping[str, Any], *, is_web: bool = False) -> App:
        """The app that asks, with its secret checked: a mini-program, or what has pages. Raises Failure."""
        if not given.get("appid"):
            raise Failure(41002, "appid missing")
        if not given.get("secret"):
            raise Failure(41004, "appsecret missing")
        app = self._apps.get(str(given["appid"]))
        if app is None or app.is_web != is_web:
            raise Failure(40013, "invalid appid")
        if not secrets.compare_digest(app.secret.encode(), str(given["secret"]).encode()):
            raise Failure(40125, "invalid appsecret")
        return app

    def _count(self, openid: str, now: float) -> None:
        """A hundred calls a minute for each user. Raises Failure."""
        calls = self._calls[openid]
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if len(calls) >= CALLS_PER_USER_AND_MINUTE:
            raise Failure(45011, "api minute-quota reach limit, must slower, retry next minute")
        calls.append(now)

    def _kind(self, app: App, kind: str) -> Tokens:
        return self._tokens.setdefault(f"{app.appid} {kind}", Tokens())


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Failure(47001, "data format error") from None
    if not isinstance(value, dict):
        raise Failure(47001, "data format error")
    return value
