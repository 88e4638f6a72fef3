"""The gateways' certificates come by themselves, and go when they end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.merchants.gateway import PUBLIC_KEY_ID, Gateway, certificate, public_key_pem
from tongbao import merchants
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.sealing import Sealer
from tongbao.kit.signals import Signals
from tongbao.merchants import Account, Directory, Merchant


@pytest.fixture
async def account(db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway) -> Account:
    settings = gateway.account_settings()
    return await db.run(lambda tx: merchants.add_account(tx, sealer, merchant.merchant_id, "wechatpay", settings))


async def stored(db: Db, account: Account) -> Account:
    [found] = await merchants.list_accounts(db, account.merchant_id)
    return found


async def serials(db: Db, account: Account) -> set[str]:
    return {key["serial"] for key in (await stored(db, account)).platform_keys}


async def test_a_new_accounts_certificates_are_fetched_and_handed_to_its_channel(
    db: Db, signals: Signals, directory: Directory, gateway: Gateway, account: Account
) -> None:
    signals.listen("accounts", lambda _: directory.forget())
    gateway.certificates = [certificate(0)]
    _, before = await directory.account(account.account_id)
    assert await merchants.refresh_platform_keys(db, directory, clock.now()) == 1
    found, after = await directory.account(account.account_id)
    assert after is not before
    assert found.version == 2
    assert await serials(db, account) == {gateway.certificates[0].serial}


async def test_fetching_twice_changes_nothing_and_is_not_done_before_its_time(
    db: Db, directory: Directory, gateway: Gateway, account: Account
) -> None:
    gateway.certificates = [certificate(0)]
    now = clock.now()
    assert await merchants.refresh_platform_keys(db, directory, now) == 1
    assert await merchants.refresh_platform_keys(db, directory, now + timedelta(hours=9.8)) == 0
    assert timedelta(hours=9.8) < (await stored(db, account)).keys_due_at - now < timedelta(hours=12)
    assert await merchants.refresh_platform_keys(db, directory, now + timedelta(hours=12)) == 1
    assert (gateway.asked, (await stored(db, account)).version) == (2, 2)


async def test_an_old_certificate_stays_beside_its_successor_until_it_ends(
    db: Db, directory: Directory, gateway: Gateway, account: Account
) -> None:
    now, old, new = clock.now(), certificate(0, days=30), certificate(1)
    gateway.certificates = [old]
    await merchants.refresh_platform_keys(db, directory, now)
    gateway.certificates = [new]
    await merchants.refresh_platform_keys(db, directory, now + timedelta(days=1))
    assert await serials(db, account) == {old.serial, new.serial}
    await merchants.refresh_platform_keys(db, directory, now + timedelta(days=31))
    assert await serials(db, account) == {new.serial}


async def test_an_account_with_a_public_key_and_no_certificates_is_no_failure(
    db: Db, sealer: Sealer, directory: Directory, gateway: Gateway, account: Account
) -> None:
    changes = {"platform_public_key_id": PUBLIC_KEY_ID, "platform_public_key_pem": public_key_pem()}
    await db.run(lambda tx: merchants.update_account(tx, sealer, account.merchant_id, account.account_id, changes))
    now = clock.now()
    assert await merchants.refresh_platform_keys(db, directory, now) == 1
    assert await serials(db, account) == set()
    assert (await stored(db, account)).keys_due_at > now + timedelta(hours=9)


async def test_a_failing_gateway_is_asked_less_and_less_and_takes_no_key_away(
    db: Db, directory: Directory, gateway: Gateway, account: Account
) -> None:
    gateway.certificates = [certificate(0)]
    now = clock.now()
    await merchants.refresh_platform_keys(db, directory, now)
    gateway.failing = 500
    pauses = []
    for _ in range(10):
        now = max(now, (await stored(db, account)).keys_due_at)
        assert await merchants.refresh_platform_keys(db, directory, now) == 1
        pauses.append((await stored(db, account)).keys_due_at - now)
    assert pauses[0] < timedelta(minutes=1)
    assert pauses[:7] == sorted(pauses[:7])
    assert timedelta(minutes=50) < pauses[-1] <= timedelta(hours=1)
    assert await serials(db, account) == {gateway.certificates[0].serial}


async def test_four_workers_ask_once(db: Db, directory: Directory, gateway: Gateway, account: Account) -> None:
    gateway.certificates = [certificate(0)]
    now = clock.now()
    # Four connections are open before they start, so that all of them see the account due.
    await asyncio.gather(*(db.fetch("SELECT pg_sleep(0.1)") for _ in range(4)))
    took = await asyncio.gather(*(merchants.refresh_platform_keys(db, directory, now) for _ in range(4)))
    assert (sum(took), gateway.asked) == (1, 1)


async def test_an_unknown_serial_has_the_keys_fetched_now_but_not_for_every_notice(
    db: Db, directory: Directory, gateway: Gateway, account: Account
) -> None:
    gateway.certificates = [certificate(0)]
    await merchants.refresh_platform_keys(db, directory, clock.now())
    gateway.certificates = [certificate(0), certificate(1)]
    for _ in range(3):
        await directory.unknown_serial(account.account_id)
        await merchants.refresh_platform_keys(db, directory, clock.now())
    assert gateway.asked == 2
    assert gateway.certificates[1].serial in await serials(db, account)


async def test_credentials_changed_while_the_gateway_is_asked_are_asked_about_again(
    db: Db, sealer: Sealer, directory: Directory, gateway: Gateway, account: Account
) -> None:
    async def change() -> None:
        changes: dict[str, Any] = {"timeout_seconds": 5}
        await db.run(lambda tx: merchants.update_account(tx, sealer, account.merchant_id, account.account_id, changes))

    gateway.certificates, gateway.meanwhile = [certificate(0)], change
    await merchants.refresh_platform_keys(db, directory, clock.now())
    gateway.meanwhile = None
    assert await serials(db, account) == set()
    assert await merchants.refresh_platform_keys(db, directory, clock.now()) == 1
    assert await serials(db, account) == {gateway.certificates[0].serial}
