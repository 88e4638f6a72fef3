"""Delivering notifications: fresh signatures, the real retry ladder, the fault dial's weather (protocol 4.2)."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import aiohttp

from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.wechat import letters
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.letters import Letter

RETRY_GAPS_SECONDS = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
ANSWER_TIMEOUT_SECONDS = 5
POSTS_PER_RECEIVER = 128
"""At once. A moved clock may make thousands due in one moment, and there are only so many sockets."""
MOST_HELD = 4
LONGEST_HOLD_SECONDS = 3
"""Notifications that are to arrive out of order wait for a later one to overtake them: until so many wait, or for so
long in real time."""


@dataclass(slots=True)
class Notification:
    """One notification on its way. `body` is sealed once; every try signs it afresh.

    `tries` have been made, the next is due at `next_at`. A refund's has its `out_refund_no`.
    """

    mchid: str
    out_trade_no: str
    url: str
    body: str
    next_at: float
    tries: int = 0
    event_type: str = "TRANSACTION.SUCCESS"
    out_refund_no: str = ""


@dataclass(frozen=True, slots=True)
class Reception:
    """What came of one post: the receiver's status and the start of its body, or no status and the reason."""

    status: int | None
    text: str

    @property
    def accepted(self) -> bool:
        """Only 200 and 204 are a yes."""
        return self.status in (200, 204)

    def verdict(self) -> str:
        """The reception in words, for the log."""
        if self.status is None:
            return f"no answer: {self.text}"
        return f"{'accepted' if self.accepted else 'refused'} {self.status} {self.text}".rstrip()


class Courier:
    """Delivers all notifications at once, each in a task of its own, so that no slow receiver holds up another."""

    def __init__(
        self, around: Surroundings, merchants: Mapping[str, Merchant], waiting: Iterable[Notification]
    ) -> None:
        self._around = around
        self._merchants = merchants
        self._waiting = list(waiting)
        self._tasks: dict[asyncio.Task[None], Notification] = {}
        self._numbers = itertools.count()
        self._held: dict[int, asyncio.Future[None]] = {}
        self._turns = {kind: itertools.cycle(ways) for kind, ways in letters.TAMPERINGS.items()}
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

    def undelivered(self) -> list[Notification]:
        """Everything still on its way."""
        return [*self._waiting, *self._tasks.values()]

    def tally(self) -> list[dict[str, object]]:
        """How often each kind of letter was posted, and what became of it."""
        names = ("event_type", "letter", "outcome")
        return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in sorted(self._tally.items())]

    def send(self, notification: Notification) -> Collection[asyncio.Task[None]]:
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
                text = await answer.content.read(300)
                return Reception(answer.status, text.decode(errors="replace"))
        except TimeoutError:
            return Reception(None, f"nothing within {ANSWER_TIMEOUT_SECONDS} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reception(None, f"{type(error).__name__} {error}")

    def _start(self, notification: Notification) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(notification, next(self._numbers)))
        self._tasks[task] = notification
        task.add_done_callback(self._tasks.pop)
        return task

    async def _deliver(self, notification: Notification, number: int) -> None:
        """Try until accepted or the ladder ends. Each try is due so long after the one before was due, so that
        moving the clock past several makes them all."""
        await self._around.clock.sleep_until(notification.next_at)
        if notification.tries == 0:
            await self._hold_and_harass(notification, number)
        while not await self._try(notification, number):
            if notification.tries == len(RETRY_GAPS_SECONDS):
                self._note(notification, "given up", "the retry ladder has ended")
                return
            notification.next_at += RETRY_GAPS_SECONDS[notification.tries]
            notification.tries += 1
            await self._around.clock.sleep_until(notification.next_at)

    async def _hold_and_harass(self, notification: Notification, number: int) -> None:
        """What the dial does to a first try: others overtake it, bad letters run ahead of it."""
        dial = self._around.dial
        if dial.strikes(dial.notify.reorder):
            self._note(notification, "held back", "fault: held until a later one has gone")
            await self._hold(number)
        if dial.strikes(dial.notify.forge):
            await self._try_spoiled(notification, "forge", dial.random.choice(letters.FORGERIES))
        if dial.strikes(dial.notify.probe):
            await self._try_spoiled(notification, "probe", "probe")
        if dial.strikes(dial.notify.tamper):
            original_type, _ = letters.EVENTS[notification.event_type]
            await self._try_spoiled(notification, "tamper", next(self._turns[original_type]))
        if dial.strikes(dial.notify.stale):
            await self._try_spoiled(notification, "stale", "timestamp")

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

    async def _try(self, notification: Notification, number: int) -> bool:
        reception = await self._post(notification, letters.signed)
        self._note(notification, f"try {notification.tries + 1}", reception.verdict())
        self._count(notification, "true", reception)
        for earlier in [held for held in self._held if held < number]:
            self._let_go(earlier)
        return reception.accepted

    async def _try_spoiled(self, notification: Notification, fault: str, way: str) -> None:
        reception = await self._post(notification, letters.SPOILINGS[way])
        self._note(notification, f"spoiled: {way}", reception.verdict(), fault=fault)
        self._count(notification, f"{fault}: {way}", reception)

    async def _post(self, notification: Notification, seal: letters.Spoiling) -> Reception:
        """Sign and post, when there is a place at the receiver's."""
        async with self._places[urlsplit(notification.url).netloc]:
            merchant, now = self._merchants[notification.mchid], self._around.clock.now()
            return await self.post(notification.url, seal(merchant, notification.body.encode(), now))

    def _count(self, notification: Notification, letter: str, reception: Reception) -> None:
        outcome = "accepted" if reception.accepted else "unanswered" if reception.status is None else "refused"
        self._tally[notification.event_type, letter, outcome] += 1

    def _note(self, notification: Notification, what: str, verdict: str, **facts: object) -> None:
        facts |= {"mchid": notification.mchid, "out_trade_no": notification.out_trade_no, "url": notification.url}
        if notification.out_refund_no:
            facts["out_refund_no"] = notification.out_refund_no
        self._around.log.write("wechat", "notification", f"{notification.event_type} {what}", verdict, **facts)
