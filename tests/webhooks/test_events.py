from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.webhooks.shop import MASTER_KEYS, Shop
from tongbao import webhooks
from tongbao.kit import clock, sealing
from tongbao.kit.db import AlreadyThere, Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer


async def endpoints_told(shop: Shop, event_id: str) -> set[str]:
    return {one.url for one in await webhooks.deliveries_of(shop.db, shop.merchant_id, event_id=event_id)}


async def test_a_merchant_s_endpoints_are_told_and_nobody_else_s(shop: Shop, db: Db, sealer: Sealer) -> None:
    other = await Shop.open(db, sealer)
    await shop.listen_at("http://localhost/a")
    await shop.listen_at("http://localhost/b")
    await other.listen_at("http://localhost/a")
    assert await endpoints_told(shop, await shop.sell()) == {"http://localhost/a", "http://localhost/b"}


async def test_an_event_without_endpoints_is_still_kept(shop: Shop) -> None:
    event_id = await shop.sell()
    payload = await webhooks.payload_of(shop.db, shop.merchant_id, event_id)
    assert payload is not None
    assert json.loads(payload)["type"] == "order.paid"
    assert await webhooks.payload_of(shop.db, "somebody", event_id) is None


async def test_the_payload_is_as_the_specification_says(shop: Shop) -> None:
    payload = await webhooks.payload_of(shop.db, shop.merchant_id, await shop.sell())
    assert payload is not None
    told = json.loads(payload)
    assert list(told) == ["type", "timestamp", "data"]
    assert told["timestamp"].endswith("Z")
    assert told["data"]["order"] == {"id": "ord1", "amount": 1880, "subject": "拿铁"}


async def test_a_state_change_has_one_event(shop: Shop) -> None:
    await shop.listen_at("http://localhost/a")
    await shop.sell(change_key="ord1 paid")
    with pytest.raises(AlreadyThere) as taken:
        await shop.sell(change_key="ord1 paid")
    assert taken.value.constraint == "events_change"
    assert len(await webhooks.deliveries_of(shop.db, shop.merchant_id)) == 1


async def test_nothing_is_published_by_a_transaction_that_fails(shop: Shop) -> None:
    await shop.listen_at("http://localhost/a")
    with pytest.raises(RuntimeError):
        async with shop.db.tx() as tx:
            webhooks.publish(
                tx,
                merchant_id=shop.merchant_id,
                type="order.paid",
                order_id="ord1",
                attempt_id=None,
                change_key="k",
                data={},
                notify_url=None,
                at=clock.now(),
            )
            raise RuntimeError("something else went wrong")
    assert await webhooks.deliveries_of(shop.db, shop.merchant_id) == []


async def test_an_order_s_own_url_is_told_of_that_order_only(shop: Shop) -> None:
    await shop.listen_at("http://localhost/all")
    for _ in range(2):  # ensuring twice is harmless
        async with shop.db.tx() as tx:
            url = "http://localhost/own"
            webhooks.ensure_order_endpoint(tx, shop.sealer, shop.merchant_id, url, allow_private=True, at=clock.now())
    own = await shop.sell("ord1", notify_url="http://localhost/own")
    assert await endpoints_told(shop, own) == {"http://localhost/all", "http://localhost/own"}
    assert await endpoints_told(shop, await shop.sell("ord2")) == {"http://localhost/all"}


async def test_an_order_s_own_url_that_is_an_endpoint_anyway_is_told_once(shop: Shop) -> None:
    _, secret = await shop.listen_at("http://localhost/all")
    async with shop.db.tx() as tx:
        webhooks.ensure_order_endpoint(
            tx, shop.sealer, shop.merchant_id, "http://localhost/all", allow_private=True, at=clock.now()
        )
    [endpoint] = await webhooks.list_endpoints(shop.db, shop.merchant_id)
    assert await webhooks.reveal_secret(shop.db, shop.sealer, shop.merchant_id, endpoint.endpoint_id) == secret
    event_id = await shop.sell(notify_url="http://localhost/all")
    assert len(await webhooks.deliveries_of(shop.db, shop.merchant_id, event_id=event_id)) == 1


async def test_the_secret_for_an_order_s_own_url_can_be_had_beforehand(shop: Shop) -> None:
    endpoint_id, secret = await shop.listen_at("http://localhost/own", per_order=True)
    assert secret.startswith("whsec_")
    assert await webhooks.reveal_secret(shop.db, shop.sealer, shop.merchant_id, endpoint_id) == secret
    assert await endpoints_told(shop, await shop.sell()) == set()
    assert await endpoints_told(shop, await shop.sell(notify_url="http://localhost/own")) == {"http://localhost/own"}


async def test_after_a_change_of_master_keys_the_secrets_are_the_same(shop: Shop, db: Db) -> None:
    endpoint_id, _ = await shop.listen_at("http://localhost/a")
    async with db.tx() as tx:
        secret = await webhooks.rotate_secret(tx, shop.sealer, shop.merchant_id, endpoint_id, clock.now())
    both = sealing.sealer_from_text("new:" + "B" * 43 + "=\n" + MASTER_KEYS)
    assert await webhooks.reseal(db, both) > 0
    assert await webhooks.reseal(db, both) == 0
    new_alone = sealing.sealer_from_text("new:" + "B" * 43 + "=")
    assert await webhooks.reveal_secret(db, new_alone, shop.merchant_id, endpoint_id) == secret
    await webhooks.reseal(db, sealing.sealer_from_text(MASTER_KEYS + "\nnew:" + "B" * 43 + "="))


async def test_a_disabled_endpoint_is_told_nothing_and_what_waited_is_given_up(shop: Shop) -> None:
    endpoint_id, _ = await shop.listen_at("http://localhost/a")
    waiting = await shop.sell()
    async with shop.db.tx() as tx:
        await webhooks.disable_endpoint(tx, shop.merchant_id, endpoint_id)
    assert (await shop.delivery(waiting)).state == "exhausted"
    assert await endpoints_told(shop, await shop.sell()) == set()
    async with shop.db.tx() as tx:
        await webhooks.enable_endpoint(tx, shop.merchant_id, endpoint_id)
    assert await endpoints_told(shop, await shop.sell()) == {"http://localhost/a"}


async def test_a_url_into_the_house_is_refused(shop: Shop) -> None:
    with pytest.raises(Refusal, match="egress_forbidden"):
        async with shop.db.tx() as tx:
            await webhooks.add_endpoint(
                tx, shop.sealer, shop.merchant_id, "https://10.0.0.1/", allow_private=False, at=clock.now()
            )
    with pytest.raises(Refusal, match="egress_forbidden"):
        async with shop.db.tx() as tx:
            webhooks.ensure_order_endpoint(
                tx, shop.sealer, shop.merchant_id, "http://shop.example.com/", allow_private=False, at=clock.now()
            )
    assert await webhooks.list_endpoints(shop.db, shop.merchant_id) == []


async def test_a_url_is_added_once(shop: Shop) -> None:
    await shop.listen_at("http://localhost/a")
    with pytest.raises(Refusal, match="webhook_url_taken"):
        await shop.listen_at("http://localhost/a")


async def test_an_unknown_or_foreign_endpoint_is_unknown(shop: Shop, db: Db, sealer: Sealer) -> None:
    other = await Shop.open(db, sealer)
    endpoint_id, _ = await shop.listen_at("http://localhost/a")
    async with db.tx() as tx:
        for verb in (webhooks.enable_endpoint, webhooks.disable_endpoint):
            with pytest.raises(Refusal, match="unknown_webhook_endpoint"):
                await verb(tx, other.merchant_id, endpoint_id)
        with pytest.raises(Refusal, match="unknown_webhook_endpoint"):
            await webhooks.rotate_secret(tx, sealer, other.merchant_id, endpoint_id, clock.now())
    with pytest.raises(Refusal, match="unknown_webhook_endpoint"):
        await webhooks.reveal_secret(db, sealer, other.merchant_id, endpoint_id)


async def test_the_log_is_narrowed_by_what_is_given(shop: Shop) -> None:
    endpoint_id, _ = await shop.listen_at("http://localhost/a")
    await shop.listen_at("http://localhost/b")
    first, second = await shop.sell("ord1"), await shop.sell("ord2")

    async def count(**narrow: str) -> int:
        return len(await webhooks.deliveries_of(shop.db, shop.merchant_id, **narrow))  # type: ignore[arg-type]

    assert await count() == 4
    assert await count(order_id="ord1") == 2
    assert await count(event_id=second) == 2
    assert await count(event_id=first, endpoint_id=endpoint_id) == 1
    assert (await count(state="pending"), await count(state="delivered")) == (4, 0)
    newest, *_ = await webhooks.deliveries_of(shop.db, shop.merchant_id, limit=1)
    assert newest.event_id == second


@pytest.mark.parametrize("foreign", [False, True])
async def test_what_is_not_there_cannot_be_replayed(shop: Shop, db: Db, sealer: Sealer, foreign: bool) -> None:
    event_id = await shop.sell()
    whose = (await Shop.open(db, sealer)).merchant_id if foreign else shop.merchant_id
    async with db.tx() as tx:
        with pytest.raises(Refusal, match="unknown_event" if foreign else "nowhere_to_replay"):
            await webhooks.replay(tx, whose, event_id, at=clock.now())
        with pytest.raises(Refusal, match="unknown_event" if foreign else "unknown_webhook_endpoint"):
            await webhooks.replay(tx, whose, event_id, "whe1", at=clock.now())


async def test_a_disabled_endpoint_is_not_replayed_to(shop: Shop, db: Db) -> None:
    endpoint_id, _ = await shop.listen_at("http://localhost/a")
    event_id = await shop.sell()
    async with db.tx() as tx:
        await webhooks.disable_endpoint(tx, shop.merchant_id, endpoint_id)
    async with db.tx() as tx:
        with pytest.raises(Refusal, match="webhook_endpoint_disabled"):
            await webhooks.replay(tx, shop.merchant_id, event_id, endpoint_id, at=clock.now())
        with pytest.raises(Refusal, match="nowhere_to_replay"):
            await webhooks.replay(tx, shop.merchant_id, event_id, at=clock.now())


async def test_an_event_can_be_replayed_to_an_endpoint_that_came_later(shop: Shop, db: Db) -> None:
    event_id = await shop.sell()
    endpoint_id, _ = await shop.listen_at("http://localhost/late")
    async with db.tx() as tx:
        assert await webhooks.replay(tx, shop.merchant_id, event_id, endpoint_id, at=clock.now()) == [endpoint_id]
    assert (await shop.delivery(event_id)).state == "pending"


async def test_only_what_is_old_and_final_is_forgotten(shop: Shop, db: Db) -> None:
    endpoint_id, _ = await shop.listen_at("http://localhost/a")
    given_up = await shop.sell()
    async with db.tx() as tx:
        await webhooks.disable_endpoint(tx, shop.merchant_id, endpoint_id)
    async with db.tx() as tx:
        await webhooks.enable_endpoint(tx, shop.merchant_id, endpoint_id)
    waiting = await shop.sell()
    assert await webhooks.purge(db, clock.now() - timedelta(days=1)) == 0
    assert await webhooks.purge(db, clock.now() + timedelta(days=1)) == 1
    left = await webhooks.deliveries_of(db, shop.merchant_id)
    assert [one.event_id for one in left] == [waiting]
    assert await webhooks.payload_of(db, shop.merchant_id, given_up)
