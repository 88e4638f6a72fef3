"""API keys prove a merchant's program, until they expire or are revoked."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from tongbao import merchants
from tongbao.kit import clock, ids
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.signals import Signals
from tongbao.merchants import ApiKey, Merchant


async def create_key(db: Db, merchant: Merchant, **life: float) -> tuple[ApiKey, str]:
    expires_at = clock.now() + timedelta(**life) if life else None
    return await db.run(lambda tx: merchants.create_key(tx, merchant.merchant_id, "till", expires_at))


async def test_a_key_proves_its_merchant(db: Db, merchant: Merchant) -> None:
    key, text = await create_key(db, merchant)
    principal = await merchants.authenticate(db, text, clock.now())
    assert (principal.merchant_id, principal.key_id) == (merchant.merchant_id, key.key_id)


async def test_only_a_hash_of_a_key_is_kept(db: Db, merchant: Merchant) -> None:
    key, text = await create_key(db, merchant)
    row = await db.fetch_row("SELECT api_keys::text AS row FROM api_keys WHERE key_id = $1", key.key_id)
    assert row
    assert text.rpartition("_")[2] not in row["row"] + repr(key)
    assert hashlib.sha256(text.encode()).hexdigest() in row["row"]


async def test_a_wrong_key_of_any_shape_is_unauthorized(db: Db, merchant: Merchant) -> None:
    _, text = await create_key(db, merchant)
    _, other = await create_key(db, merchant)
    head, _, secret = text.rpartition("_")
    for wrong in (
        "",
        "sk_",
        "sk___",
        text[:-1],
        text + "x",
        text.upper(),
        f"{head}_{other.rpartition('_')[2]}",
        f"{head}_",
        f"{head}_пароль",
        f"bs_{merchant.merchant_id}_{secret}",
        f"sk_{ids.new('mch')}_{ids.new('key')}_{secret}",
        "sk_" + "x" * 100_000,
        "\x00",
        "\udcff",
        head + "_\udcff",
    ):
        with pytest.raises(Refusal) as refused:
            await merchants.authenticate(db, wrong, clock.now())
        assert (refused.value.code, refused.value.status) == ("unauthorized", 401)


async def test_an_expired_key_is_refused_from_its_last_moment_on(db: Db, merchant: Merchant) -> None:
    key, text = await create_key(db, merchant, days=90)
    assert key.expires_at
    await merchants.authenticate(db, text, key.expires_at - timedelta(microseconds=1))
    with pytest.raises(Refusal, match="key_expired"):
        await merchants.authenticate(db, text, key.expires_at)


async def test_a_revoked_key_is_refused_as_soon_as_the_signal_is_heard(
    db: Db, signals: Signals, merchant: Merchant
) -> None:
    key, text = await create_key(db, merchant)
    await merchants.authenticate(db, text, clock.now())
    for _ in range(2):
        await db.run(lambda tx: merchants.revoke_key(tx, merchant.merchant_id, key.key_id))
    with pytest.raises(Refusal, match="key_revoked"):
        await merchants.authenticate(db, text, clock.now())


async def test_what_became_of_a_key_is_told_only_to_who_has_it_whole(db: Db, merchant: Merchant) -> None:
    key, text = await create_key(db, merchant)
    await db.run(lambda tx: merchants.revoke_key(tx, merchant.merchant_id, key.key_id))
    with pytest.raises(Refusal, match="unauthorized"):
        await merchants.authenticate(db, text[:-1] + ("0" if text[-1] != "0" else "1"), clock.now())


async def test_nobody_revokes_a_key_of_another_merchant(db: Db, merchant: Merchant) -> None:
    other = await db.run(lambda tx: merchants.create_merchant(tx, "A tea house"))
    key, text = await create_key(db, merchant)
    with pytest.raises(Refusal, match="unknown_key"):
        await db.run(lambda tx: merchants.revoke_key(tx, other.merchant_id, key.key_id))
    await merchants.authenticate(db, text, clock.now())
    assert await merchants.list_keys(db, other.merchant_id) == []


async def test_a_key_in_use_costs_no_query(db: Db, merchant: Merchant) -> None:
    _, text = await create_key(db, merchant)
    await merchants.authenticate(db, text, clock.now())
    await db.fetch("DELETE FROM api_keys WHERE merchant_id = $1", merchant.merchant_id)
    await merchants.authenticate(db, text, clock.now())
    merchants.forget_keys()
    with pytest.raises(Refusal, match="unauthorized"):
        await merchants.authenticate(db, text, clock.now())
