"""Delivering notifications: a retry ladder, and the fault dial's weather. What a letter says, and when an answer is a
yes, is for each gateway's scribe to know."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp

from tongbao_sandbox.gateway import Surroundings

ANSWER_TIMEOUT_SECONDS = 5
POSTS_PER_RECEIVER = 128
"""At once. A moved clock may make thousands due in one moment, and there are only so many sockets."""
MOST_HELD = 4
LONGEST_HOLD_SECONDS = 3
"""Notifications that are to arrive out of order wait for a later one to overtake them: until so many wait, or for so
long in real time."""
TRUE, PROBE, STALE = "none", "probe", "timestamp"
"""Ways to write a letter that every scribe may be asked for: as it should be, WeChat's signature probe, a replay."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One notification ready to be posted."""

    headers: Mapping[str, str]
    body: bytes


class Waybill(Protocol):
    """One notification on its way to `url`, a dataclass: `tries` have been made, the next is due at `next_at`. What it
    tells is the gateway's."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    url: str
    next_at: float
    tries: int


W = TypeVar("W", bound=Waybill)
W_contra = TypeVar("W_contra", bound=Waybill, contravariant=True)


class Scribe(Protocol[W_contra]):
    """What the courier must be told by a gateway."""

    @property
    def gateway(self) -> str:
        """Its name."""
        ...

    @property
    def gaps_seconds(self) -> Sequence[float]:
        """The retry ladder: the time from each try to the next."""
        ...

    @property
    def forgeries(self) -> Sequence[str]:
        """What the forge fault chooses from."""
        ...

    def write(self, notification: W_contra, way: str, now: float) -> Letter | None:
        """The letter under a fresh signature, spoiled in one way or not (TRUE). None for a way it does not know."""
        ...

    def tamperings(self, notification: W_contra) -> tuple[str, ...]:
        """What the tamper fault changes, each in its turn."""
        ...

    def accepts(self, status: int, text: str) -> bool:
        """Whether this answer ends the retries."""
        ...

    def event(self, notification: W_contra) -> str:
        """What happened, in a word."""
        ...

    def facts(self, notification: W_contra) -> dict[str, object]:
        """The ids that the log is searched for."""
        ...


@dataclass(frozen=True, slots=True)
class Reception:
    """What came of one post: the receiver's status and the start of its body, or no status and the reason."""

    status: int | None
    text: str
    accepted: bool = False

    def verdict(self) -> str:
        """The reception in words, for the log."""
        if self.status is None:
            return f"no answer: {self.text}"
        return f"{'accepted' if self.accepted else 'refused'} {self.status} {self.text}".rstrip()


class Courier(Generic[W]):
    """Delivers all notifications at once, each in a task of its own, so that no slow receiver holds up another."""

    def __init__(self, around: Surroundings, scribe: Scribe[W], waiting: Iterable[W]) -> None:
        self._around = around
        self._scribe = scribe
        self._waiting = list(waiting)
        self._tasks: dict[asyncio.Task[None], W] = {}
        self._numbers = itertools.count()
        self._held: dict[int, asyncio.Future[None]] = {}
        self._turns: dict[tuple[str, ...], itertools.cycle[str]] = {}
        self._places: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(POSTS_PER_RECEIVER))
        self._tally: Counter[tuple[str, str, str]] = Counter()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Take up what was waiting when the state was saved."""
        # Idle connections are dropped sooner than any receiver drops them, so that no post is lost to that race.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        for notification in self._waiting:
            self._start(notification)
        self._waiting.clear()

    async def close(self) -> None:
        """Stop; what is not delivered waits for the next `open`."""
        self._waiting = self.undelivered()
        await self.forget_all()
        if self._session is not None:
            await self._session.close()

    async def forget_all(self) -> None:
        """Stop every delivery for good."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._held.clear()
        self._tally.clear()

    def undelivered(self) -> list[W]:
        """Everything still on its way."""
        return [*self._waiting, *self._tasks.values()]

    def tally(self) -> list[dict[str, object]]:
        """How often each kind of letter was posted, and what became of it."""
        names = ("event_type", "letter", "outcome")
        return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in sorted(self._tally.items())]

    def send(self, notification: W) -> Collection[asyncio.Task[None]]:
        """Begin to deliver a notification, unless the dial loses it. Returns those deliveries that begin at once."""
        dial = self._around.dial
        if dial.strikes(dial.notify.lose):
            self._note(notification, "lost", "fault: lost for ever, all its retries too")
            return ()
        delayed = dial.strikes(dial.notify.delay)
        if delayed:
            notification.next_at += dial.notify.delay_seconds
            self._note(notification, "delayed", f"fault: delayed {dial.notify.delay_seconds:g} s")
        copies = [replace(notification)] if dial.strikes(dial.notify.repeat) else []
        begun = [self._start(each) for each in (*copies, notification)]
        return () if delayed else begun

    async def post(self, url: str, letter: Letter) -> Reception:
        """Post once. Redirects are not followed; an answer after five seconds is none."""
        assert self._session is not None
        try:
            posting = self._session.post(url, data=letter.body, headers=letter.headers, allow_redirects=False)
            async with posting as answer:
                text = (await answer.content.read(300)).decode(errors="replace")
                return Reception(answer.status, text, self._scribe.accepts(answer.status, text))
        except TimeoutError:
            return Reception(None, f"nothing within {ANSWER_TIMEOUT_SECONDS} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reception(None, f"{type(error).__name__} {error}")

    def _start(self, notification: W) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(notification, next(self._numbers)))
        self._tasks[task] = notification
        task.add_done_callback(self._tasks.pop)
        return task

    async def _deliver(self, notification: W, number: int) -> None:
        """Try until accepted or the ladder ends. Each try is due so long after the one before was due, so that
        moving the clock past several makes them all."""
        gaps_seconds = self._scribe.gaps_seconds
        await self._around.clock.sleep_until(notification.next_at)
        if notification.tries == 0:
            await self._hold_and_harass(notification, number)
        while not await self._try(notification, number):
            if notification.tries == len(gaps_seconds):
                self._note(notification, "given up", "the retry ladder has ended")
                return
            notification.next_at += gaps_seconds[notification.tries]
            notification.tries += 1
            await self._around.clock.sleep_until(notification.next_at)

    async def _hold_and_harass(self, notification: W, number: int) -> None:
        """What the dial does to a first try: others overtake it, bad letters run ahead of it."""
        dial = self._around.dial
        if dial.strikes(dial.notify.reorder):
            self._note(notification, "held back", "fault: held until a later one has gone")
            await self._hold(number)
        if dial.strikes(dial.notify.forge):
            await self._try_spoiled(notification, "forge", dial.random.choice(self._scribe.forgeries))
        if dial.strikes(dial.notify.probe):
            await self._try_spoiled(notification, "probe", PROBE)
        if dial.strikes(dial.notify.tamper):
            await self._try_spoiled(notification, "tamper", self._next_tampering(notification))
        if dial.strikes(dial.notify.stale):
            await self._try_spoiled(notification, "stale", STALE)

    def _next_tampering(self, notification: W) -> str:
        ways = self._scribe.tamperings(notification)
        return next(self._turns.setdefault(ways, itertools.cycle(ways)))

    async def _hold(self, number: int) -> None:
        """Wait to be overtaken. Where all are held back, one that is not the first is let go, and those before it
        follow."""
        held = self._held[number] = asyncio.get_running_loop().create_future()
        if len(self._held) >= MOST_HELD:
            self._let_go(self._around.dial.random.choice(sorted(self._held)[1:]))
        await asyncio.wait((held,), timeout=LONGEST_HOLD_SECONDS)
        if not held.done():
            self._let_go(max(self._held))
            await held
        del self._held[number]

    def _let_go(self, number: int) -> None:
        if not self._held[number].done():
            self._held[number].set_result(None)

    async def _try(self, notification: W, number: int) -> bool:
        reception = await self._post(notification, TRUE)
        assert reception is not None
        self._note(notification, f"try {notification.tries + 1}", reception.verdict())
        self._count(notification, "true", reception)
        for earlier in [held for held in self._held if held < number]:
            self._let_go(earlier)
        return reception.accepted

    async def _try_spoiled(self, notification: W, fault: str, way: str) -> None:
        reception = await self._post(notification, way)
        if reception is not None:
            self._note(notification, f"spoiled: {way}", reception.verdict(), fault=fault)
            self._count(notification, f"{fault}: {way}", reception)

    async def _post(self, notification: W, way: str) -> Reception | None:
        """Sign and post, when there is a place at the receiver's. None if such a letter cannot be written."""
        async with self._places[urlsplit(notification.url).netloc]:
            letter = self._scribe.write(notification, way, self._around.clock.now())
            return None if letter is None else await self.post(notification.url, letter)

    def _count(self, notification: W, letter: str, reception: Reception) -> None:
        outcome = "accepted" if reception.accepted else "unanswered" if reception.status is None else "refused"
        self._tally[self._scribe.event(notification), letter, outcome] += 1

    def _note(self, notification: W, what: str, verdict: str, **more: object) -> None:
        facts: dict[str, Any] = {**more, **self._scribe.facts(notification), "url": notification.url}
        summary = f"{self._scribe.event(notification)} {what}"
        self._around.log.write(self._scribe.gateway, "notification", summary, verdict, **facts)
