"""Which claims a method has to make: read off its features, never skipped.

A claim (a test of a suite) is made by every method of its channel, unless a mark here says which. A method that need
not make a claim has no test of it; what it does instead is a claim of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tongbao.channels import Method, Option

if TYPE_CHECKING:
    from tests.channels.bench import Bench

Claim = TypeVar("Claim", bound=Callable[..., Any])
Fits = Callable[[Method], bool]


def about(*features: Fits) -> Callable[[Claim], Claim]:
    """A claim of the methods of which all this is true."""
    return _mark("features", features)


def where(*facts: str) -> Callable[[Claim], Claim]:
    """A claim about gateways of which all this is true: attributes of a bench, `not …` for its opposite."""
    return _mark("facts", facts)


def once(claim: Claim) -> Claim:
    """A claim about a channel rather than a method: the first method that fits makes it for all."""
    return _mark("once", True)(claim)


def told(claim: Claim) -> Claim:
    """A claim about payments that the gateway sends notifications of."""
    return _mark("told", True)(claim)


def listed(claim: Claim) -> Claim:
    """A claim about each option that a method names. It takes `option`."""
    return _mark("listed", True)(claim)


def unlisted(claim: Claim) -> Claim:
    """A claim about each option that a method does not name. It takes `option`."""
    return _mark("listed", False)(claim)


def each_end(claim: Claim) -> Claim:
    """A claim about each end of a refund of which the gateway speaks. It takes `end`."""
    return _mark("ends", True)(claim)


def prepared(method: Method) -> bool:
    """Prepared first, and paid by the buyer then."""
    return not method.scans_buyer


def scanned(method: Method) -> bool:
    """Collected at once by the buyer's own code."""
    return method.scans_buyer


def asked(method: Method) -> bool:
    """Prepared by asking the gateway."""
    return not (method.scans_buyer or method.is_local)


def local(method: Method) -> bool:
    """Prepared without a word."""
    return method.is_local


def early(method: Method) -> bool:
    """Known to the gateway as soon as it is prepared."""
    return not (method.scans_buyer or method.is_late)


def late(method: Method) -> bool:
    """Known to the gateway once the buyer comes."""
    return method.is_late


def for_a_payer(method: Method) -> bool:
    """For one buyer alone."""
    return method.needs_payer


def for_anybody(method: Method) -> bool:
    """For whoever comes."""
    return not method.needs_payer


def from_an_address(method: Method) -> bool:
    """For a buyer at a known address."""
    return method.needs_payer_ip


def in_parts(method: Method) -> bool:
    """Can be paid in parts."""
    return Option.INSTALMENTS in method.options


def limits_means(method: Method) -> bool:
    """Can be limited to some means, and kept from some."""
    return method.options >= {Option.ONLY, Option.WITHOUT}


def parameters(bench: type[Bench], claim: Any) -> tuple[list[str], list[Any], list[str]]:
    """How a claim is to be made of a gateway: parameter names, sets of values and their ids. No set: not at all."""
    has = partial(getattr, claim)
    fitting = [method for method in bench.methods.values() if all(fits(method) for fits in has("features", ()))]
    if not all(_holds(bench, fact) for fact in has("facts", ())):
        fitting = []
    if has("told", False):
        fitting = [method for method in fitting if method.name not in bench.untold]
    if has("once", False):
        fitting = fitting[:1]
    if has("listed", None) is not None:
        wishes = [
            (method, option) for method in fitting for option in Option if (option in method.options) is claim.listed
        ]
        return ["method", "option"], wishes, [f"{method.name}-{option}" for method, option in wishes]
    if has("ends", False):
        ends = [(method, end) for method in fitting for end in bench.refund_ends]
        return ["method", "end"], ends, [f"{method.name}-{end}" for method, end in ends]
    return ["method"], [(method,) for method in fitting], [method.name for method in fitting]


def _mark(name: str, value: object) -> Callable[[Claim], Claim]:
    def mark(claim: Claim) -> Claim:
        setattr(claim, name, value)
        return claim

    return mark


def _holds(bench: type[Bench], fact: str) -> bool:
    return not getattr(bench, fact[4:]) if fact.startswith("not ") else bool(getattr(bench, fact))
