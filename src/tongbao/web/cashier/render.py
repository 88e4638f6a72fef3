"""Our pages for buyers as HTML: every value escaped, no other host asked for anything, nothing kept by caches."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import ClientDisconnect

from tongbao.kit.errors import Refusal
from tongbao.kit.money import yuan
from tongbao.web import problems
from tongbao.web.cashier.addresses import path_of
from tongbao.web.context import context_of
from tongbao.web.messages import words_of

FOLDER = Path(__file__).parent
STATIC = "cashier-static"
_WORDS = tomllib.loads((FOLDER / "words.toml").read_text("utf-8"))
# A form may lead to our own pages alone: the way to a gateway is a page of ours that refreshes to it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    # Gateways look from which site a buyer comes (WeChat Pay, 2.1), and need not see the link itself.
    "referrer-policy": "strict-origin-when-cross-origin",
    "vary": "accept-language, user-agent",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}

Handler = Callable[..., Awaitable[Response]]


def page(request: Request, template: str, status: int = 200, **values: object) -> Response:
    """A page from its template. It sees the `values`, and `say(group, name, *filling)` in the buyer's language."""
    language = language_of(request)

    def say(group: str, name: str, *filling: object) -> str:
        text: str = _WORDS[group][name][language]
        return text.format(*filling)

    root = path_of(context_of(request), "")
    html = _templates.get_template(template).render(
        values | {"say": say, "language": language, "root": root, "static": f"{root}{STATIC}"}
    )
    headers = _HEADERS | {"content-language": "zh-CN" if language == "zh" else "en"}
    return Response(html, status, headers, "text/html")


def language_of(request: Request) -> str:
    """The buyer's: `zh` or `en`."""
    return "zh" if problems.wants_chinese(request) else "en"


def problem_page(request: Request, refusal: Refusal) -> Response:
    """A refusal as a page."""
    title, text = words_of(refusal, chinese=problems.wants_chinese(request))
    response = page(request, "problem.html", refusal.status, title=title, text=text)
    if refusal.status == 429:
        response.headers["retry-after"] = "60"
    return response


def for_people(handler: Handler) -> Handler:
    """A handler whose refusals and failures are pages, too."""

    @wraps(handler)
    async def handle(request: Request, **parameters: str) -> Response:
        try:
            return await handler(request, **parameters)
        except Refusal as refusal:
            return problem_page(request, refusal)
        except ClientDisconnect:
            raise
        except Exception as error:
            answer = problems.broken(error, request)
            title = _WORDS["notices"]["broken"][language_of(request)]
            return page(request, "problem.html", answer.status_code, title=title, text="")

    return handle


_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["yuan"] = yuan
