"""Refusals as application/problem+json (RFC 9457), with a stable `code`, in the language the caller asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tongbao.kit import ids
from tongbao.kit.db import Conflict
from tongbao.kit.errors import Refusal
from tongbao.web.messages import FIELD_ISSUES, fill, spoken, words_of

_log = structlog.get_logger()
_STATUS_CODES = {404: "not_found", 405: "method_not_allowed"}
_HIDDEN = frozenset({"limit_bytes"})
_SOON = frozenset({"idempotency_in_flight", "payment_in_progress", "conflict"})


class InvalidRequest(Refusal):
    """A request that can be read, but is not as it must be. `errors` are pydantic's, one for each field."""

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("invalid_request", 422)
        self.errors = errors


def problem(refusal: Refusal, request: Request) -> Response:
    """A refusal as problem+json."""
    chinese = wants_chinese(request)
    title, detail = words_of(refusal, chinese=chinese)
    body: dict[str, Any] = {
        "type": f"urn:tongbao:problem:{refusal.code}",
        "title": title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": detail,
    }
    values = spoken(refusal.values, chinese=chinese)
    body |= {name: value for name, value in values.items() if name not in body and name not in _HIDDEN}
    if isinstance(refusal, InvalidRequest):
        body["errors"] = field_errors(refusal.errors, chinese)
    headers = {"content-language": "zh-CN" if chinese else "en"}
    if refusal.status == 503 or refusal.code in _SOON:
        headers["retry-after"] = "1"
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(orjson.dumps(body), refusal.status, headers, "application/problem+json")


def broken(error: Exception, request: Request) -> Response:
    """What broke on our side is logged under an id, and only the id is told. What will pass says when to come again."""
    if isinstance(error, Conflict):
        return problem(Refusal("conflict", 409), request)
    if isinstance(error, (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        _log.error("database does not answer", path=request.url.path, error=type(error).__name__)
        return problem(Refusal("service_unavailable", 503), request)
    error_id = ids.new("err")
    _log.error("unhandled", error_id=error_id, path=request.url.path, exc_info=error)
    return problem(Refusal("internal_error", 500, error_id=error_id), request)


def wants_chinese(request: Request) -> bool:
    """Whether the first language the caller names that we speak is Chinese."""
    for part in request.headers.get("accept-language", "").lower().split(","):
        language = part.split(";")[0].strip()
        if language.startswith("zh"):
            return True
        if language.startswith("en"):
            return False
    return False


def field_errors(errors: Sequence[Mapping[str, Any]], chinese: bool) -> list[dict[str, str]]:
    """Each wrong field as a JSON pointer and what is wrong with it."""
    return [{"field": pointer(item["loc"]), "issue": _issue(item, chinese)} for item in errors[:20]]


def pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _issue(item: Mapping[str, Any], chinese: bool) -> str:
    template = FIELD_ISSUES.get(item["type"]) if chinese else None
    return fill(template, item.get("ctx", {})) if template else str(item["msg"])


def install(app: FastAPI, methods_at: Callable[[str], Iterable[str]]) -> None:
    """Answer every failure of the app as problem+json. `methods_at` tells what an address takes."""

    async def on_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return problem(error, request)

    async def on_parameter(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem(InvalidRequest(error.errors()), request)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = problem(Refusal(_STATUS_CODES.get(error.status_code, "not_found"), error.status_code), request)
        if error.status_code == 405:
            # The framework names the methods of the first route at an address only (RFC 9110, 10.2.1).
            response.headers["allow"] = ", ".join(methods_at(request.url.path)) or (error.headers or {})["Allow"]
        return response

    async def on_anything(request: Request, error: Exception) -> Response:
        return broken(error, request)

    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(RequestValidationError, on_parameter)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_anything)
