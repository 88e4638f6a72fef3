"""Delivering notifications: fresh signatures, the real retry ladder, the fault dial's weather (protocol 4.2)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import aiohttp

from tongbao_sandbox.gateway import Surroundings
from tongbao_sandbox.wechat import letters
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.letters import Letter

RETRY_GAPS_SECONDS = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
ANSWER_TIMEOUT_SECONDS = 5
LONGEST_HOLD_SECONDS = 3
"""How long, in real time, a notification that is to arrive out of order waits for a later one to overtake it."""


@dataclass(slots=True)
class Notification:
    """One notification on its way. `body` is sealed once; every try signs it afresh.

    `tries` have been made, the next is due at `next_at`.
    """

    mchid: str
    out_trade_no: str
    url: str
    body: str
    next_at: float
    tries: int = 0


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

    def undelivered(self) -> list[Notification]:
        """Everything still on its way."""
        return [*self._waiting, *self._tasks.values()]

    def send(self, mchid: str, out_trade_no: str, url: str, body: bytes) -> None:
        """Begin to deliver a notification, unless the dial loses it."""
        dial, now = self._around.dial, self._around.clock.now()
        notification = Notification(mchid, out_trade_no, url, body.decode(), now)
        if dial.strikes(dial.notify.lose):
            self._note(notification, "lost", "fault: lost for ever, all its retries too")
            return
        if dial.strikes(dial.notify.delay):
            notification.next_at += dial.notify.delay_seconds
            self._note(notification, "delayed", f"fault: delayed {dial.notify.delay_seconds:g} s")
        if dial.strikes(dial.notify.repeat):
            self._start(replace(notification))
        self._start(notification)

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

    def _start(self, notification: Notification) -> None:
        task = asyncio.create_task(self._deliver(notification, next(self._numbers)))
        self._tasks[task] = notification
        task.add_done_callback(self._tasks.pop)

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
        """What the dial does to a first try: others overtake it, forgeries and probes run ahead of it."""
        dial = self._around.dial
        if dial.strikes(dial.notify.reorder):
            self._note(notification, "held back", "fault: held until a later one has gone")
            self._held[number] = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._held[number],), timeout=LONGEST_HOLD_SECONDS)
            del self._held[number]
        if dial.strikes(dial.notify.forge):
            await self._try_spoiled(notification, dial.random.choice(letters.FORGERIES))
        if dial.strikes(dial.notify.probe):
            await self._try_spoiled(notification, "probe")

    async def _try(self, notification: Notification, number: int) -> bool:
        merchant, now = self._merchants[notification.mchid], self._around.clock.now()
        letter = letters.signed(merchant, notification.body.encode(), now)
        reception = await self.post(notification.url, letter)
        self._note(notification, f"try {notification.tries + 1}", reception.verdict())
        for held, overtaken in self._held.items():
            if held < number and not overtaken.done():
                overtaken.set_result(None)
        return reception.accepted

    async def _try_spoiled(self, notification: Notification, way: str) -> None:
        merchant, now = self._merchants[notification.mchid], self._around.clock.now()
        letter = letters.spoiled(way, merchant, notification.body.encode(), now)
        reception = await self.post(notification.url, letter)
        self._note(notification, f"spoiled: {way}", reception.verdict())

    def _note(self, notification: Notification, what: str, verdict: str) -> None:
        facts = {"out_trade_no": notification.out_trade_no, "url": notification.url}
        self._around.log.write("wechat", "notification", f"TRANSACTION.SUCCESS {what}", verdict, **facts)
