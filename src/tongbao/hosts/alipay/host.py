"""An Alipay mini-program: log-in, profile (section 6.2 of the protocol) and phone numbers (6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import structlog

from tongbao.hosts.model import Identity, PhoneNumber, SubjectKind
from tongbao.kit.errors import ChannelError, Rejected, Uncertain, Untrusted
from tongbao.protocols.alipay import Client

_log = structlog.get_logger(__name__)


class Alipay:
    """The Alipay platform for one mini-program."""

    name = "alipay"

    def __init__(self, client: Client) -> None:
        self._client = client

    async def exchange_code(self, code: str, *, profile: bool = False) -> Identity:
        """Ask who logged in. A code works once. Its scope `auth_base` tells who; `auth_user` shows a profile too."""
        fields = {"grant_type": "authorization_code", "code": code}
        answer = await self._client.call("alipay.system.oauth.token", fields=fields)
        identity = read_identity(answer)
        if not profile:
            return identity
        return replace(identity, profile=await self._profile(str(answer["access_token"])))

    async def phone_number(self, consent: str) -> PhoneNumber:
        """Open what `my.getPhoneNumber` gave: Alipay sealed the number for this app, and signed it."""
        return read_phone_number(self._client.open_sealed(*read_consent(consent)))

    def login_url(self, redirect_uri: str, state: str) -> str:
        """A mini-program has no page to log in on: it asks `my.getAuthCode`."""
        raise Rejected("unsupported")

    async def _profile(self, access_token: str) -> Mapping[str, str]:
        try:
            answer = await self._client.call("alipay.user.info.share", fields={"auth_token": access_token})
        except ChannelError as error:
            # The code is used up by now: better a log-in without a profile than none.
            _log.warning("alipay shows no profile", reason=error.code)
            return {}
        seen = {"nickname": answer.get("nick_name"), "avatar_url": answer.get("avatar")}
        return {name: value for name, value in seen.items() if isinstance(value, str) and value}


def read_identity(answer: Mapping[str, Any]) -> Identity:
    """Who an answer says it is. A newer app is told an `open_id` only, an older one the `user_id`.

    Raises Uncertain where it names nobody.
    """
    for kind in (SubjectKind.OPEN_ID, SubjectKind.USER_ID):
        subject = answer.get(kind.value)
        if isinstance(subject, str) and subject and isinstance(answer.get("access_token"), str):
            return Identity(subject, answer.get("union_id") or None, None, kind)
    raise Uncertain("no_subject")


def read_consent(consent: str) -> tuple[str, str | None]:
    """What Alipay sealed, and its signature. Raises Untrusted for what Alipay cannot have given."""
    try:
        given = orjson.loads(consent)
        sealed, signature = given["response"], given.get("sign")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Untrusted("malformed") from None
    if not (isinstance(sealed, str) and isinstance(signature, str | None)):
        raise Untrusted("malformed")
    return sealed, signature


def read_phone_number(opened: Mapping[str, Any]) -> PhoneNumber:
    """The number in what was sealed; a foreign one is `<country>-<number>`.

    Raises Rejected(`no_phone_number`) where none is bound, or Uncertain for anything that is none.
    """
    mobile = opened.get("mobile")
    if mobile == "":
        raise Rejected("no_phone_number")
    country_code, _, number = str(mobile).rpartition("-")
    try:
        return PhoneNumber(country_code or "86", number)
    except ValueError:
        raise Uncertain("malformed") from None
