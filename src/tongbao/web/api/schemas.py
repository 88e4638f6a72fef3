"""The bodies that the API takes and gives. Amounts are integers of fen; times RFC 3339 in UTC."""

from __future__ import annotations

import ipaddress
import re
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

import orjson
from fastapi import Response
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from tongbao.channels import Means
from tongbao.kit.errors import Refusal
from tongbao.kit.money import MAX_AMOUNT
from tongbao.web.problems import InvalidRequest


def _plain(text: str) -> str:
    """Gateways take 1- to 3-byte UTF-8 only (WeChat Pay v3, 1.1), and nobody takes control characters."""
    if any(ord(character) < 32 or ord(character) == 127 or ord(character) > 0xFFFF for character in text):
        raise ValueError("control characters and emoji are not allowed")
    return text


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("the character U+0000 is not allowed")
    return text


Amount = Annotated[int, Field(strict=True, ge=1, le=MAX_AMOUNT, description="in fen", examples=[1800])]
Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
PlainText = Annotated[
    str,
    AfterValidator(_plain),
    Field(json_schema_extra={"pattern": r"^[\u0020-\u007E\u0080-\uD7FF\uE000-\uFFFF]*$"}),
]
"""What gateways take, too. Patterns are for the API's document; what is wrong is told in words."""
Reference = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_\-.*|]{1,64}$"),
    Field(description="your own number for it: unique, and sending it again is harmless", examples=["coffee-0042"]),
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$")]
WebAddress = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[!-~]{1,240}$"),
    Field(examples=["https://shop.example.com/paid"]),
]

_AUTH_CODE = r"^[0-9A-Za-z]{10,64}$"
_BOTH: JsonDict = {
    "required": ["only", "without"],
    "properties": {"only": {"minItems": 1}, "without": {"minItems": 1}},
}
_IP_SCHEMA = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}


def _ip_address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _auth_code(text: str) -> str:
    if not re.fullmatch(_AUTH_CODE, text):
        raise PydanticCustomError("auth_code", "10 to 64 letters and digits, as the scanner reads them")
    return text


class Body(BaseModel):
    """What clients send: unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class Item(Body):
    """One line of what is sold. Shown back, not added up: the order's amount is what is collected."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=256)]
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    unit_price: Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT, description="in fen")] = 0
    reference: Annotated[Text, StringConstraints(max_length=64)] | None = None


class InstalmentsRequest(Body):
    """To be paid in monthly parts."""

    number: Literal[3, 6, 12]
    fee_by: Literal["buyer", "seller"] = "buyer"


class PaymentRequest(Body):
    """How it shall be paid."""

    model_config = ConfigDict(json_schema_extra={"not": _BOTH})

    channel: Name | None = Field(None, description="who moves the money; a payment code tells it by itself")
    method: Name = Field(description="one of the channel's methods")
    fresh: Annotated[bool, Field(strict=True)] = Field(
        False, description="start a new attempt although an open one could be gone on with"
    )
    host: Name | None = Field(
        None, description="where the buyer is, of those that `tongbao ways` lists; a buyer's session tells it by itself"
    )
    auth_code: Annotated[str, AfterValidator(_auth_code), Field(json_schema_extra={"pattern": _AUTH_CODE})] | None = (
        Field(None, description="the buyer's payment code, scanned at a counter; it is kept nowhere")
    )
    return_url: WebAddress | None = Field(None, description="where the buyer comes back to")
    payer_ip: Annotated[str, AfterValidator(_ip_address), WithJsonSchema(_IP_SCHEMA)] | None = Field(
        None, description="the buyer's address, where the method needs it; a buyer's session tells it by itself"
    )
    instalments: InstalmentsRequest | None = None
    only: Annotated[list[Means], Field(max_length=5)] = Field([], description="the only means to pay with")
    without: Annotated[list[Means], Field(max_length=5)] = Field([], description="means that shall not be used")

    @field_validator("without")
    @classmethod
    def _is_not_beside_only(cls, means: list[Means], info: ValidationInfo) -> list[Means]:
        if means and info.data.get("only"):
            raise PydanticCustomError("beside_only", "`only` and `without` exclude each other: leave one out")
        return means


class OrderRequest(Body):
    """A sum to be collected once."""

    reference: Reference
    amount: Amount
    currency: Literal["CNY"] = "CNY"
    subject: Annotated[PlainText, StringConstraints(min_length=1, max_length=127)] = Field(
        description="shown on the buyer's bill", examples=["Latte, large"]
    )
    items: Annotated[list[Item], Field(max_length=100)] = []
    buyer: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")] | None = Field(
        None, description="a buyer_id; needed by methods that must know the payer"
    )
    expires_in: Annotated[int, Field(strict=True, ge=60, le=604_800)] = Field(1800, description="seconds to pay in")
    metadata: Annotated[
        dict[
            Annotated[Text, StringConstraints(min_length=1, max_length=64)],
            Annotated[Text, StringConstraints(max_length=500)],
        ],
        Field(max_length=20, json_schema_extra={"additionalProperties": False}),
    ] = {}
    notify: Annotated[Text, StringConstraints(max_length=255)] | None = Field(
        None, description="a webhook address for this order's events, beside the merchant's own"
    )
    return_url: WebAddress | None = Field(None, description="where the buyer goes from our page once it is paid")
    payment: PaymentRequest | None = Field(None, description="the first payment, in the same request")
    prefetch: Annotated[bool, Field(strict=True)] = Field(
        False, description="get the first payment's client parameters ready, so that the tap needs no gateway"
    )


class CloseRequest(Body):
    """Why an order is closed, for the record."""

    reason: Annotated[PlainText, StringConstraints(min_length=1, max_length=64)] = "by_merchant"


class ReplayRequest(Body):
    """Where to send an event again: one endpoint, or all it was for."""

    endpoint_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")] | None = None


class AttemptAnswer(BaseModel):
    """One attempt to collect an order."""

    id: str
    order_id: str
    channel: str
    method: str
    host: str = Field(description="where the buyer was")
    options: dict[str, Any] = Field(description="what was asked for beside the sum")
    state: Literal["created", "pending", "succeeded", "failed", "closed", "surplus", "held"]
    reason: str | None
    amount: int
    currency: str
    refunded: int = Field(description="fen of it that are going or gone back")
    transaction_id: str | None
    created_at: str
    paid_at: str | None


class OrderAnswer(BaseModel):
    """An order and its attempts, oldest first."""

    id: str
    reference: str
    amount: int
    currency: str
    subject: str
    items: list[Item]
    metadata: dict[str, str]
    buyer_id: str | None
    status: Literal["open", "paid", "closed"]
    created_at: str
    expires_at: str
    paid_at: str | None
    closed_at: str | None
    close_reason: str | None
    refunded: int = Field(description="fen of its payment that are going or gone back")
    payments: list[AttemptAnswer]
    pay_url: str = Field(description="our page for it: for any browser, and as a code for any phone")


class PaymentAnswer(BaseModel):
    """An attempt that the buyer can pay now: hand `client_params` to the host's pay function as they are."""

    attempt: AttemptAnswer
    client_params: dict[str, str]


class OpenedAnswer(OrderAnswer):
    """An order, with its first payment where one was asked for."""

    attempt: AttemptAnswer | None = None
    client_params: dict[str, str] | None = None


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). Branch on `code`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] | None = None


B = TypeVar("B", bound=Body)


def parse(model: type[B], raw: bytes) -> B:
    """Read a body. Raises Refusal(`invalid_json`, 400) or InvalidRequest (422), which names each field."""
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        if errors[0]["type"] == "json_invalid":
            raise Refusal("invalid_json", 400) from None
        raise InvalidRequest(errors) from None


def takes(model: type[Body], *, required: bool = True) -> dict[str, Any]:
    """The OpenAPI of a route that takes this body."""
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": _inlined(model)}}}}


def _inlined(model: type[Body]) -> Any:
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolve(definitions[node["$ref"].rsplit("/", 1)[1]])
            return {name: resolve(value) for name, value in node.items()}
        return [resolve(value) for value in node] if isinstance(node, list) else node

    return resolve(schema)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI of a route that refuses with these statuses. What any route may answer is said in `document.py`."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": problem} for status in statuses}


def answer(content: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(dump(content), status, media_type="application/json")


def dump(content: object) -> bytes:
    """JSON bytes of an answer."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)
