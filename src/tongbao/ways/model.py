"""The table of ways, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tongbao.kit.words import Words


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something is not possible, and what to do in its place."""

    name: str
    why: Words
    instead: Words


@dataclass(frozen=True, slots=True)
class Way:
    """A channel on a host: by which methods it can collect, and without which options; or by which rule it cannot."""

    host: str
    channel: str
    methods: tuple[str, ...]
    rule: str
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ways:
    """The whole table. What is not in it is not possible, by the rule `not_here`."""

    ways: Mapping[tuple[str, str], Way]
    rules: Mapping[str, Rule]
