"""The API's document says what holds of every route; and every refusal has its words."""

from __future__ import annotations

import ast
import string
from pathlib import Path
from typing import Any

import pytest

import tongbao
from tests.town import Shop, shop, town
from tongbao import web
from tongbao.kit.errors import Refusal
from tongbao.web import messages

__all__ = ["shop", "town"]

PROBLEM = "application/problem+json"


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = web.create("0").openapi()["paths"]
    return [(path, method, what) for path, methods in paths.items() for method, what in methods.items()]


OF_THE_API = [each for each in operations() if each[0].startswith("/v1/")]


@pytest.mark.parametrize(
    ("path", "method", "what"), OF_THE_API, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_route_says_who_may_ask_and_what_it_may_answer(path: str, method: str, what: dict[str, Any]) -> None:
    assert what["security"] == ([] if path == "/v1/sessions" else [{"bearer": []}])
    refusals = {int(status): list(each["content"]) for status, each in what["responses"].items() if status >= "400"}
    assert {401, 500, 503} <= set(refusals)
    assert all(content == [PROBLEM] for content in refusals.values())
    if method == "post":
        assert {400, 409, 413, 422} <= set(refusals)
        assert [each["name"] for each in what["parameters"]][-1] == "Idempotency-Key"
        assert "requestBody" in what


def test_the_document_has_the_rules_of_what_is_told_in_words() -> None:
    schema = web.create("0").openapi()["paths"]["/v1/orders/{order_id}/payments"]["post"]["requestBody"]
    body = schema["content"]["application/json"]["schema"]
    assert body["not"]["required"] == ["only", "without"]
    assert body["properties"]["auth_code"]["anyOf"][0] == {"type": "string", "pattern": "^[0-9A-Za-z]{10,64}$"}


def test_the_document_names_nothing_that_is_not_there() -> None:
    document = web.create("0").openapi()
    text = str(document)
    named = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in text


async def test_a_method_that_an_address_does_not_take_is_told_all_that_it_takes(shop: Shop) -> None:
    for path, allowed in (
        ("/v1/orders", "POST"),
        ("/v1/orders/x/refunds", "GET, POST"),
        ("/v1/cases", "GET"),
        ("/healthz", "GET"),
        ("/docs", "GET, HEAD"),
    ):
        answer = await shop.ask("DELETE", path)
        assert (answer.status, answer.headers["content-type"]) == (405, PROBLEM)
        assert ", ".join(sorted(answer.headers["allow"].split(", "))) == allowed


def codes() -> set[str]:
    """Every code that a refusal is made with in the source."""
    found = set()
    for path in Path(tongbao.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
                found |= {word.value for word in ast.walk(node.args[0]) if isinstance(word, ast.Constant)}
    return {code for code in found if isinstance(code, str) and code.isidentifier()}


def test_every_refusal_has_its_words() -> None:
    assert "order_not_found" in codes()
    assert codes() - set(messages.MESSAGES) == set()


@pytest.mark.parametrize("code", messages.MESSAGES)
def test_both_languages_say_the_same_of_a_refusal(code: str) -> None:
    words = messages.MESSAGES[code]
    english, chinese = (
        sorted(str(name) for _, name, _, _ in string.Formatter().parse(words[n]) if name) for n in (1, 3)
    )
    assert english == chinese
    assert all(words)


@pytest.mark.parametrize("chinese", [False, True])
def test_an_answer_that_is_not_proven_is_told_with_what_is_wrong_with_it(chinese: bool) -> None:
    sentence = web.words_of(Refusal("channel_untrusted", 502, channel_code="certificate_expired"), chinese=chinese)[1]
    assert "certificate_expired" in sentence
    assert "`tongbao explain`" in sentence


def test_a_value_that_is_missing_leaves_a_gap() -> None:
    assert web.words_of(Refusal("order_not_paid", 409)) == (
        "Order not paid",
        "Order … is not paid, so nothing can go back. An open one can be closed.",
    )
    assert web.words_of(Refusal("something_new", 409, x=1)) == ("something_new", "something_new {'x': 1}")
