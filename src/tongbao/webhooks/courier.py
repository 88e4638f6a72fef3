"""Carrying events to merchants: one courier per worker, one lane per endpoint.

A lane has its own queue and its own senders, so a slow or dead endpoint holds up nobody but itself. Twice is harmless:
a delivery is held by a lease, and if the worker dies before it has written what came of it, the lease ends and it is
sent again under the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp
import structlog
from yarl import URL

from tongbao.jobs import Chore
from tongbao.kit import clock, egress
from tongbao.kit.db import Db, Row
from tongbao.kit.sealing import SealBroken, Sealer
from tongbao.webhooks import rules, service, signing, store
from tongbao.webhooks.model import Parcel, Result, Try

_LEASE = timedelta(seconds=60)
_LEASE_LEFT_TO_SEND = timedelta(seconds=20)  # a try takes fifteen seconds at most
_SENDERS = 200
_SENDERS_PER_LANE = 8
_SENDERS_BEFORE_SHARING = 100  # from here on a lane that has a sender gets no second one
_PARCELS_AT_ONCE = 256
_PARCELS_PER_LANE = 64
_LANES_KEPT = 4096
_GATHER_SECONDS = 0.05

_log = structlog.get_logger(__name__)
_chance = random.SystemRandom().random


@dataclass(slots=True)
class _Lane:
    """The way to one endpoint: what waits for it here, and who is sending."""

    merchant_id: str
    endpoint_id: str
    url: URL
    sealed: tuple[bytes, bytes | None]
    keys: tuple[bytes, ...] = field(repr=False)
    previous_until: datetime | None
    queue: deque[Parcel] = field(default_factory=deque)
    senders: int = 0
    failing: bool = False

    def width(self) -> int:
        """How many may send at once: an endpoint that failed last is only probed."""
        return 1 if self.failing else _SENDERS_PER_LANE

    def keys_at(self, now: datetime) -> tuple[bytes, ...]:
        """The keys that sign now, the present one first."""
        return self.keys if self.previous_until and now < self.previous_until else self.keys[:1]


class Courier:
    """Delivers what is due. Give its `chore` to the worker and wake that by the signal `webhooks.TOPIC`."""

    def __init__(self, db: Db, sealer: Sealer, session: aiohttp.ClientSession) -> None:
        self.chore = Chore("webhooks", every_seconds=1, work=self.deliver_due, gather_seconds=_GATHER_SECONDS)
        self._db = db
        self._sealer = sealer
        self._session = session
        self._lanes: dict[str, _Lane] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._results: list[Result] = []
        self._recording: asyncio.Task[None] | None = None
        self._left_some = False

    async def deliver_due(self) -> int:
        """Take due deliveries and start to send them. Returns how many, without waiting for any."""
        now = clock.now()
        if len(self._lanes) > _LANES_KEPT:
            self._lanes = {key: lane for key, lane in self._lanes.items() if lane.senders}
        rows = await store.lanes_due(self._db, now, _PARCELS_AT_ONCE)
        if sum(row["due"] for row in rows) == _PARCELS_AT_ONCE:  # there is more: whose, must not depend on who has most
            rows = await store.all_lanes_due(self._db, now)
        lanes = [lane for row in rows if row["status"] == "active" and (lane := self._lane(row)).keys]
        lanes.sort(key=lambda lane: lane.failing)  # however many fail, those that do not come first
        rooms = self._rooms(lanes)
        if not rooms:
            return 0
        parcels = await store.claim(self._db, rooms, now, now + _LEASE)
        for parcel in parcels:
            self._lanes[parcel.endpoint_id].queue.append(parcel)
        for lane in lanes:
            self._staff(lane)
        return len(parcels)

    async def finish(self, within_seconds: float = 10) -> None:
        """Send what is held and write every result. What takes longer is broken off, and sent again by another."""
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=within_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._recording:
            await self._recording

    def _lane(self, row: Row) -> _Lane:
        lane = self._lanes.get(row["endpoint_id"])
        sealed = (row["sealed_secret"], row["sealed_previous"])
        if lane and lane.sealed == sealed:
            return lane
        keys = self._open(row)
        if lane:
            lane.sealed, lane.keys, lane.previous_until = sealed, keys, row["previous_until"]
            return lane
        url = URL(row["url"])
        lane = _Lane(row["merchant_id"], row["endpoint_id"], url, sealed, keys, row["previous_until"])
        self._lanes[lane.endpoint_id] = lane
        return lane

    def _open(self, row: Row) -> tuple[bytes, ...]:
        """The endpoint's keys. None if they do not open: then its deliveries wait until they do, and others go on."""
        context = service.secret_context(row["merchant_id"], row["endpoint_id"])
        try:
            return tuple(
                self._sealer.open(sealed, context)
                for sealed in (row["sealed_secret"], row["sealed_previous"])
                if sealed is not None
            )
        except SealBroken as error:
            _log.error("webhook_secret_sealed", endpoint_id=row["endpoint_id"], reason=str(error))
            return ()

    def _rooms(self, lanes: list[_Lane]) -> list[tuple[str, int]]:
        """How much each lane may take now: a little ahead of its senders, nothing where nobody could be sending."""
        rooms: list[tuple[str, int]] = []
        share = max(_PARCELS_AT_ONCE // (len(lanes) or 1), _SENDERS_PER_LANE)
        self._left_some = False
        for lane in lanes:
            ahead = 1 if lane.failing else min(share, _PARCELS_PER_LANE)
            most = _SENDERS_BEFORE_SHARING if lane.failing else _SENDERS
            hands = lane.senders or len(self._sending) + len(rooms) < most
            room = ahead - lane.senders - len(lane.queue) if hands else 0
            self._left_some |= room < ahead
            if room > 0:
                rooms.append((lane.endpoint_id, room))
        return rooms

    def _staff(self, lane: _Lane) -> None:
        """Put senders to a lane: one in any case, more only while that leaves enough for other lanes."""
        for _ in range(min(lane.width() - lane.senders, len(lane.queue))):
            if lane.senders and len(self._sending) >= _SENDERS_BEFORE_SHARING:
                return
            lane.senders += 1
            task = asyncio.create_task(self._send_all(lane))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send_all(self, lane: _Lane) -> None:
        try:
            while lane.queue and lane.senders <= lane.width():
                await self._send(lane, lane.queue.popleft())
        finally:
            lane.senders -= 1
            if self._left_some:
                self.chore.wake()

    async def _send(self, lane: _Lane, parcel: Parcel) -> None:
        now = clock.now()
        if now > parcel.held_until - _LEASE_LEFT_TO_SEND:
            return
        timestamp, body, started = int(now.timestamp()), parcel.payload.encode(), time.perf_counter()
        headers = {
            "content-type": "application/json",
            "user-agent": "tongbao-webhooks",
            "webhook-id": parcel.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signing.sign(lane.keys_at(now), parcel.event_id, timestamp, body),
        }
        status, reason, asked_seconds = None, "", 0.0
        try:
            answer = await egress.post(self._session, lane.url, body, headers)
            status, asked_seconds = answer.status, rules.retry_after_seconds(answer.retry_after, now)
        except egress.Unanswered as error:
            reason = error.reason
        verdict = rules.judge(status, reason, parcel.tries, asked_seconds, _chance())
        lane.failing = verdict.state != "delivered"
        tried = Try(now, status, verdict.outcome, round(1000 * (time.perf_counter() - started)))
        due_at = None if verdict.wait_seconds is None else clock.in_seconds(verdict.wait_seconds)
        self._keep(Result(parcel, tried, verdict.state, due_at))

    def _keep(self, result: Result) -> None:
        """Results are gathered for a moment and written together."""
        self._results.append(result)
        if not self._recording:
            self._recording = asyncio.create_task(self._record())

    async def _record(self) -> None:
        while self._results:
            await asyncio.sleep(_GATHER_SECONDS)
            results, self._results = self._results, []
            try:
                await store.record(self._db, results)
                for result in results:
                    if result.tried.outcome == "gone":
                        await self._disable(result.parcel)
            except Exception:
                _log.exception("webhook_results_lost", consequence="their leases end and they are sent again")
        self._recording = None

    async def _disable(self, parcel: Parcel) -> None:
        """410 Gone: the endpoint wants no more (Standard Webhooks specification, "Deliverability and reliability")."""
        async with self._db.tx() as tx:
            await service.disable_endpoint(tx, parcel.merchant_id, parcel.endpoint_id)
