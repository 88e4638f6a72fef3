"""The bodies about buyers: log-ins, profiles, phone numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from tongbao.web.api.schemas import Body, Name, Text


class SessionRequest(Body):
    """A log-in: the one-time code that the host gave the mini-program."""

    host: Name = Field(examples=["wechat"])
    app_id: Annotated[Text, StringConstraints(min_length=1, max_length=64)] = Field(examples=["wx8888888888888888"])
    code: Annotated[Text, StringConstraints(min_length=1, max_length=512)]
    profile: Annotated[bool, Field(strict=True)] = Field(
        False, description="give the buyer's profile too, where the host has one and the buyer agreed"
    )


class ProfileAnswer(BaseModel):
    """What the buyer let us see. It is handed through: no buyer's row holds it."""

    nickname: str | None
    avatar_url: str | None


class SessionAnswer(BaseModel):
    """Our session. The host's openid and session key stay on the server."""

    token: str
    buyer_id: str
    expires_at: str
    profile: ProfileAnswer | None


class CurrentSession(BaseModel):
    """Whose session it is."""

    buyer_id: str
    host: str
    app_id: str


class PhoneRequest(Body):
    """That the buyer agreed to show the phone number: what the host gave the mini-program for it, as it is."""

    consent: Annotated[Text, StringConstraints(min_length=1, max_length=4096)] = Field(repr=False)


class MaskedPhone(BaseModel):
    """Enough of the number for its owner to know it by."""

    masked: str = Field(examples=["138****8000"])


class PhoneAnswer(BaseModel):
    """A buyer's whole number, `country_code` without plus sign."""

    country_code: str = Field(examples=["86"])
    number: str
    consented_at: str
