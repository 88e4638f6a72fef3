"""The bodies about money going back, and about what is out of the ordinary."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from tongbao.cases import Kind
from tongbao.channels import Destination
from tongbao.kit.errors import Refusal
from tongbao.web.api.schemas import Amount, Body, PlainText, Reference, Text


def _harmless(text: str) -> str:
    """Notes are shown in terminals, where control characters are commands."""
    if any(character != "\n" and (character < " " or "\x7f" <= character <= "\x9f") for character in text):
        raise ValueError("control characters are not allowed")
    return text


Who = Annotated[
    PlainText,
    StringConstraints(min_length=1, max_length=64),
    Field(description="the person's name, for the record", examples=["Li Wei"]),
]
Note = Annotated[
    str,
    AfterValidator(_harmless),
    StringConstraints(min_length=1, max_length=2000),
    Field(json_schema_extra={"pattern": r"^[^\u0000-\u0009\u000B-\u001F\u007F-\u009F]*$"}),
]


class RefundItem(Body):
    """One line of what is given back. `amount` is the whole line's, in fen."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=256)]
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    amount: Amount | None = None
    reference: Annotated[Text, StringConstraints(max_length=64)] | None = None


class RefundRequest(Body):
    """Money that is to go back to the buyer."""

    reference: Reference
    amount: Amount | None = Field(None, description="in fen; without it: what the items come to, or all that is left")
    reason: Annotated[PlainText, StringConstraints(max_length=80)] = Field("", description="the buyer may see it")
    items: list[RefundItem] = Field(default_factory=list, max_length=100)

    def sum_to_refund(self) -> int | None:
        """What goes back; None for all that is left. Where each item has an amount, they decide.

        Raises Refusal(`refund_items_mismatch`, 422) where items and amount differ.
        """
        amounts = [item.amount for item in self.items if item.amount is not None]
        if not amounts or len(amounts) < len(self.items):
            return self.amount
        if self.amount not in (None, sum(amounts)):
            raise Refusal("refund_items_mismatch", 422, amount=self.amount, items_amount=sum(amounts))
        return sum(amounts)


class RedirectRequest(Body):
    """Where the money of an abnormal refund is to go instead. Card details are handed on and kept nowhere."""

    to: Destination
    bank: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{1,16}$")] | None = Field(
        None, description="for a buyer's card: the gateway's word for the bank", examples=["ICBC_DEBIT"]
    )
    card_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,32}$")] | None = Field(None, repr=False)
    card_holder: Annotated[PlainText, StringConstraints(min_length=1, max_length=64)] | None = Field(None, repr=False)


class RefundAnswer(BaseModel):
    """Money going back. `state_reason` tells why it is not simply on its way."""

    id: str
    order_id: str
    payment_id: str
    reference: str
    origin: Literal["merchant", "surplus"]
    amount: int
    currency: str
    reason: str
    items: list[RefundItem]
    state: Literal["requested", "sent", "succeeded", "closed", "abnormal"]
    state_reason: str | None
    channel: str
    gateway_refund_id: str | None
    created_at: str
    sent_at: str | None
    settled_at: str | None
    refunded_at: str | None


class CaseNoteRequest(Body):
    """Something to be remembered about a case."""

    note: Note
    by: Who


class CaseCloseRequest(Body):
    """What a person decided about a case."""

    resolution: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")] = Field(
        description="one of the case's `resolutions`"
    )
    note: Note | None = None
    by: Who


class CaseEntryAnswer(BaseModel):
    """Who did what about a case."""

    at: str
    who: str
    what: Literal["opened", "noted", "closed"]
    note: str


class CaseAnswer(BaseModel):
    """Something out of the ordinary. `resolutions` is what can be decided; empty once it is closed."""

    id: str
    kind: Kind
    order_id: str
    payment_id: str | None
    refund_id: str | None
    detail: dict[str, Any]
    status: Literal["open", "closed"]
    resolutions: list[str]
    opened_at: str
    due_at: str
    closed_at: str | None
    closed_by: str | None
    resolution: str | None


class CaseWithHistoryAnswer(CaseAnswer):
    """A case with all that was done about it, oldest first."""

    history: list[CaseEntryAnswer]
