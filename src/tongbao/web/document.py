"""The API's document (OpenAPI), completed: what holds of every route is said once, here."""

from __future__ import annotations

from typing import Any

from tongbao.web.api.schemas import Problem, refusals

_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key (`sk_…`), from a server; or a buyer's session token (`bs_…`), from a mini-program",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Of your making. The first answer under it is kept for 30 days and given again",
    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
}
_OPEN_TO_ALL = {("/v1/sessions", "post")}
_FRAMEWORKS_OWN = "HTTPValidationError"


def complete(document: dict[str, Any]) -> None:
    """Say of each route of the API who may ask, what any of them may answer, and that a POST can be sent again."""
    components = document["components"]
    components["securitySchemes"] = {"bearer": _BEARER}
    components["schemas"]["Problem"] = Problem.model_json_schema()
    for name in (_FRAMEWORKS_OWN, "ValidationError"):
        components["schemas"].pop(name, None)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _forget_the_frameworks_refusal(operation["responses"])
            if path.startswith("/v1/"):
                _complete(operation, method, is_open=(path, method) in _OPEN_TO_ALL)


def _complete(operation: dict[str, Any], method: str, *, is_open: bool) -> None:
    operation["security"] = [] if is_open else [{"bearer": []}]
    operation["responses"] |= {str(status): what for status, what in refusals(500, 503).items()}
    if method == "post":
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)


def _forget_the_frameworks_refusal(responses: dict[str, Any]) -> None:
    """A route with parameters is said to answer 422 in a form that none of ours has."""
    if _FRAMEWORKS_OWN in str(responses.get("422")):
        del responses["422"]
