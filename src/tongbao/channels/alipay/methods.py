"""The ways in which Alipay collects: what each needs, and what it can and cannot do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tongbao.channels.model import Charge, Method, Option
from tongbao.kit.errors import Rejected

_COMMON = frozenset({Option.INSTALMENTS, Option.ONLY, Option.WITHOUT})
_BROWSER = _COMMON | {Option.RETURN_URL}
_PARTS = (3, 6, 12)
_CODE = re.compile(r"(2[5-9]|30)[0-9]{14,22}|fp[0-9A-Za-z]{33}")

# By their own names (4.4 to 4.7); a mini-program pays what `create` made. A code that is shown, a page and an app's
# order are no trade before the buyer comes with them (4.3).
METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("create", needs_payer=True, options=_COMMON),
        Method("precreate", is_late=True, options=_COMMON),
        Method("wap", is_local=True, is_late=True, options=_BROWSER),
        Method("page", is_local=True, is_late=True, options=_BROWSER),
        Method("app", is_local=True, is_late=True, options=_COMMON),
        Method("code", scans_buyer=True, options=_COMMON),
    )
}


def takes_code(auth_code: str) -> bool:
    """Whether a scanned payment code is Alipay's (4.5): 16 to 24 digits that begin with 25 to 30, or a face's."""
    return _CODE.fullmatch(auth_code) is not None


def check(charge: Charge, *, scans_buyer: bool) -> None:
    """Refuse what can never be collected like this. Raises Rejected: `unsupported_method`, `unsupported_currency`,
    `payer_missing` or `unsupported_option`."""
    method = METHODS.get(charge.method)
    if method is None or method.scans_buyer != scans_buyer:
        raise Rejected("unsupported_method", charge.method)
    check_currency(charge.currency)
    if method.needs_payer and not charge.payer:
        raise Rejected("payer_missing", "this method needs the buyer's open_id under the app, or user_id")
    if charge.return_url and Option.RETURN_URL not in method.options:
        raise Rejected("unsupported_option", f"{charge.method} has no return_url")
    if charge.only and charge.without:
        raise Rejected("unsupported_option", "only and without exclude each other")
    if charge.instalments and charge.instalments.number not in _PARTS:
        raise Rejected("unsupported_option", f"instalments are {', '.join(map(str, _PARTS))} in number")


def check_currency(currency: str) -> None:
    """Refuse any but CNY: Rejected(`unsupported_currency`)."""
    if currency != "CNY":
        raise Rejected("unsupported_currency", currency)
