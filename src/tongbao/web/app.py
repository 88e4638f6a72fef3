"""The web application: FastAPI for its documents and its users, and a short way in for our own doors.

A handler that takes only the request and its path's parameters needs none of the framework's layers: dependencies,
exit stacks, middleware. A payment's three requests went through them for some 60 µs of CPU each. So these handlers are
called directly; what is no such door (documents, pages, mounts, what is not there) goes the framework's way.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from tongbao.kit.errors import Refusal
from tongbao.web import document, metering, problems


class App(FastAPI):
    """FastAPI, with a short way in for the routes that `open_doors` was given."""

    _doors: tuple[APIRoute, ...] = ()
    _routes: tuple[APIRoute, ...] = ()

    def open_doors(self, routers: Iterable[APIRouter]) -> None:
        """Serve these routers' routes, directly where that can be."""
        for router in routers:
            self.include_router(router)
            routes = tuple(route for route in router.routes if isinstance(route, APIRoute))
            self._routes += routes
            self._doors += tuple(route for route in routes if _is_plain(route))

    def methods_at(self, path: str) -> list[str]:
        """What an address of our own takes."""
        found = [route.methods or () for route in self._routes if route.path_regex.match(path)]
        return sorted(set().union(*found))

    def openapi(self) -> dict[str, Any]:
        """The API's document."""
        if self.openapi_schema is None:
            document.complete(super().openapi())
        return super().openapi()

    def show_docs(self) -> None:
        """The API's document at /docs, with its scripts from here: a page of ours asks no other host for anything."""
        self.mount("/docs-static", StaticFiles(packages=[("fastapi_offline", "static")]))

        async def docs(_: Request) -> Response:
            return get_swagger_ui_html(
                openapi_url="/openapi.json",
                title=self.title,
                swagger_js_url="/docs-static/swagger-ui-bundle.js",
                swagger_css_url="/docs-static/swagger-ui.css",
                swagger_favicon_url="/docs-static/favicon.png",
            )

        self.add_route("/docs", docs, include_in_schema=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            for route in self._doors:
                match = route.path_regex.match(scope["path"])
                if match and scope["method"] in (route.methods or ()):
                    await self._answer(route, match.groupdict(), scope, receive, send)
                    return
        await super().__call__(scope, receive, send)

    async def _answer(
        self, route: APIRoute, parameters: Mapping[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        started = time.perf_counter()
        scope["app"] = self
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request, **parameters)
        except Refusal as refusal:
            response = problems.problem(refusal, request)
        except ClientDisconnect:
            return
        except Exception as error:
            response = problems.broken(error, request)
        metering.note(scope["method"], route.path, response.status_code, time.perf_counter() - started)
        await response(scope, receive, send)


def _is_plain(route: APIRoute) -> bool:
    """Whether a handler takes nothing that the framework would have to work out."""
    return set(inspect.signature(route.endpoint).parameters) == {"request", *route.param_convertors}
