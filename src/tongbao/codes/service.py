"""Static codes: made, listed, disabled, and paid to."""

from __future__ import annotations

from dataclasses import replace

from tongbao import merchants, payments
from tongbao.codes import store
from tongbao.codes.model import USUAL_LEAST, USUAL_MOST, StaticCode
from tongbao.kit import clock, ids
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import Refusal
from tongbao.kit.money import MAX_AMOUNT
from tongbao.merchants import Directory
from tongbao.payments import Draft, Opened

_SECONDS_TO_PAY = 900


async def create(
    tx: Tx, merchant_id: str, name: str, subject: str, least: int = USUAL_LEAST, most: int = USUAL_MOST
) -> StaticCode:
    """Make a shop's code; buyers type from `least` to `most` fen.

    Raises Refusal: `unknown_merchant` (404); `invalid_name` (400) for a name or subject that is not 1 to 60 or 127
    printable characters that gateways take; `invalid_bounds` (422).
    """
    await merchants.get_merchant(tx, merchant_id)
    if not (_is_plain(name, 60) and _is_plain(subject, 127)):
        raise Refusal("invalid_name", 400)
    if not 1 <= least <= most <= MAX_AMOUNT:
        raise Refusal("invalid_bounds", 422, most_of_all=MAX_AMOUNT)
    code = StaticCode(merchant_id, ids.new("cod"), name, subject, least, most, "active", clock.now())
    store.insert(tx, code)
    return code


async def get(reader: Db | Tx, merchant_id: str, code_id: str) -> StaticCode:
    """A merchant's code, active or not. Raises Refusal `code_not_found` (404)."""
    found = await store.code(reader, merchant_id, code_id) if ids.is_id(code_id, "cod") else None
    if found is None:
        raise Refusal("code_not_found", 404, code_id=code_id)
    return found


async def list_codes(db: Db, merchant_id: str) -> list[StaticCode]:
    """A merchant's codes, oldest first. Raises Refusal `unknown_merchant` (404)."""
    await merchants.get_merchant(db, merchant_id)
    return await store.codes(db, merchant_id)


async def disable(tx: Tx, merchant_id: str, code_id: str) -> StaticCode:
    """Let nobody pay to a code any more. Twice is harmless. Raises Refusal `code_not_found` (404)."""
    code = await get(tx, merchant_id, code_id)
    store.disable(tx, code)
    return replace(code, status="disabled")


async def open_order(db: Db, directory: Directory, code: StaticCode, amount: int, form_id: str) -> Opened:
    """The order of who scanned a code and typed `amount` fen; the same form sent again gives the same order.

    Raises Refusal: `code_disabled` (410), `reference_conflict` (409: the form was sent before with another sum).
    """
    if not code.is_active:
        raise Refusal("code_disabled", 410)
    draft = Draft(
        merchant_id=code.merchant_id,
        reference=f"code-{form_id}",
        amount=amount,
        currency="CNY",
        subject=code.subject,
        expires_in_seconds=_SECONDS_TO_PAY,
        metadata={"code_id": code.code_id},
    )
    return await payments.create_order(db, directory, draft)


def _is_plain(text: str, longest: int) -> bool:
    """Gateways take 1- to 3-byte UTF-8 only (WeChat Pay v3, 1.1)."""
    in_plane = all(ord(letter) <= 0xFFFF for letter in text)
    return 1 <= len(text) <= longest and text.isprintable() and text == text.strip() and in_plane
