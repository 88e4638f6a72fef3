"""Loaded by Schemathesis in its own environment: well-meant requests name what is there, and one check of our own.

Nobody guesses an id of ours, and every request would end at its 404.
"""

from __future__ import annotations

import itertools
import json
import os
import zlib
from typing import Any

import schemathesis  # type: ignore[import-not-found]  # it lives in an environment of its own

_KNOWN: dict[str, list[str]] = json.loads(os.environ["FUZZ_KNOWN"])
"""By the name of a path's parameter or a body's field: what it may be."""
_MEANT = frozenset({200, 201, 202, 401, 403, 404, 409, 502, 503})
_NAMED = {
    # What no schema can say of a request, in words that a program can branch on.
    *("unknown_buyer", "unknown_channel", "unknown_method", "unknown_host", "unknown_resolution", "payer_needed"),
    *("egress_forbidden", "idempotency_mismatch", "refund_items_mismatch", "payment_rejected", "redirect_rejected"),
    *("way_forbidden", "payer_ip_needed", "option_unsupported", "app_needed", "channel_needed"),
    *("auth_code_needed", "auth_code_not_taken", "unknown_wallet", "phone_refused", "invalid_bounds", "invalid_name"),
    # A notice that nobody signed, in the words of either gateway: only the gateway can send one that is taken.
    *("FAIL", "failure"),
}
_numbers = itertools.count()


def map_case(context: Any, case: Any) -> Any:
    """Half of the requests that are meant to be right name known things, and none repeats a key. Nobody waits for an
    order to change: it would, for up to a minute."""
    if str((case.query or {}).get("wait", "")).isdecimal():
        case.query["wait"] = 0
    if case.meta is None or case.meta.generation.mode.is_positive:
        _name_known(case.path_parameters)
        if isinstance(case.body, dict):
            case.body = _whole(case.body)
            _name_known(case.body)
            _name_known(case.body.get("payment"))
        if case.headers and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"{next(_numbers)}-{os.getpid()}"
    return case


def a_right_request_is_refused_by_name(context: Any, response: Any, case: Any) -> None:
    """In place of `positive_data_acceptance`, which takes every 400 and 422 to a request that fits its schema for an
    error: such a refusal must say by its code what a schema cannot."""
    is_right = case.meta is not None and case.meta.generation.mode.is_positive
    if is_right and response.status_code not in _MEANT:
        is_json = response.text.startswith("{")
        code = response.json().get("code") if is_json else response.text
        assert code in _NAMED, f"fits its schema and is refused as {code}: {response.text[:300]}"


def _name_known(fields: Any) -> None:
    for name, value in fields.items() if isinstance(fields, dict) else ():
        number = zlib.crc32(str(value).encode())
        if number % 2 and (known := _KNOWN.get(name)):
            fields[name] = known[number // 2 % len(known)]


def _whole(value: Any) -> Any:
    """To JSON Schema 18.0 is an integer. We refuse it: an amount that was ever a float is nothing to build on."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


schemathesis.hook(map_case)
schemathesis.check(a_right_request_is_refused_by_name)
