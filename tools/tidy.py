"""The rules of the house that no linter knows, each a function over one file with its story in the docstring.

`python tools/tidy.py` prints what breaks them, as file:line: what, and the cure. tests/test_tidy.py shows each failing.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FUNCTION = 50
LONGEST_FILE = 400
SKIPPED = {"node_modules", "dist", "build", "vendor", "__pycache__"}
CODE = {".py", ".js", ".mjs", ".ts", ".sql", ".html"}
TEXT = CODE | {".cjs", ".css", ".json", ".md", ".toml", ".txt", ".yml", ""}


@dataclass(frozen=True)
class Source:
    """One file: its path from the root, with slashes, its text, and its syntax tree if it is Python."""

    path: str
    text: str
    tree: ast.Module = field(init=False)

    def __post_init__(self) -> None:
        tree = ast.parse(self.text, self.path) if self.path.endswith(".py") else ast.Module([], [])
        object.__setattr__(self, "tree", tree)


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one rule, and its cure."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


Check = Callable[[Source], Iterator[Finding]]


def sources(root: Path = ROOT) -> list[Source]:
    """Every text file of the project, tracked or about to be."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f == ".ci" or (f[0] != "." and f not in SKIPPED))
        for path in (Path(folder, name) for name in sorted(files)):
            if path.suffix in TEXT:
                found.append(Source(path.relative_to(root).as_posix(), path.read_text("utf-8")))
    return found


def functions_are_short(source: Source) -> Iterator[Finding]:
    """A function that does not fit on a screen is several. Most here are under eight lines."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield Finding(source.path, node.lineno, f"{node.name} has {lines} lines: give its parts names")


def files_are_short(source: Source) -> Iterator[Finding]:
    """A file over four hundred lines has two subjects."""
    lines = source.text.count("\n")
    if Path(source.path).suffix in CODE and lines > LONGEST_FILE:
        yield Finding(source.path, LONGEST_FILE, f"{lines} lines: split it by subject")


_SQL = re.compile(
    r"\s*(select\s+(\d|\w+\(|.+\sfrom\s)|insert\s+into\s|update\s+\S+\s+(as\s+)?(\w+\s+)?set\s|delete\s+from\s"
    r"|with\s+(recursive\s+)?\S+\s+as\s|(create|alter|drop)\s+(role|database|table|(unique\s+)?index|schema|function)\s"
    r"|truncate\s|grant\s|revoke\s|lock\s+table\s|listen\s|notify\s+\w+$|savepoint\s)",
    re.IGNORECASE | re.DOTALL,
)
_SQL_ELSEWHERE = {
    "src/tongbao/kit/db.py": "chains the statements that the stores write",
    "src/tongbao/kit/signals.py": "speaks LISTEN and NOTIFY, which no room does itself",
    "src/tongbao/kit/embedded/server.py": "makes the role and the database, before any store can",
    "src/tongbao/kit/migrate.py": "asks which migrations there are, which is no room's business",
}


def sql_stays_in_stores(source: Source) -> Iterator[Finding]:
    """Whoever reads a store.py has read every statement its room can send: what it locks, and what Citus sees."""
    if not source.path.startswith("src/") or source.path.endswith("/store.py") or source.path in _SQL_ELSEWHERE:
        return
    for line, text in _strings(source):
        if _SQL.match(text):
            yield Finding(source.path, line, "SQL outside a store.py: move the statement there and call it by a verb")


_NETWORK = re.compile(r"(^|_)(channel|host|gateway|transport|http|client|courier)$")
_TAKES_A_CONNECTION = {"db", "directory"}


def gateways_are_asked_outside_transactions(source: Source) -> Iterator[Finding]:
    """A gateway that hangs inside a transaction holds its locks and connections until nobody can pay (DESIGN, trap 10).

    So where there is a `tx`, nothing may be awaited from a channel or host, and nothing that takes or is the `db` or
    the directory, which reads it: that waits for a connection while it holds one. (A chase that looked its account up
    so stopped every chore for good, once more payments were due than there are connections.)
    """
    if not source.path.startswith("src/tongbao/"):
        return
    for line, call in {(call.lineno, call) for body in _transactions(source.tree) for call in _awaited(body)}:
        receiver = _last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        if _NETWORK.search(receiver):
            yield Finding(source.path, line, f"{receiver} is called inside a transaction: remember, ask, remember")
        elif taken := _TAKES_A_CONNECTION & {receiver, *(_last_name(argument) for argument in call.args)}:
            yield Finding(source.path, line, f"`{taken.pop()}` is used inside a transaction: do it before, or use `tx`")


def _transactions(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """The bodies in which a transaction is open: blocks that open one, functions that are handed one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith):
            opened = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
            if any(isinstance(c.func, ast.Attribute) and c.func.attr in {"tx", "transaction"} for c in opened):
                yield node.body
        elif isinstance(node, ast.AsyncFunctionDef):
            parameters = [p.arg for p in (*node.args.posonlyargs, *node.args.args) if p.arg != "self"]
            if parameters[:1] == ["tx"]:
                yield node.body


def _awaited(body: list[ast.stmt]) -> Iterator[ast.Call]:
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
                yield node.value


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


_CHANNELS = re.compile(r"wechat_?pay|alipay|douyin|union_?pay", re.IGNORECASE)


def channels_are_named_at_home(source: Source) -> Iterator[Finding]:
    """A channel is added by one folder and one line. An `if channel == "…"` elsewhere would have to be found."""
    home = re.fullmatch(r"src/tongbao/(?:channels|hosts|protocols)/(?:(\w+)/.*|registry\.py)", source.path)
    if not source.path.startswith("src/tongbao/"):
        return
    for line, text in _words(source):
        for named in _CHANNELS.findall(text):
            if not home or home[1] not in {None, named.lower().replace("_", "")}:
                yield Finding(source.path, line, f"{named} is named outside its folder: ask the registry")


_WIRE_WORDS = re.compile(
    r"\b(out_trade_no|out_refund_no|prepay_id|trade_state|time_expire|success_time|payer_total|trade_type|bank_type"
    r"|out_request_no|biz_content|trade_no)\b"
)


_WIRES = ("/wire.py", "/bills.py", "/cli/books.py")  # the last reads the sandbox's book, which speaks as gateways do


def wire_words_stay_at_the_wire(source: Source) -> Iterator[Finding]:
    """Gateways have four names for one thing. Inside there is one, and `wire.py` translates."""
    if source.path.startswith("src/tongbao/") and not source.path.endswith(_WIRES):
        for line, text in _words(source):
            for word in _WIRE_WORDS.findall(text):
                yield Finding(source.path, line, f"{word} is a gateway's word: use ours, and translate in wire.py")


def rooms_are_entered_by_the_front_door(source: Source) -> Iterator[Finding]:
    """What a room's `__init__` does not offer may change any day; and `payments.settle(…)` reads as a sentence."""
    if not source.path.startswith("src/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield Finding(source.path, node.lineno, "a relative import hides whose it is: write it out")
        for line, name in _imported(node):
            package, room, inner, *behind = [*name.split("."), "", ""]
            at_a_door = room == "kit" or (room == "protocols" and not any(behind))  # each protocol is a room of its own
            if package == "tongbao" and inner and not at_a_door and not source.path.startswith(f"src/tongbao/{room}/"):
                yield Finding(source.path, line, f"{name} is behind the door: `from tongbao import {room}`")


def _imported(node: ast.AST) -> Iterator[tuple[int, str]]:
    """The modules an import names. `from tongbao.room import part` names the part only if that is a module."""
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            part = ROOT / "src" / Path(*node.module.split("."), alias.name)
            is_module = part.is_dir() or part.with_suffix(".py").exists()
            yield node.lineno, f"{node.module}.{alias.name}" if is_module else node.module


# The patterns have a bracket in them so that they do not find themselves.
_ADDRESSES = re.compile(
    r"pyp[i]\.org|files\.python[h]osted|registry\.npm[j]s|registry\.yarn[p]kg|npmmirr[o]r|deb\.debi[a]n\.org|pypi\.tun[a]"
    r"|(?:^|[^\w.-])/wor[k]/|/tmp/brie[f]|(?:^|[^\w.-])/roo[t]/|/User[s]/\w|(?:^|[^\w.-])/hom[e]/[a-z]"
)


def nothing_names_a_registry_or_a_machine(source: Source) -> Iterator[Finding]:
    """A lock that named a mirror failed behind every other one, and a path of one machine is wrong on the next."""
    for number, text in enumerate(source.text.splitlines(), 1):
        if match := _ADDRESSES.search(text):
            yield Finding(source.path, number, f"names {match[0].strip()}: leave it to each machine's configuration")


def locks_carry_no_addresses(source: Source) -> Iterator[Finding]:
    """uv.lock and its like record where each file was downloaded; hashed requirements say the same without."""
    name = Path(source.path).name
    if re.fullmatch(r"uv\.lock|poetry\.lock|pylock.*\.toml|Pipfile\.lock|yarn\.lock|pnpm-lock\.yaml", name):
        yield Finding(source.path, 1, "this kind of lock records addresses: `make lock` writes requirements/*.txt")
    if name == "package-lock.json" and (place := source.text.find('"resolved": "http')) >= 0:
        line = source.text.count("\n", 0, place) + 1
        yield Finding(source.path, line, "records an address: set omit-lockfile-registry-resolved=true in .npmrc")


def _strings(source: Source) -> Iterator[tuple[int, str]]:
    """String constants that are not there for the reader; of an f-string, with `_` for what it puts in."""
    for_readers = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in for_readers:
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            pieces = (part.value if isinstance(part, ast.Constant) else "_" for part in node.values)
            yield node.lineno, "".join(map(str, pieces))


def _words(source: Source) -> Iterator[tuple[int, str]]:
    """What a machine reads: strings and names, but neither comments nor docstrings. Of SQL, all but its comments."""
    yield from _strings(source)
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant):
            line = getattr(node, "lineno", 1)
            yield from ((line, value) for _, value in ast.iter_fields(node) if isinstance(value, str))
    if source.path.endswith(".sql"):
        yield from ((n, text.partition("--")[0]) for n, text in enumerate(source.text.splitlines(), 1))


def readmes_agree(english: str, chinese: str) -> bool:
    """Two languages drift apart silently. Where headings and commands match in number, somebody has looked at both."""

    def shape(text: str) -> list[str]:
        prose = re.sub(r"^```.*?^```", "```", text, flags=re.MULTILINE | re.DOTALL)
        return re.findall(r"^(#+) |^(```)", prose, re.MULTILINE)

    return shape(english) == shape(chinese)


CHECKS: tuple[Check, ...] = (
    functions_are_short,
    files_are_short,
    sql_stays_in_stores,
    gateways_are_asked_outside_transactions,
    channels_are_named_at_home,
    wire_words_stay_at_the_wire,
    rooms_are_entered_by_the_front_door,
    nothing_names_a_registry_or_a_machine,
    locks_carry_no_addresses,
)


def main() -> int:
    """Print every finding; the exit status says whether there is one."""
    findings = [finding for source in sources() for check in CHECKS for finding in check(source)]
    print(*findings, sep="\n")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
