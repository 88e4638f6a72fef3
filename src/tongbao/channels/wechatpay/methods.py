"""The ways in which WeChat Pay v3 collects: what each needs, and what it can and cannot do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tongbao.channels.model import Charge, Method, Option, PayerKind
from tongbao.kit.errors import Rejected

_MEANS = frozenset({Option.ONLY, Option.WITHOUT})
_CODE = re.compile(r"1[0-5]\d{16}", re.ASCII)

# By their own names (2.1, 2.3); a mini-program pays by jsapi. None takes an order to be paid in parts: a merchant can
# only offer to bear the fee of the parts that the buyer may choose.
METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("jsapi", needs_payer=True, options=_MEANS),
        Method("native", options=_MEANS),
        Method("h5", needs_payer_ip=True, options=_MEANS | {Option.RETURN_URL}),
        Method("app", options=_MEANS),
        Method("code", scans_buyer=True),
    )
}


def takes_code(auth_code: str) -> bool:
    """Whether a scanned payment code is WeChat's: 18 digits that begin with 10 to 15 (2.3)."""
    return _CODE.fullmatch(auth_code) is not None


def check(charge: Charge, *, scans_buyer: bool) -> None:
    """Refuse what can never be collected like this. Raises Rejected: `unsupported_method`, `unsupported_currency`,
    `payer_missing` (who pays, or from which address) or `unsupported_option`."""
    method = METHODS.get(charge.method)
    if method is None or method.scans_buyer != scans_buyer:
        raise Rejected("unsupported_method", charge.method)
    check_currency(charge.currency)
    if method.needs_payer and not (charge.payer and charge.payer_kind is PayerKind.OPEN_ID):
        raise Rejected("payer_missing", "this method needs the buyer's openid under the app")
    if method.needs_payer_ip and not charge.payer_ip:
        raise Rejected("payer_missing", "this method needs the address that the buyer's browser calls from")
    refused = sorted(_options(charge) - method.options)
    if refused:
        raise Rejected("unsupported_option", f"{charge.method} has no {', '.join(refused)}")


def check_currency(currency: str) -> None:
    """Refuse any but CNY: Rejected(`unsupported_currency`)."""
    if currency != "CNY":
        raise Rejected("unsupported_currency", currency)


def _options(charge: Charge) -> set[Option]:
    asked = {
        Option.RETURN_URL: charge.return_url,
        Option.INSTALMENTS: charge.instalments,
        Option.ONLY: charge.only,
        Option.WITHOUT: charge.without,
    }
    return {option for option, value in asked.items() if value}
