"""The life of a case: opened in the transaction of its cause, noted on, closed once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tongbao.cases import store
from tongbao.cases.model import Case, Entry
from tongbao.kit import ids
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import Refusal

_PREFIX = "cas"
_OURSELVES = "tongbao"


def open_case(
    tx: Tx,
    *,
    merchant_id: str,
    kind: str,
    key: str,
    order_id: str,
    attempt_id: str | None = None,
    refund_id: str | None = None,
    detail: Mapping[str, Any],
    at: datetime,
    due_in: timedelta,
) -> str:
    """Open a case that should be closed within `due_in`, and return its id.

    A key has one case for ever: a second one fails the transaction with AlreadyThere(`cases_key`).
    """
    case = Case(
        merchant_id=merchant_id,
        case_id=ids.new(_PREFIX),
        kind=kind,
        key=key,
        order_id=order_id,
        attempt_id=attempt_id,
        refund_id=refund_id,
        detail=dict(detail),
        status="open",
        version=1,
        opened_at=at,
        due_at=at + due_in,
    )
    store.insert(tx, case)
    store.insert_entry(tx, merchant_id, case.case_id, Entry(at, _OURSELVES, "opened", ""))
    return case.case_id


def add_note(tx: Tx, merchant_id: str, case_id: str, who: str, note: str, at: datetime) -> None:
    """Write something down on a case, open or closed. The case must be there."""
    store.insert_entry(tx, merchant_id, case_id, Entry(at, who, "noted", note))


def close_case(tx: Tx, case: Case, *, by: str, resolution: str, note: str, at: datetime) -> None:
    """Close a case as it was read. The transaction fails with Conflict if it was closed meanwhile, or before."""
    store.close(tx, case, by, resolution, at)
    store.insert_entry(tx, case.merchant_id, case.case_id, Entry(at, by, "closed", note))


def close_by_key(tx: Tx, merchant_id: str, key: str, *, by: str, resolution: str, note: str = "", at: datetime) -> None:
    """Close the case of this key. Harmless where there is none, or where it is closed."""
    store.close_by_key(tx, merchant_id, key, by, resolution, at)
    store.insert_closing_entry(tx, merchant_id, key, Entry(at, by, "closed", note))


async def is_known(reader: Db | Tx, merchant_id: str, key: str) -> bool:
    """Whether this key has its case already, open or closed."""
    return await store.is_known(reader, merchant_id, key)


async def get_case(reader: Db | Tx, merchant_id: str, case_id: str) -> Case:
    """A merchant's case. Raises Refusal `case_not_found`."""
    case = await store.case(reader, merchant_id, case_id) if ids.is_id(case_id, _PREFIX) else None
    if case is None:
        raise Refusal("case_not_found", 404, case_id=case_id)
    return case


async def find_case(db: Db, case_id: str) -> Case | None:
    """The case of that id, whosever it is: for operators."""
    return await store.case_anywhere(db, case_id) if ids.is_id(case_id, _PREFIX) else None


async def list_cases(
    db: Db,
    merchant_id: str | None,
    *,
    status: str | None = None,
    kind: str | None = None,
    order_id: str | None = None,
    limit: int = 100,
) -> list[Case]:
    """The cases of a merchant, or of all (None): the open ones first, of those the one that is due first."""
    return await store.cases(
        db, {"merchant_id": merchant_id, "status": status, "kind": kind, "order_id": order_id}, limit
    )


async def history_of(db: Db, merchant_id: str, case_id: str) -> list[Entry]:
    """What was done about a case, in the order it happened."""
    return await store.entries(db, merchant_id, case_id)


async def backlog(db: Db, now: datetime) -> list[tuple[str, int, int]]:
    """How many cases are open, and how many of them overdue, for each kind that has any."""
    return await store.backlog(db, now)
