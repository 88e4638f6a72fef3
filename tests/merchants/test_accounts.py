"""Merchants, apps and accounts: made, changed, found again as live objects."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.merchants.gateway import APIV3_KEY, Gateway, private_key_pem
from tongbao import merchants
from tongbao.kit.db import Conflict, Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import SealBroken, Sealer, new_master_key, sealer_from_text
from tongbao.kit.signals import Signals
from tongbao.merchants import Account, Directory, Merchant

CHANNEL = "wechatpay"
SECRET = "0123456789abcdef0123456789abcdef"


async def add_account(db: Db, sealer: Sealer, merchant: Merchant, settings: dict[str, Any]) -> Account:
    return await db.run(lambda tx: merchants.add_account(tx, sealer, merchant.merchant_id, CHANNEL, settings))


async def add_app(db: Db, sealer: Sealer, merchant: Merchant, app_id: str, **settings: object) -> merchants.App:
    return await db.run(
        lambda tx: merchants.add_app(tx, sealer, merchant.merchant_id, "wechat", app_id, SECRET, settings)
    )


async def raw_row(db: Db, account: Account) -> str:
    row = await db.fetch_row("SELECT accounts::text AS row FROM accounts WHERE account_id = $1", account.account_id)
    assert row
    return str(row["row"])


async def test_secrets_are_in_no_column_no_repr_and_no_readable_setting(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    [listed] = await merchants.list_accounts(db, merchant.merchant_id)
    shown = repr(account) + repr(listed) + str(listed.settings) + await raw_row(db, account)
    assert APIV3_KEY not in shown
    assert APIV3_KEY.encode().hex() not in shown
    assert private_key_pem()[100:140] not in shown
    assert listed.settings["mchid"] == "1900000109"


async def test_the_same_sealed_secret_opens_only_in_its_own_row(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory
) -> None:
    ours = await add_account(db, sealer, merchant, gateway.account_settings())
    theirs = await add_account(db, sealer, merchant, gateway.account_settings())
    await db.fetch(
        "UPDATE accounts SET sealed_secret = $2 WHERE account_id = $1", ours.account_id, theirs.sealed_secret
    )
    with pytest.raises(SealBroken):
        await directory.account(ours.account_id)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"apiv3_key": "short"}, "apiv3_key"),
        ({"merchant_private_key_pem": "-----BEGIN"}, "merchant_private_key_pem"),
        ({"mchid": "x"}, "mchid"),
        ({"app_ids": "wx1"}, "app_ids"),
        ({"app_ids": []}, "app_ids"),
        ({"no_such_setting": 1}, "no_such_setting"),
    ],
)
async def test_settings_that_cannot_work_are_refused_by_name_and_nothing_is_kept(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await add_account(db, sealer, merchant, gateway.account_settings(**changes))
    assert (refused.value.code, refused.value.values["field"]) == ("invalid_account", field)
    assert await merchants.list_accounts(db, merchant.merchant_id) == []


async def test_unknown_merchant_channel_and_host_are_refused(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, app_id: str
) -> None:
    nobody = Merchant("mch" + "0" * 26, "nobody", merchant.created_at)
    for attempt, code in (
        (add_account(db, sealer, nobody, gateway.account_settings()), "unknown_merchant"),
        (add_app(db, sealer, nobody, app_id), "unknown_merchant"),
        (db.run(lambda tx: merchants.create_key(tx, nobody.merchant_id, "", None)), "unknown_merchant"),
        (db.run(lambda tx: merchants.add_account(tx, sealer, merchant.merchant_id, "cash", {})), "unknown_channel"),
        (db.run(lambda tx: merchants.add_app(tx, sealer, merchant.merchant_id, "fax", "wx1", "s", {})), "unknown_host"),
    ):
        with pytest.raises(Refusal) as refused:
            await attempt
        assert refused.value.code == code


@pytest.mark.parametrize("name", ["", " ", " Shop", "a\nb", "x" * 101])
async def test_a_name_that_cannot_be_read_is_refused(db: Db, name: str) -> None:
    with pytest.raises(Refusal, match="invalid_name"):
        await db.run(lambda tx: merchants.create_merchant(tx, name))


async def test_an_app_belongs_to_one_merchant_and_the_refusal_does_not_tell_which(
    db: Db, sealer: Sealer, merchant: Merchant, app_id: str
) -> None:
    other = await db.run(lambda tx: merchants.create_merchant(tx, "A tea house"))
    await add_app(db, sealer, merchant, app_id)
    with pytest.raises(Refusal) as refused:
        await add_app(db, sealer, other, app_id)
    assert refused.value.code == "app_taken"
    assert merchant.merchant_id not in str(refused.value)
    assert await merchants.list_apps(db, other.merchant_id) == []


async def test_nobody_changes_an_app_or_account_of_another_merchant(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, app_id: str
) -> None:
    other = (await db.run(lambda tx: merchants.create_merchant(tx, "A tea house"))).merchant_id
    await add_app(db, sealer, merchant, app_id)
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    for attempt, code in (
        (db.run(lambda tx: merchants.update_app(tx, sealer, other, "wechat", app_id, {})), "unknown_app"),
        (db.run(lambda tx: merchants.update_account(tx, sealer, other, account.account_id, {})), "unknown_account"),
        (db.run(lambda tx: merchants.disable_account(tx, other, account.account_id)), "unknown_account"),
    ):
        with pytest.raises(Refusal) as refused:
            await attempt
        assert refused.value.code == code


async def test_a_channel_is_built_once_and_again_only_when_its_account_has_changed(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    _, first = await directory.account(account.account_id)
    directory.forget()
    assert (await directory.account(account.account_id))[1] is first

    changes = {"merchant_serial": "0A0B0C0D0E0F"}
    await db.run(lambda tx: merchants.update_account(tx, sealer, merchant.merchant_id, account.account_id, changes))
    directory.forget()
    found, second = await directory.account(account.account_id)
    assert second is not first
    assert (found.version, found.settings["merchant_serial"]) == (2, "0A0B0C0D0E0F")


async def test_many_who_ask_at_once_share_one_channel(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    found = await asyncio.gather(*(directory.account(account.account_id) for _ in range(20)))
    assert len({id(channel) for _, channel in found}) == 1


async def test_a_change_removes_a_setting_by_none_and_keeps_the_secrets(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings(timeout_seconds=3))
    changes = {"timeout_seconds": None}
    after = await db.run(
        lambda tx: merchants.update_account(tx, sealer, merchant.merchant_id, account.account_id, changes)
    )
    assert "timeout_seconds" not in after.settings
    await directory.account(account.account_id)


async def test_two_changes_at_once_both_count(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())

    async def change(name: str, value: object) -> None:
        changes = {name: value}
        await db.run(lambda tx: merchants.update_account(tx, sealer, merchant.merchant_id, account.account_id, changes))

    await asyncio.gather(change("timeout_seconds", 3), change("merchant_serial", "0A0B0C0D"))
    found, _ = await directory.account(account.account_id)
    assert (found.settings["timeout_seconds"], found.settings["merchant_serial"], found.version) == (3, "0A0B0C0D", 3)


async def test_a_change_that_was_decided_on_what_is_not_there_any_more_is_not_written(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    with pytest.raises(Conflict):
        async with db.tx() as slow:
            await merchants.update_account(
                slow, sealer, merchant.merchant_id, account.account_id, {"timeout_seconds": 3}
            )
            await db.run(lambda tx: merchants.disable_account(tx, merchant.merchant_id, account.account_id))
    [found] = await merchants.list_accounts(db, merchant.merchant_id)
    assert (found.status, found.version) == ("disabled", 2)


async def test_a_disabled_account_starts_nothing_but_is_still_found_by_its_id(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory, app_id: str
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    merchant_id, account_id = merchant.merchant_id, account.account_id
    assert (await directory.channel_for(merchant_id, CHANNEL, app_id))[0] == account

    await db.run(lambda tx: merchants.disable_account(tx, merchant_id, account_id))
    directory.forget()
    with pytest.raises(Refusal, match="no_account"):
        await directory.channel_for(merchant_id, CHANNEL, app_id)
    assert (await directory.account(account_id))[0].status == "disabled"

    await db.run(lambda tx: merchants.enable_account(tx, merchant_id, account_id))
    directory.forget()
    assert (await directory.channel_for(merchant_id, CHANNEL, app_id))[0].version == 3


async def test_an_app_pays_through_the_account_that_names_it(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory
) -> None:
    general = await add_account(db, sealer, merchant, gateway.account_settings())
    special = await add_account(db, sealer, merchant, gateway.account_settings(app_ids=["wx1", "wx2"]))
    await add_account(db, sealer, merchant, gateway.account_settings(app_ids=["wx9"]))
    for app_id, account in (("wx1", special), ("wx2", special), ("wx3", general)):
        found, _ = await directory.channel_for(merchant.merchant_id, CHANNEL, app_id)
        assert found.account_id == account.account_id


async def test_gateways_are_told_an_address_that_names_channel_and_account(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    assert directory.notify_url(account) == f"https://pay.example/notify/{CHANNEL}/{account.account_id}"


async def test_unknown_accounts_apps_and_names_are_refused(directory: Directory, merchant: Merchant) -> None:
    for attempt, code in (
        (directory.account("acc" + "0" * 26), "unknown_account"),
        (directory.account("acc'; DROP TABLE accounts"), "unknown_account"),
        (directory.channel_for(merchant.merchant_id, CHANNEL, "wx1"), "no_account"),
        (directory.channel_for(merchant.merchant_id, "cash", "wx1"), "unknown_channel"),
        (directory.host_for("wechat", "wx0000000000"), "unknown_app"),
        (directory.host_for("fax", "wx0000000000"), "unknown_host"),
    ):
        with pytest.raises(Refusal) as refused:
            await attempt
        assert refused.value.code == code


async def test_an_apps_new_secret_reaches_its_host(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory, app_id: str
) -> None:
    await add_app(db, sealer, merchant, app_id, base_url=gateway.base_url)
    app, host = await directory.host_for("wechat", app_id)
    assert app.merchant_id == merchant.merchant_id
    assert SECRET not in repr(app)

    changes = {"app_secret": SECRET[::-1]}
    await db.run(lambda tx: merchants.update_app(tx, sealer, merchant.merchant_id, "wechat", app_id, changes))
    directory.forget()
    assert (await directory.host_for("wechat", app_id))[1] is not host


async def test_after_resealing_the_old_master_key_is_not_needed_any_more(
    db: Db, merchant: Merchant, gateway: Gateway, app_id: str
) -> None:
    old, new = new_master_key("old"), new_master_key("new")
    account = await add_account(db, sealer_from_text(old), merchant, gateway.account_settings())
    await add_app(db, sealer_from_text(old), merchant, app_id)
    async with aiohttp.ClientSession() as transport:
        directory = Directory(db, sealer_from_text(new), transport)
        with pytest.raises(SealBroken, match="old"):
            await directory.account(account.account_id)

        both = sealer_from_text(f"{new}\n{old}")
        assert await merchants.reseal(db, both) == 2
        assert await merchants.reseal(db, both) == 0
        assert (await directory.account(account.account_id))[1].merchant_number == "1900000109"
        assert (await directory.host_for("wechat", app_id))[0].merchant_id == merchant.merchant_id


async def test_an_account_stays_with_its_merchant_number(
    db: Db, sealer: Sealer, gateway: Gateway, merchant: Merchant
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    with pytest.raises(Refusal) as refused:
        await db.run(
            lambda tx: merchants.update_account(
                tx, sealer, merchant.merchant_id, account.account_id, {"mchid": "1900000110"}
            )
        )
    assert (refused.value.code, refused.value.values["field"]) == ("invalid_account", "merchant number")


async def test_what_becomes_of_late_payments_is_the_merchants_choice_and_comes_with_its_accounts(
    db: Db, sealer: Sealer, merchant: Merchant, gateway: Gateway, directory: Directory
) -> None:
    account = await add_account(db, sealer, merchant, gateway.account_settings())
    found, _ = await directory.account(account.account_id)
    assert (merchant.late_payment, account.late_payment, found.late_payment) == ("return", "return", "return")
    revived = await db.run(lambda tx: merchants.set_late_payment(tx, merchant.merchant_id, "revive"))
    directory.forget()
    found, _ = await directory.account(account.account_id)
    assert (revived.late_payment, found.late_payment) == ("revive", "revive")
    later = await add_account(db, sealer, merchant, gateway.account_settings())
    assert [later.late_payment, (await merchants.get_merchant(db, merchant.merchant_id)).late_payment] == ["revive"] * 2
    with pytest.raises(Refusal, match="unknown_merchant"):
        await db.run(lambda tx: merchants.set_late_payment(tx, "mch" + "0" * 28, "revive"))


async def test_a_server_hears_of_a_changed_policy(db: Db, merchant: Merchant, signals: Signals) -> None:
    heard = asyncio.Event()
    signals.listen("accounts", lambda _: heard.set())
    await db.run(lambda tx: merchants.set_late_payment(tx, merchant.merchant_id, "revive"))
    async with asyncio.timeout(10):
        await heard.wait()
