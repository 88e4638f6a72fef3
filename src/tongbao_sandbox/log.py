"""What happened in the sandbox: every request, notification, buyer's act and control order, with a verdict."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice

from tongbao_sandbox.clock import Clock, utc

KEPT = 20_000

Entry = tuple[int, float, str, str, str, str, dict[str, object]]
_NAMES = ("n", "at", "gateway", "kind", "summary", "verdict")


class Log:
    """A bounded list of entries, numbered from 1. It holds no secrets: writers pass summaries, never headers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self.last = 0

    def write(self, gateway: str, kind: str, summary: str, verdict: str, **facts: object) -> None:
        """Note one happening. `kind` is request, notification, buyer, refund or control; `facts` are ids to search
        for."""
        self.last += 1
        self._entries.append((self.last, self._clock.now(), gateway, kind, summary, verdict, facts))

    def read(self, since: int, limit: int, wanted: Mapping[str, str]) -> list[dict[str, object]]:
        """At most `limit` entries above number `since`, oldest first, that have the wanted values (`kind` …)."""
        return [_shown(entry) for entry in islice(self._fitting(since, wanted), limit)]

    def _fitting(self, since: int, wanted: Mapping[str, str]) -> Iterator[Entry]:
        first = self._entries[0][0] if self._entries else 1
        # Twenty thousand entries are looked through while payments wait, so they are compared as they lie.
        columns = [(_NAMES.index(name), value) for name, value in wanted.items() if name in _NAMES]
        facts = [(name, value) for name, value in wanted.items() if name not in _NAMES]
        for entry in islice(self._entries, max(0, since - first + 1), None):
            fits = all(entry[at] == value for at, value in columns)
            if fits and all(entry[-1].get(name) == value for name, value in facts):
                yield entry

    def clear(self) -> None:
        """Forget every entry; numbers go on, so that a reader's `since` stays right."""
        self._entries.clear()


def _shown(entry: Entry) -> dict[str, object]:
    n, at, gateway, kind, summary, verdict, facts = entry
    shown: dict[str, object] = {"n": n, "at": utc(at), "gateway": gateway, "kind": kind}
    return shown | {"summary": summary, "verdict": verdict} | facts
