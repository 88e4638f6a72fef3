"""What the control API can change about a merchant: how it is signed for, and how the gateway treats it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tongbao_sandbox.gateway import ControlError
from tongbao_sandbox.wechat.credentials import CERTIFICATE, PUBLIC_KEY, Papers
from tongbao_sandbox.wechat.errors import REFUND_REFUSALS

PRODUCTS = ("jsapi", "app", "native", "h5", "codepay")


def _is_text_or_null(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_refusal(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in REFUND_REFUSALS)


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _are_products(value: Any) -> bool:
    return isinstance(value, list) and all(each in PRODUCTS for each in value)


_TERMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "signing": (lambda value: value in (CERTIFICATE, PUBLIC_KEY), f"{CERTIFICATE} or {PUBLIC_KEY}"),
    "has_certificate": (lambda value: isinstance(value, bool), "true or false"),
    "refund_refusal": (_is_refusal, f"null or one of {', '.join(REFUND_REFUSALS)}"),
    "refund_spacing_seconds": (_is_seconds, "a number, not below 0"),
    "without": (_are_products, f"a list of {', '.join(PRODUCTS)}"),
    "userpaying": (lambda value: value in ("code", "accepted", "state"), "code, accepted or state"),
    "h5_domain": (_is_text_or_null, "a domain or null"),
    "h5_local_ip": (lambda value: isinstance(value, bool), "true or false"),
}
"""Each name of `Papers` that can be changed, with what it may be."""
_KEYS = ("signing", "has_certificate")


def of(papers: Papers) -> dict[str, Any]:
    """A merchant's terms as they are."""
    return {name: getattr(papers, name) for name in _TERMS}


def change(papers: Papers, wish: Mapping[str, Any]) -> None:
    """Change those a wish names, all of them or none. Raises ControlError."""
    changes = {name: wish[name] for name in _TERMS if name in wish}
    for name, value in changes.items():
        is_good, description = _TERMS[name]
        if not is_good(value):
            raise ControlError(400, "wish_unreadable", f"{name} is {description}")
    for name, value in changes.items():
        setattr(papers, name, value)


def restore(papers: Papers) -> None:
    """All as with a new merchant, but for its keys."""
    change(papers, {name: value for name, value in _AT_FIRST.items() if name not in _KEYS})


_AT_FIRST: Mapping[str, Any] = {
    "refund_refusal": None,
    "refund_spacing_seconds": 0,
    "without": [],
    "userpaying": "code",
    "h5_domain": None,
    "h5_local_ip": False,
}
