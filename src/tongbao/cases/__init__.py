"""What is out of the ordinary, and must be closed by a person or a policy."""

from __future__ import annotations

from tongbao.cases.model import Case, Entry, Kind
from tongbao.cases.service import (
    add_note,
    backlog,
    close_by_key,
    close_case,
    find_case,
    get_case,
    history_of,
    is_known,
    list_cases,
    open_case,
)

__all__ = [
    "Case",
    "Entry",
    "Kind",
    "add_note",
    "backlog",
    "close_by_key",
    "close_case",
    "find_case",
    "get_case",
    "history_of",
    "is_known",
    "list_cases",
    "open_case",
]
