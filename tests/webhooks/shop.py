"""A merchant who is told things, in a few words."""

from __future__ import annotations

from dataclasses import dataclass

from tongbao import webhooks
from tongbao.kit import clock, ids
from tongbao.kit.db import Db
from tongbao.kit.sealing import Sealer
from tongbao.webhooks import Courier, Delivery

MASTER_KEYS = "test:" + "A" * 43 + "="


@dataclass(frozen=True, slots=True)
class Shop:
    db: Db
    sealer: Sealer
    merchant_id: str

    @classmethod
    async def open(cls, db: Db, sealer: Sealer) -> Shop:
        merchant_id = ids.new("mer")
        async with db.tx() as tx:
            tx.write("INSERT INTO merchants VALUES ($1, 'a shop', $2)", merchant_id, clock.now())
        return cls(db, sealer, merchant_id)

    async def listen_at(self, url: str, *, per_order: bool = False) -> tuple[str, str]:
        """Add an endpoint; its id and its secret."""
        async with self.db.tx() as tx:
            endpoint, secret = await webhooks.add_endpoint(
                tx, self.sealer, self.merchant_id, url, allow_private=True, at=clock.now(), per_order=per_order
            )
        return endpoint.endpoint_id, secret

    async def sell(self, order_id: str = "ord1", notify_url: str | None = None, change_key: str | None = None) -> str:
        """Publish that an order is paid; the event's id."""
        async with self.db.tx() as tx:
            return webhooks.publish(
                tx,
                merchant_id=self.merchant_id,
                type="order.paid",
                order_id=order_id,
                attempt_id="att1",
                change_key=change_key or ids.new("key"),
                data={"order": {"id": order_id, "amount": 1880, "subject": "拿铁"}, "attempt": {"id": "att1"}},
                notify_url=notify_url,
                at=clock.now(),
            )

    async def delivery(self, event_id: str) -> Delivery:
        """The only delivery of an event."""
        [delivery] = await webhooks.deliveries_of(self.db, self.merchant_id, event_id=event_id)
        return delivery

    async def outcomes(self, delivery: Delivery) -> list[str]:
        tries = await webhooks.tries_of(self.db, self.merchant_id, delivery.event_id, delivery.endpoint_id)
        return [one.outcome for one in tries]

    async def move_clock_to(self, event_id: str) -> None:
        """Move our clock to where the only delivery of an event is due."""
        due_at = (await self.delivery(event_id)).due_at
        assert due_at is not None
        clock.move(0)
        clock.move((due_at - clock.now()).total_seconds() + 0.001)


async def carry(courier: Courier) -> None:
    """Deliver what is due, once, and see to the results."""
    await courier.deliver_due()
    await courier.finish()
