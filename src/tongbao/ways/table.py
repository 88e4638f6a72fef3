"""Reading the table, and asking it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tongbao.kit.errors import Refusal
from tongbao.kit.words import Words
from tongbao.ways.model import Rule, Way, Ways

_SHIPPED = Path(__file__).with_name("ways.toml")
_WORDS = ("en", "zh", "instead_en", "instead_zh")


class WaysError(ValueError):
    """The operator's table cannot be used; the message names the place and the cure."""


def read(file: Path | None = None) -> Ways:
    """The table that we ship, with what an operator's file says in its place. Raises WaysError."""
    ways, rules = _read(_SHIPPED)
    if file is not None:
        more_ways, more_rules = _read(file)
        hosts = {host for host, _ in ways}
        for way in more_ways.values():
            if way.host not in hosts:
                raise WaysError(f"{file}: ways.{way.host}: there is no such host; there are {', '.join(sorted(hosts))}")
        ways, rules = ways | more_ways, rules | more_rules
    for way in ways.values():
        if way.rule not in rules:
            raise WaysError(f"{file}: ways.{way.host}.{way.channel}: there is no rule {way.rule!r}; add it to [rules]")
    return Ways(ways, rules)


def methods_for(ways: Ways, host: str, channel: str) -> tuple[str, ...]:
    """By which methods a channel can collect on a host, the usual one first; none where it cannot."""
    way = ways.ways.get((host, channel))
    return way.methods if way else ()


def check(ways: Ways, host: str, channel: str, method: str, options: Iterable[str] = ()) -> None:
    """Refuse what is not possible there: Refusal `way_forbidden` (422), with the rule and the way round it, or
    `unknown_host` (400) where the table has no such host."""
    if all(named != host for named, _ in ways.ways):
        raise Refusal("unknown_host", 400, host=host)
    way = ways.ways.get((host, channel)) or Way(host, channel, (), "not_here")
    if not way.methods:
        raise _forbidden(ways, way, way.rule, method)
    if method not in way.methods:
        raise _forbidden(ways, way, "method_not_here", method)
    for option in options:
        if option in way.without:
            raise _forbidden(ways, way, "option_not_here", method, option=option)


def _forbidden(ways: Ways, way: Way, rule: str, method: str, **more: str) -> Refusal:
    said = ways.rules[rule]
    values = {"host": way.host, "channel": way.channel, "method": method, "methods": ", ".join(way.methods), **more}
    return Refusal("way_forbidden", 422, rule=rule, why=said.why, instead=said.instead, **values)


def _read(file: Path) -> tuple[dict[tuple[str, str], Way], dict[str, Rule]]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WaysError(f"{file} cannot be read: {error}") from None
    if unknown := sorted(content.keys() - {"ways", "rules"}):
        raise WaysError(f"{file}: there is no [{unknown[0]}], only [ways] and [rules]")
    ways = {
        (host, channel): _way(f"{file}: ways.{host}.{channel}", host, channel, fields)
        for host, channels in _table(file, content, "ways").items()
        for channel, fields in _table(file, {host: channels}, host).items()
    }
    rules = {name: _rule(f"{file}: rules.{name}", name, said) for name, said in _table(file, content, "rules").items()}
    return ways, rules


def _table(file: Path, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise WaysError(f"{file}: {name} must be a table")
    return table


def _way(place: str, host: str, channel: str, fields: object) -> Way:
    if not isinstance(fields, dict) or fields.keys() - {"methods", "rule", "without"} or not fields:
        raise WaysError(f"{place}: expected `methods`, a list, or `rule`, a name; and `without`, a list of options")
    methods, without = fields.get("methods", []), fields.get("without", [])
    if not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in (methods, without)
    ):
        raise WaysError(f"{place}: `methods` and `without` are lists of names")
    return Way(host, channel, tuple(methods), str(fields.get("rule", "not_here")), frozenset(without))


def _rule(place: str, name: str, said: object) -> Rule:
    if not isinstance(said, dict) or set(said) != set(_WORDS) or not all(isinstance(said[each], str) for each in said):
        raise WaysError(f"{place}: expected the sentences {', '.join(_WORDS)}")
    return Rule(name, Words(said["en"], said["zh"]), Words(said["instead_en"], said["instead_zh"]))
