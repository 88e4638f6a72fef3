"""Who is using the app: log-in codes, tokens, profiles and phone numbers (protocol 6.2, 6.3)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from tongbao_sandbox.alipay import answers, credentials, errors, signing
from tongbao_sandbox.alipay.asking import BARE_METHODS, Asked, Reply, Verb
from tongbao_sandbox.alipay.credentials import OPEN_ID, App, Person
from tongbao_sandbox.alipay.errors import Refusal
from tongbao_sandbox.clock import Clock
from tongbao_sandbox.gateway import ControlError

CODE_LIFE_SECONDS = 180
"""The real ones live from three minutes to a day."""
TOKEN_LIFE_SECONDS = 15 * 86400
REFRESH_LIFE_SECONDS = 30 * 86400
BASE, PROFILE = "auth_base", "auth_user"


@dataclass(slots=True)
class Code:
    """A log-in code, as `my.getAuthCode` gives it: for one app and one use."""

    app_id: str
    open_id: str
    scopes: list[str]
    expires_at: float


@dataclass(slots=True)
class Token:
    """An access token, or the refresh token beside it."""

    app_id: str
    open_id: str
    scopes: list[str]
    started_at: float
    expires_at: float


class People:
    """Log-in codes and tokens of every app."""

    def __init__(self, clock: Clock, apps: Mapping[str, App], saved: Mapping[str, Any]) -> None:
        self._clock = clock
        self._apps = apps
        self._codes = {code: Code(**facts) for code, facts in saved.get("codes", {}).items()}
        self._tokens = {token: Token(**facts) for token, facts in saved.get("tokens", {}).items()}
        self._refreshers = {token: Token(**facts) for token, facts in saved.get("refreshers", {}).items()}
        oauth, share = BARE_METHODS
        self.verbs: Mapping[str, Verb] = {oauth: self._exchange, share: self._share}

    def snapshot(self) -> dict[str, object]:
        """Codes and tokens, as JSON can hold them."""
        return {"codes": self._codes, "tokens": self._tokens, "refreshers": self._refreshers}

    def clear(self) -> None:
        """Forget them."""
        self._codes.clear()
        self._tokens.clear()
        self._refreshers.clear()

    async def login(self, wish: Mapping[str, Any]) -> object:
        """`{"app_id"?, "open_id"?, "user_id"?, "scopes"?: "auth_base"|"auth_user"|[…], "nick_name"?, "mobile"?}` →
        `{"auth_code"}`: what my.getAuthCode gives. A new open_id or user_id is a new buyer."""
        app, person = self._person(wish)
        scopes = wish.get("scopes", [BASE])
        scopes = [scopes] if isinstance(scopes, str) else scopes
        if not isinstance(scopes, list) or not set(scopes) <= {BASE, PROFILE}:
            raise ControlError(400, "wish_unreadable", f"scopes are {BASE} and {PROFILE}")
        code, now = secrets.token_hex(16), self._clock.now()
        for old in [old for old, facts in islice(self._codes.items(), 2) if facts.expires_at <= now]:
            del self._codes[old]
        self._codes[code] = Code(app.app_id, person.open_id, scopes, now + CODE_LIFE_SECONDS)
        return {"auth_code": code}

    async def phone(self, wish: Mapping[str, Any]) -> object:
        """`{"app_id"?, "open_id"?, "user_id"?, "mobile"?, "mutate"?: "sign"|"plain"}` → `{"response"}`: the text that
        my.getPhoneNumber gives. `sign` spoils its signature; `plain` is the error of an app without an AES key."""
        app, person = self._person(wish)
        if wish.get("mutate") == "plain":
            refused = {"code": "40001", "msg": "Missing Required Arguments", "subCode": "isv.missing-encrypt-key"}
            return {"response": orjson.dumps({"response": orjson.dumps(refused).decode()}).decode()}
        told = {"code": "10000", "msg": "Success", "mobile": person.mobile}
        response = signing.encrypted(app.papers.aes_key, orjson.dumps(told).decode())
        signature = app.sign(f'"{response}"'.encode(), certified=wish.get("certified") is True)
        if wish.get("mutate") == "sign":
            signature = f"A{signature[1:]}" if signature[0] != "A" else f"B{signature[1:]}"
        facts = {"response": response, "sign": signature, "sign_type": "RSA2", "encrypt_type": "AES"}
        return {"response": orjson.dumps({**facts, "charset": "UTF-8"}).decode()}

    def _person(self, wish: Mapping[str, Any]) -> tuple[App, Person]:
        """The app and buyer of a wish; a buyer it names is one from now on. Raises ControlError."""
        app = self._apps.get(str(wish.get("app_id", next(iter(self._apps)))))
        if app is None:
            raise ControlError(404, "app_unknown", f"no such app_id: {wish.get('app_id')!r}")
        numbers = [str(wish[name]) for name in ("open_id", "user_id") if wish.get(name)]
        person = app.person(numbers[0] if numbers else None)
        if person is None:
            open_id = str(wish.get("open_id") or credentials.new_open_id())
            person = Person(str(wish.get("user_id") or credentials.new_user_id()), open_id)
            app.welcome(person)
        person.mobile = str(wish.get("mobile", person.mobile))
        person.nick_name = str(wish.get("nick_name", person.nick_name))
        return app, person

    def _exchange(self, asked: Asked) -> Reply:
        """A code or a refresh token for tokens. What is wrong stands under `error_response`."""
        grant = asked.params.get("grant_type")
        if grant == "authorization_code":
            return self._new_tokens(asked.app, self._used(asked.app, str(asked.params.get("code"))))
        if grant == "refresh_token":
            return self._new_tokens(asked.app, self._refreshed(asked.app, str(asked.params.get("refresh_token"))))
        raise _refused("isv.grant-type-invalid", "授权类型grant_type无效")

    def _used(self, app: App, code: str) -> Code:
        facts = self._codes.get(code)
        if facts is None or facts.expires_at <= self._clock.now():
            raise _refused("isv.code-invalid", "授权码code无效")
        if facts.app_id != app.app_id:
            raise _refused("isv.unmatched-app-id", "授权码对应的AppId与当前应用AppId不一致")
        return self._codes.pop(code)

    def _refreshed(self, app: App, token: str) -> Token:
        facts = self._refreshers.get(token)
        if facts is None or facts.app_id != app.app_id:
            raise _refused("isv.refresh-token-invalid", "刷新令牌refresh_token无效")
        if facts.expires_at <= self._clock.now():
            raise _refused("isv.refresh-token-time-out", "刷新令牌refresh_token超时")
        return self._refreshers.pop(token)

    def _new_tokens(self, app: App, grant: Code | Token) -> Reply:
        person, now = app.person(grant.open_id), self._clock.now()
        assert person is not None
        access, refresh = (f"{kind}{secrets.token_hex(19)}" for kind in ("authusrB", "authusrR"))
        facts = app.app_id, grant.open_id, grant.scopes, now
        self._tokens[access] = Token(*facts, now + TOKEN_LIFE_SECONDS)
        self._refreshers[refresh] = Token(*facts, now + REFRESH_LIFE_SECONDS)
        ids = {"open_id": person.open_id} if app.papers.identity == OPEN_ID else {"user_id": person.user_id}
        lives = {"expires_in": TOKEN_LIFE_SECONDS, "re_expires_in": REFRESH_LIFE_SECONDS}
        tokens = {"access_token": access, "refresh_token": refresh, "auth_start": answers.stamp(now)}
        return Reply({**tokens, **lives, **ids}, bare=True)

    def _share(self, asked: Asked) -> Reply:
        token = self._tokens.get(str(asked.params.get("auth_token")))
        if token is None or token.app_id != asked.app.app_id:
            raise Refusal("20001", "aop.invalid-auth-token", "无效的访问令牌")
        if token.expires_at <= self._clock.now():
            raise Refusal("20001", "aop.auth-token-time-out", "访问令牌已过期")
        if PROFILE not in token.scopes:
            raise Refusal("40006", "isv.insufficient-user-permissions", "用户权限不足")
        person = asked.app.person(token.open_id)
        assert person is not None
        ids = {"open_id": person.open_id} if asked.app.papers.identity == OPEN_ID else {"user_id": person.user_id}
        profile = {"nick_name": person.nick_name, "gender": "F", "province": "浙江省", "city": "杭州市"}
        avatar = "https://tfs.alipayobjects.com/images/partner/sandbox"
        return Reply({**profile, **ids, "avatar": avatar})


def _refused(sub_code: str, text: str) -> errors.Refusal:
    return Refusal("40002", sub_code, text, nameless=True)
