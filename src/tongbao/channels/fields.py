"""Reading the fields of a JSON object. What cannot be read raises ValueError, which quotes no value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson


def json_object(raw: bytes) -> Mapping[str, Any]:
    """The object that a body is."""
    fields = orjson.loads(raw)
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    return fields


def part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside; empty where it is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def text(fields: Mapping[str, Any], name: str) -> str:
    """A text that must be there, and not empty."""
    value = text_or_none(fields, name)
    if value is None:
        raise ValueError(f"{name} is missing")
    return value


def text_or_none(fields: Mapping[str, Any], name: str) -> str | None:
    """A text; a value of another type counts as not there, and so does an empty one."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        return None
    if "\x00" in value:
        raise ValueError(f"{name} has a character that no text has")  # and that no database keeps
    return value


def fen_or_none(fields: Mapping[str, Any], name: str) -> int | None:
    """A whole number of fen; no other number is one."""
    value = fields.get(name)
    return value if type(value) is int else None


def time(fields: Mapping[str, Any], name: str) -> datetime:
    """A time that must be there."""
    moment = time_or_none(fields, name)
    if moment is None:
        raise ValueError(f"{name} is not a time")
    return moment


def time_or_none(fields: Mapping[str, Any], name: str) -> datetime | None:
    """A time, in UTC; one without a zone or sense is none."""
    try:
        moment = datetime.fromisoformat(text(fields, name))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
