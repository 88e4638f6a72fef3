"""The gateways' door under fire: letters are delivered over HTTP or in this process, and what came of each is judged.

Everything here is synchronous, for the fuzzers are; what they call runs on an event loop of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reliability import fuzz_letters
from reliability.fuzz_forms import FormTarget
from reliability.fuzz_letters import Edit, Letter
from tongbao import callbacks, payments, refunds
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.merchants import Directory
from tongbao_sandbox.wechat import credentials

_FRESH_SECONDS = 60
_ANSWER_SECONDS = 10
_SHOWN_CHARACTERS = 1000
GENUINE = 8
_CREDITED = frozenset({"succeeded", "surplus"})

T = TypeVar("T")


class Broken(AssertionError):
    """A letter did what no letter may do."""


@dataclass(frozen=True, slots=True)
class Target:
    """The account that is shot at, its open orders, and what is needed to write to it as its gateway would.

    `keys` are a platform's keys that the account trusts beside its real ones, so that letters can be truly signed.
    """

    merchant_id: str
    account_id: str
    mchid: str
    appid: str
    amount: int
    orders: tuple[tuple[str, str], ...]
    """Pairs of an order and its open attempt. The first `GENUINE` of them are only ever shot at from outside."""
    refunds: tuple[tuple[str, str], ...]
    """Pairs of a refund of the whole amount, which is on its way, and the attempt it is of."""
    keys: credentials.Merchant = field(repr=False)
    channel: str = "wechatpay"

    @property
    def path(self) -> bytes:
        """Where its gateway posts to."""
        return f"/notify/wechatpay/{self.account_id}".encode()

    def transaction(self, number: int) -> dict[str, Any]:
        """What would pay one of the orders."""
        return fuzz_letters.transaction(self.orders[number][1], self.mchid, self.appid, self.amount)

    def refund(self, number: int) -> dict[str, Any]:
        """What would end one of the refunds."""
        return fuzz_letters.refund(*self.refunds[number], self.mchid, self.amount)

    def genuine(self, number: int) -> Letter:
        """The letter that would pay one of the orders."""
        notice = fuzz_letters.sealed(self.keys, "transaction", _json(self.transaction(number)))
        return fuzz_letters.signed(self.keys, self.path, _json(notice), clock.unix_seconds())

    def proof(self, letter: Letter) -> tuple[object, ...]:
        """Where it came, and what else a receiver verifies."""
        return letter.proof()

    def inside(self, number: int, edits: tuple[Edit, ...], outer: tuple[Edit, ...]) -> Letter | None:
        """A letter about an order that says something else, truly signed; None where it says the same."""
        before = self.transaction(number)
        after = fuzz_letters.changed(before, edits)
        return (
            None if fuzz_letters.says_the_same(before, after) else self.signed_truly("transaction", _json(after), outer)
        )

    def inside_refund(self, number: int, edits: tuple[Edit, ...], outer: tuple[Edit, ...]) -> Letter | None:
        """The same of a refund."""
        before = self.refund(number)
        after = fuzz_letters.changed(before, edits)
        return None if fuzz_letters.says_the_same(before, after) else self.signed_truly("refund", _json(after), outer)

    def about_nothing(self) -> Letter:
        """A truly signed letter that every receiver takes, and that says nothing of any payment."""
        return self.signed_truly("transaction", b"{}", (Edit("set", ("event_type",), "TEST"),))

    def signed_truly(self, kind: str, plaintext: bytes, outer: tuple[Edit, ...] = ()) -> Letter:
        """A letter under the platform's own keys."""
        notice = fuzz_letters.changed(fuzz_letters.sealed(self.keys, kind, plaintext), outer)
        return fuzz_letters.signed(self.keys, self.path, _json(notice), clock.unix_seconds())


def stolen_keys(apiv3_key: str, papers: credentials.Papers | None = None) -> credentials.Merchant:
    """Keys of a platform, fresh ones without `papers`, with the account's own symmetric key."""
    keys = credentials.Merchant(papers or credentials.new_merchant([], time.time()))
    keys.cipher = AESGCM(apiv3_key.encode())
    return keys


class Loop:
    """An event loop for synchronous callers, with the database and the merchants' directory as a server has them."""

    def __init__(self, runner: asyncio.Runner, db: Db, directory: Directory) -> None:
        self._runner = runner
        self.db = db
        self.directory = directory

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end."""
        return self._runner.run(coroutine)

    @classmethod
    @contextmanager
    def open(cls, database_url: str, sealer: Sealer) -> Iterator[Loop]:
        """Open all three, and close them again."""
        with asyncio.Runner() as runner:
            db, transport = runner.run(_connected(database_url))
            with _quietly():
                yield cls(runner, db, Directory(db, sealer, transport))
            runner.run(transport.close())
            runner.run(db.close())


@contextmanager
def _quietly() -> Iterator[None]:
    """What we do to ourselves need not be told a hundred thousand times."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(wrapper_class=before)


async def _connected(database_url: str) -> tuple[Db, aiohttp.ClientSession]:
    return await Db.connect(database_url, size=1), aiohttp.ClientSession()


Deliver = Callable[[Letter], int]
"""Delivers a letter; gives the status of the answer, 0 where there was none."""


def in_process(loop: Loop, channel: str, account_id: str) -> Deliver:
    """Delivery to `callbacks.receive` in this process, with headers as the web door makes them."""

    def deliver(letter: Letter) -> int:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in letter.headers}
        try:
            receive = callbacks.receive(loop.db, loop.directory, channel, account_id, headers, letter.body)
            return loop.run(receive).status
        except Refusal as refusal:
            return refusal.status
        except Exception as error:
            return _would_be_500(error)

    return deliver


def _would_be_500(error: Exception) -> int:
    sys.stderr.write(f"{error!r}\n")
    return 500


class Wire:
    """Delivery over HTTP, byte by byte as the letter says: no client library mends it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname and parts.port
        self._address = (parts.hostname, parts.port)
        self._socket: socket.socket | None = None

    def deliver(self, letter: Letter) -> int:
        """Send it and read the answer. A connection that the server has let go of meanwhile is opened anew, once."""
        lines = [b"POST " + letter.path + b" HTTP/1.1", b"Host: door", b"Content-Length: %d" % len(letter.body)]
        lines += [name + b": " + value for name, value in letter.headers]
        message = b"\r\n".join(lines) + b"\r\n\r\n" + letter.body
        was_open = self._socket is not None
        status = self._exchange(message)
        return self._exchange(message) if status == 0 and was_open else status

    def close(self) -> None:
        """Hang up."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _exchange(self, message: bytes) -> int:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, _ANSWER_SECONDS)
        with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all of it
            self._socket.sendall(message)
        try:
            head, _, rest = self._until_the_head_ends().partition(b"\r\n\r\n")
            return self._rest_of(head, rest)
        except (OSError, ValueError, IndexError):
            self.close()
            return 0

    def _until_the_head_ends(self) -> bytes:
        assert self._socket
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionResetError
            answer += piece
        return answer

    def _rest_of(self, head: bytes, body: bytes) -> int:
        assert self._socket
        first, *lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        missing = int(headers.get(b"content-length", b"0")) - len(body)
        while missing > 0:
            missing -= len(self._socket.recv(missing)) or missing
        if headers.get(b"connection") == b"close":
            self.close()
        return int(first.split()[1])


@dataclass(slots=True)
class Shooting:
    """One fuzzer's letters to one target, and what came of them: `answers` counts them by status.

    `compares_paths` is False where the delivery knows no path.
    """

    target: Target | FormTarget
    loop: Loop = field(repr=False)
    deliver: Deliver
    compares_paths: bool
    answers: Counter[int] = field(default_factory=Counter)
    _pool: list[Letter] = field(default_factory=list)
    _signed_at: float = 0.0
    _turns: Iterator[int] = field(default_factory=itertools.count)

    def outside(self, number: int, edits: tuple[Edit, ...]) -> None:
        """A genuine letter, spoilt on its way. Raises Broken unless it is refused."""
        genuine = self.genuine(number)
        letter = fuzz_letters.spoilt(genuine, edits)
        first = 0 if self.compares_paths else 1
        if self.target.proof(letter)[first:] != self.target.proof(genuine)[first:]:
            self.refused(letter, f"a letter spoilt by {_clipped(edits)}")

    def inside(self, edits: tuple[Edit, ...], outer: tuple[Edit, ...]) -> None:
        """A letter that says something else, truly signed. Raises Broken if it breaks anything, or moves money.

        Each is about another order: one that is held already, say, takes no more notice of anything.
        """
        number = self.next_order()
        letter = self.target.inside(number, edits, outer)
        if letter:
            self.harmless(letter, _clipped((*edits, *outer)), lambda: self.is_credited(number))

    def inside_refund(self, edits: tuple[Edit, ...], outer: tuple[Edit, ...]) -> None:
        """The same of a refund."""
        number = next(self._turns) % len(self.target.refunds)
        letter = self.target.inside_refund(number, edits, outer)
        if letter:
            self.harmless(letter, _clipped((*edits, *outer)), lambda: self._is_returned(number))

    def next_order(self) -> int:
        """One order after the other."""
        return GENUINE + next(self._turns) % (len(self.target.orders) - GENUINE)

    def harmless(self, letter: Letter, what: str, has_moved_money: Callable[[], bool]) -> None:
        """Deliver a truly signed letter that ends nothing. Raises Broken if it breaks anything, or moves money."""
        status = self._delivered(letter)
        if not 200 <= status < 500:
            raise Broken(f"a truly signed letter saying {what} was answered with {status}")
        if status < 300 and has_moved_money():
            raise Broken(f"a truly signed letter saying {what} moved money")

    def refused(self, letter: Letter, what: str) -> None:
        """Deliver a letter that proves nothing. Raises Broken unless the answer is a 4xx."""
        status = self._delivered(letter)
        if not 400 <= status < 500:
            raise Broken(f"{what} was answered with {status}")

    def genuine(self, number: int) -> Letter:
        """The letter that would pay one of the first orders, signed within the last minute."""
        if time.monotonic() > self._signed_at + _FRESH_SECONDS or not self._pool:
            self._pool = [self.target.genuine(each) for each in range(GENUINE)]
            self._signed_at = time.monotonic()
        return self._pool[number]

    def summary(self) -> str:
        """How the letters were answered."""
        return ", ".join(f"{count} × {status}" for status, count in sorted(self.answers.items()))

    def _delivered(self, letter: Letter) -> int:
        status = self.deliver(letter)
        self.answers[status] += 1
        return status

    def is_credited(self, number: int) -> bool:
        """Whether one of the orders was paid, or its payment taken for surplus."""
        order_id, _ = self.target.orders[number]
        order, attempts = self.loop.run(payments.get_order(self.loop.db, self.target.merchant_id, order_id))
        return order.status == "paid" or any(attempt.state in _CREDITED for attempt in attempts)

    def _is_returned(self, number: int) -> bool:
        refund_id, _ = self.target.refunds[number]
        found = self.loop.run(refunds.get_refund(self.loop.db, self.target.merchant_id, refund_id))
        return found.state == "succeeded"


def _json(fields: object) -> bytes:
    return json.dumps(fields).encode()


def _clipped(thing: object) -> str:
    text = repr(thing)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
