"""Static codes: a shop's own code on paper or on a counter. Whoever scans it types the sum."""

from tongbao.codes.amounts import read_amount
from tongbao.codes.drawing import MOST_PIXELS, as_png, as_svg
from tongbao.codes.model import USUAL_LEAST, USUAL_MOST, StaticCode
from tongbao.codes.service import create, disable, get, list_codes, open_order

__all__ = [
    "MOST_PIXELS",
    "USUAL_LEAST",
    "USUAL_MOST",
    "StaticCode",
    "as_png",
    "as_svg",
    "create",
    "disable",
    "get",
    "list_codes",
    "open_order",
    "read_amount",
]
