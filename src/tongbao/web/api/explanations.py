"""Explanations: the story of an order or a notice in words, where it stands, and what to do next."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from tongbao import explanations
from tongbao.web.api.auth import authenticate_merchant
from tongbao.web.api.schemas import answer, refusals
from tongbao.web.context import context_of
from tongbao.web.problems import wants_chinese

router = APIRouter(prefix="/v1", tags=["explanations"])

Language = Literal["en", "zh"]


class SayingAnswer(BaseModel):
    """Something said: branch on `code`, show `text`."""

    code: str
    text: str


class LineAnswer(BaseModel):
    """One thing that happened."""

    at: str
    kind: Literal["order", "attempt", "call", "notice", "refund", "case", "ledger", "webhook"]
    code: str
    text: str
    amount: int | None = Field(None, description="in fen, where money is concerned")
    cure: str | None = Field(None, description="what can be done about it, where something went wrong")
    id: str = Field(description="of the attempt, call, notice, refund, case, posting or event")


class ExplanationAnswer(BaseModel):
    """An order's story, oldest first; where it stands; what a person can do now, the most pressing first."""

    order_id: str
    language: Language
    stands: SayingAnswer
    next: list[SayingAnswer]
    story: list[LineAnswer]


class NoticeExplanationAnswer(BaseModel):
    """What became of a notice, which part of it is wrong, and the cure."""

    notice_id: str
    order_id: str | None
    language: Language
    received_at: str
    verdict: str
    detail: str
    wrong: Literal["nothing", "key", "serial", "time", "body", "account"]
    finding: str
    cure: str


@router.get(
    "/orders/{order_id}/explanation",
    summary="Have an order explained",
    responses={200: {"model": ExplanationAnswer}, **refusals(401, 403, 404)},
)
async def of_order(request: Request, order_id: str) -> Response:
    """Every call, notice, verdict, refund, case, posting and webhook in words, in the language of Accept-Language."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    told = await explanations.explain_order(context.db, context.directory, principal.merchant_id, order_id)
    return _spoken(request, explanations.explanation_view(told, _language(request)))


@router.get(
    "/notices/{notice_id}/explanation",
    summary="Have a gateway's notice explained",
    responses={200: {"model": NoticeExplanationAnswer}, **refusals(401, 403, 404)},
)
async def of_notice(request: Request, notice_id: str) -> Response:
    """Why a notice was refused, or what it came to. What it carried is not shown."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    told = await explanations.explain_notice(context.db, context.directory, principal.merchant_id, notice_id)
    return _spoken(request, explanations.notice_view(told, _language(request)))


def _language(request: Request) -> Language:
    return "zh" if wants_chinese(request) else "en"


def _spoken(request: Request, view: dict[str, Any]) -> Response:
    response = answer(view)
    response.headers["content-language"] = "zh-CN" if wants_chinese(request) else "en"
    return response
