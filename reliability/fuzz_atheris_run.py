"""The process that Atheris runs: every input is a letter to the gateways' door, delivered here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it lives in an environment of its own

with atheris.instrument_imports(
    include=["tongbao.channels", "tongbao.callbacks", "tongbao.payments", "tongbao.refunds"]
):
    from reliability import fuzz_door, fuzz_letters
    from tongbao.kit import clock
    from tongbao.kit.sealing import sealer_from_text

from tongbao_sandbox.wechat.credentials import Papers


def main() -> None:
    """Fuzz as the job in FUZZ_JOB says; libFuzzer reads the arguments, and never comes back."""
    job = json.loads(Path(os.environ["FUZZ_JOB"]).read_text())
    sealer = sealer_from_text(job.pop("master_keys"))
    keys = fuzz_door.stolen_keys(job.pop("apiv3_key"), Papers(**job.pop("papers")))
    database_url, orders = job.pop("database_url"), tuple(tuple(pair) for pair in job.pop("orders"))
    refunds = tuple(tuple(pair) for pair in job.pop("refunds"))
    target = fuzz_door.Target(**job, orders=orders, refunds=refunds, keys=keys)
    with fuzz_door.Loop.open(database_url, sealer) as loop:
        deliver = fuzz_door.in_process(loop, target.channel, target.account_id)
        shooting = fuzz_door.Shooting(target, loop, deliver, compares_paths=False)
        atheris.Setup(sys.argv, lambda data: _one(shooting, data))
        atheris.Fuzz()


def _one(shooting: fuzz_door.Shooting, data: bytes) -> None:
    """One input: its first byte says how the rest is used."""
    act = _KINDS.get(data[:1])
    if act:
        act(shooting, data[1:])


def _body(shooting: fuzz_door.Shooting, rest: bytes) -> None:
    _unproven(shooting, replace(shooting.genuine(0), body=rest))


def _headers(shooting: fuzz_door.Shooting, rest: bytes) -> None:
    genuine = shooting.genuine(0)
    values = rest.split(b"\n")[: len(fuzz_letters.SIGNED)]
    given = dict(zip(fuzz_letters.SIGNED, values, strict=False))
    _unproven(
        shooting, replace(genuine, headers=tuple((name, given.get(name.lower(), old)) for name, old in genuine.headers))
    )


def _put_in(shooting: fuzz_door.Shooting, rest: bytes) -> None:
    genuine = shooting.genuine(0)
    at = int.from_bytes(rest[:2], "big") % (len(genuine.body) + 1)
    _unproven(shooting, replace(genuine, body=genuine.body[:at] + rest[2:] + genuine.body[at:]))


def _unproven(shooting: fuzz_door.Shooting, letter: fuzz_letters.Letter) -> None:
    if letter.proof() != shooting.genuine(0).proof():
        shooting.refused(letter, f"{letter.headers} with {letter.body!r}")


def _plaintext(shooting: fuzz_door.Shooting, rest: bytes) -> None:
    """Anything sealed and signed by the gateway's keys, but for what would rightly pay. The seeds speak of the first
    order; every input is about another, for one that is held already takes no more notice of anything."""
    target = shooting.target
    assert isinstance(target, fuzz_door.Target)
    number, orders = shooting.next_order(), target.orders
    plaintext = rest.replace(orders[0][1].encode(), orders[number][1].encode())
    try:
        fields = json.loads(plaintext)
    except (ValueError, RecursionError):
        fields = None
    if not (isinstance(fields, dict) and fuzz_letters.says_the_same(target.transaction(number), fields)):
        letter = target.signed_truly("transaction", plaintext)
        shooting.harmless(letter, repr(plaintext), lambda: shooting.is_credited(number))


def _notice(shooting: fuzz_door.Shooting, rest: bytes) -> None:
    """Any body at all, signed by the gateway's keys."""
    target = shooting.target
    assert isinstance(target, fuzz_door.Target)
    letter = fuzz_letters.signed(target.keys, target.path, rest, clock.unix_seconds())
    shooting.harmless(letter, repr(rest), lambda: shooting.is_credited(fuzz_door.GENUINE))


_KINDS: dict[bytes, Callable[[fuzz_door.Shooting, bytes], None]] = {
    b"0": _body,
    b"1": _headers,
    b"2": _put_in,
    b"3": _plaintext,
    b"4": _notice,
}

if __name__ == "__main__":
    main()
