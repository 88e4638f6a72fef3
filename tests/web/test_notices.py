"""Notifications that are not what they seem: kept with a verdict, answered so that they come again, nothing moved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.town import JSAPI, Shop, shop, town
from tongbao.kit import ids

__all__ = ["shop", "town"]


async def verdicts(shop: Shop) -> list[str]:
    rows = await shop.db.fetch(
        "SELECT verdict, detail FROM notices WHERE merchant_id = $1 ORDER BY notice_id", shop.merchant_id
    )
    assert all(row["detail"] for row in rows)
    return [row["verdict"] for row in rows]


async def send(shop: Shop, order: dict[str, Any], **wish: Any) -> int:
    answer = await shop.control("POST", "/wechat/notify", {"out_trade_no": order["attempt"]["id"], **wish})
    assert answer.status == 200, answer
    status: int = answer.body["status"]
    return status


async def nothing_moved(shop: Shop, order: dict[str, Any]) -> None:
    now = await shop.read(order["id"])
    assert now["status"] == "open"
    assert await shop.db.fetch("SELECT 1 FROM postings WHERE merchant_id = $1", shop.merchant_id) == []


@pytest.mark.parametrize(
    ("mutate", "verdict"),
    [
        ("signature", "signature_wrong"),
        ("key", "signature_wrong"),
        ("amount", "signature_wrong"),
        ("timestamp", "timestamp_stale"),
        ("serial", "serial_unknown"),
        ("aad", "decryption_failed"),
        ("probe", "signature_probe"),
    ],
)
async def test_a_notice_that_is_not_proven_moves_nothing(shop: Shop, mutate: str, verdict: str) -> None:
    order = await shop.order(payment=JSAPI)
    assert await send(shop, order, mutate=mutate) >= 400
    assert await verdicts(shop) == [verdict]
    await nothing_moved(shop, order)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": {"total": 1}}, "wrong_amount"),
        ({"amount": {"currency": "USD"}}, "wrong_currency"),
        ({"appid": "wx0000000000000000"}, "wrong_app"),
        ({"mchid": "1900000000"}, "wrong_merchant"),
    ],
)
async def test_a_proven_notice_that_does_not_match_is_held_and_the_truth_still_pays(
    shop: Shop, changes: dict[str, Any], reason: str
) -> None:
    order = await shop.order(payment=JSAPI)
    assert await send(shop, order, changes=changes) >= 400
    assert await verdicts(shop) == ["held"]
    await nothing_moved(shop, order)
    held = (await shop.read(order["id"]))["payments"][0]
    assert (held["state"], held["reason"]) == ("held", reason)
    await shop.buyer_pays(order)
    paid = await shop.becomes(order["id"], "paid")
    assert paid["payments"][0]["state"] == "succeeded"
    await shop.books_hold()


async def test_another_merchants_notice_does_not_open_here(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    other = (await shop.control("POST", "/wechat/merchants", {"signing": "certificate"})).body
    assert other["mchid"] != shop.credentials["mchid"]
    # Their notice, sent to our door: signed by the same gateway, sealed with their key.
    mine = f"{shop.town.url}/notify/wechatpay/{shop.account_id}"
    theirs = {**other, "notify_url": mine}
    assert theirs["apiv3_key"] != shop.credentials["apiv3_key"]
    answer = await shop.ask("POST", f"/notify/wechatpay/{ids.new('acc')}", token=None, data=b"{}")
    assert (answer.status, answer.body["code"]) == (404, "unknown_account")
    await nothing_moved(shop, order)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"x" * 900_000])
async def test_an_unsigned_body_is_kept_and_refused(shop: Shop, body: bytes) -> None:
    answer = await shop.ask("POST", f"/notify/wechatpay/{shop.account_id}", token=None, data=body)
    assert answer.status in (400, 401, 403, 500), answer
    assert answer.body["code"] == "FAIL"
    assert await verdicts(shop) == ["signature_missing"]


@pytest.mark.parametrize("path", ["/notify/wechatpay/x", "/notify/nopay/ACCOUNT", "/notify/wechatpay/%00"])
async def test_a_notice_for_nobody_is_not_found(shop: Shop, path: str) -> None:
    answer = await shop.ask("POST", path.replace("ACCOUNT", shop.account_id), token=None, data=b"{}")
    assert (answer.status, answer.body["code"]) == (404, "unknown_account")


async def test_a_notice_repeated_pays_once(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.control("POST", "/wechat/buyer/pay-twice", {"out_trade_no": order["attempt"]["id"]})
    await shop.becomes(order["id"], "paid")
    assert await send(shop, order) < 300
    found = await verdicts(shop)
    assert found.count("succeeded") == 1
    assert set(found) == {"succeeded", "repeated"}
    await shop.books_hold()


async def test_a_flood_of_forgeries_does_not_fill_the_disk(shop: Shop) -> None:
    for _ in range(70):
        await shop.ask("POST", f"/notify/wechatpay/{shop.account_id}", token=None, data=b"{}")
    assert len(await verdicts(shop)) <= 120
