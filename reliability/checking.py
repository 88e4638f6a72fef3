"""Whether anything was lost: the ten invariants, read off our books, the sandbox's book, what the merchants' servers
were told, and the logs. They are numbered as in ARCHITECTURE.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from reliability import store
from tongbao import ledger
from tongbao.cli.books import check, gateway_book
from tongbao.kit import clock

if TYPE_CHECKING:
    from reliability.merchant import Merchant
    from reliability.stage import Stage

_SHOWN = 20


async def violations(stage: Stage) -> list[str]:
    """Everything that is wrong, each in a sentence that begins with the number of its invariant, if it has one."""
    # The worker seals twice a minute of real time, while moved clocks make hours of it: what is left is sealed first.
    while await ledger.seal(stage.db, clock.now()):
        pass
    found = [f"still under way: {line}" for line in stage.stuck]
    books = [gateway_book(book) for merchant in stage.merchants for book in await stage.books(merchant)]
    findings = await check(stage.db, books)
    for finding in findings:
        found += _shortened([f"{finding.number} {finding.name}: {line}" for line in finding.wrong])
    found += await _what_was_answered_is_there(stage)
    for merchant in stage.merchants:
        found += _shortened([line async for line in _told(stage, merchant)])
    found += _shortened(list(_secrets_shown(stage)))
    return found


async def _what_was_answered_is_there(stage: Stage) -> list[str]:
    """Invariant 5."""
    found = []
    for kind, known in stage.acknowledged.items():
        missing = await store.missing(stage.db, kind, sorted(known)) if known else []
        found += [f"5 {kind} {each} was answered with a 2xx and is not there" for each in missing]
    return _shortened(found)


async def _told(stage: Stage, merchant: Merchant) -> AsyncIterator[str]:
    """Invariant 7: every event was delivered under its one id to whoever lives, and nobody was told what is not so."""
    rows = await store.events_of(stage.db, merchant.merchant_id)
    payloads = {row["event_id"]: row["payload"] for row in rows}
    hooks = {hook.url: hook for hook in merchant.hooks}
    for row in rows:
        hook = hooks.get(row["url"])
        if row["url"] is None:
            yield f"7 event {row['event_id']} ({row['type']}) goes to nobody"
        elif hook and not hook.is_dead and (row["state"] != "delivered" or row["event_id"] not in hook.told):
            yield f"7 event {row['event_id']} ({row['type']}) is {row['state']}, and {row['url']} was not told"
    for hook in merchant.hooks:
        for event_id, body in hook.bodies.items():
            if payloads.get(event_id) != body.decode():
                yield f"7 {hook.url} was told of {event_id}, which is not what the books hold"
        for event_id in hook.changed:
            yield f"7 {hook.url} was told of {event_id} twice, with different bodies"


def _secrets_shown(stage: Stage) -> Iterator[str]:
    """Invariant 9: what was logged, and what merchants' servers were told."""
    shown = {process.program.log_path.name: process.log() for process in stage.programs()}
    for merchant in stage.merchants:
        for hook in merchant.hooks:
            shown[f"what {hook.url} was told"] = b"\n".join(hook.bodies.values()).decode()
    for place, text in shown.items():
        for secret in stage.secrets:
            if secret in text:
                yield f"9 a secret of {len(secret)} characters is in {place}"


def _shortened(lines: list[str]) -> list[str]:
    """The first few; of a broken run there may be thousands."""
    more = [f"… and {len(lines) - _SHOWN} more like it"] if len(lines) > _SHOWN else []
    return lines[:_SHOWN] + more
