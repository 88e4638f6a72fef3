"""GET …/explanation and `tongbao explain` on a running server: what they tell of orders and notices, and to whom."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from datetime import datetime
from typing import Any

import pytest

from tests.town import JSAPI, Shop, shop, town
from tongbao import merchants
from tongbao.kit import ids

__all__ = ["shop", "town"]

ENGLISH = {"accept-language": "en"}
CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"}


async def explain(shop: Shop, order_id: str, headers: dict[str, str] = ENGLISH) -> dict[str, Any]:
    answer = await shop.ask("GET", f"/v1/orders/{order_id}/explanation", headers=headers)
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.body
    return told


async def comes_to(shop: Shop, order_id: str, code: str, seconds: float = 20) -> dict[str, Any]:
    """Wait until the order stands so."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        told = await explain(shop, order_id)
        if told["stands"]["code"] == code:
            return told
        await asyncio.sleep(0.1)
    raise AssertionError(f"it stands at {told['stands']}, not {code}, after {seconds} s: {told['story']}")


def codes(told: dict[str, Any]) -> list[str]:
    return [line["code"] for line in told["story"]]


async def last_notice(shop: Shop) -> str:
    rows = await shop.db.fetch(
        "SELECT notice_id FROM notices WHERE merchant_id = $1 ORDER BY notice_id DESC LIMIT 1", shop.merchant_id
    )
    return str(rows[0]["notice_id"])


async def explain_notice(shop: Shop) -> dict[str, Any]:
    answer = await shop.ask("GET", f"/v1/notices/{await last_notice(shop)}/explanation", headers=ENGLISH)
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.body
    return told


async def send(shop: Shop, order: dict[str, Any], **wish: Any) -> None:
    answer = await shop.control("POST", "/wechat/notify", {"out_trade_no": order["attempt"]["id"], **wish})
    assert answer.status == 200, answer


async def tongbao(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as the server's operator."""
    command = [sys.executable, "-m", "tongbao", *arguments]
    environment = shop.town.server.environment | {"LC_ALL": "C.UTF-8", "TZ": "Asia/Shanghai"}
    return await asyncio.to_thread(
        lambda: subprocess.run(
            command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
        )
    )


async def paid(shop: Shop) -> dict[str, Any]:
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    return await shop.becomes(order["id"], "paid")


async def test_a_paid_order_is_told_from_its_order_to_its_webhook(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    await shop.told(1)
    told = await comes_to(shop, order["id"], "paid")
    assert told["next"] == []
    assert {"order_opened", "attempt_started", "attempt_paid", "attempt_succeeded", "posted"} < set(codes(told))
    moments = [datetime.fromisoformat(line["at"]) for line in told["story"]]
    assert moments == sorted(moments)
    assert all(line["at"].endswith("Z") and line["id"] for line in told["story"])


async def test_it_is_told_in_the_language_that_is_asked_for(shop: Shop) -> None:
    order = await shop.order()
    answer = await shop.ask("GET", f"/v1/orders/{order['id']}/explanation", headers=CHINESE)
    assert (answer.headers["content-language"], answer.body["language"]) == ("zh-CN", "zh")
    assert answer.body["stands"]["text"].startswith("订单待支付")
    assert (await explain(shop, order["id"]))["stands"]["text"].startswith("The order is open")


async def test_neither_buyers_nor_other_merchants_have_an_order_explained(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    path = f"/v1/orders/{order['id']}/explanation"
    assert (await shop.ask("GET", path, token=shop.buyer_token)).status == 403
    other = await shop.db.run(lambda tx: merchants.create_merchant(tx, "Another shop"))
    _, key = await shop.db.run(lambda tx: merchants.create_key(tx, other.merchant_id, "tests", None))
    assert (await shop.ask("GET", path, token=key)).body["code"] == "order_not_found"
    await send(shop, order, mutate="signature")
    notice = f"/v1/notices/{await last_notice(shop)}/explanation"
    assert (await shop.ask("GET", notice, token=shop.buyer_token)).status == 403
    assert (await shop.ask("GET", notice, token=key)).body["code"] == "notice_not_found"


@pytest.mark.parametrize("some_id", ["x", "%00", "ord%27", "ord" + "0" * 28, "通宝"])
async def test_what_is_not_there_is_not_found(shop: Shop, some_id: str) -> None:
    order = await shop.ask("GET", f"/v1/orders/{some_id}/explanation")
    notice = await shop.ask("GET", f"/v1/notices/{some_id}/explanation")
    assert (order.body["code"], notice.body["code"]) == ("order_not_found", "notice_not_found")


async def test_a_lost_notification_shows_as_our_asking(shop: Shop) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"notify": {"lose": 1}}})
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    told = await explain(shop, order["id"])
    assert "query_answered" in codes(told)
    assert not any(line["kind"] == "notice" for line in told["story"])


async def test_a_gateway_that_gives_no_clear_answer_leaves_a_doubt_that_is_told(shop: Shop) -> None:
    order = await shop.order()
    await shop.control("PUT", "/faults", {"wechat": {"api": {"server_error": 1}}})
    path = f"/v1/orders/{order['id']}/payments"
    assert (await shop.ask("POST", path, token=shop.buyer_token, json=JSAPI)).status == 503
    told = await explain(shop, order["id"])
    assert told["stands"]["code"] == "open_unknown"
    failed = [line for line in told["story"] if line["kind"] == "call"]
    assert failed
    assert all(line["cure"] for line in failed)


@pytest.mark.parametrize(
    ("mutate", "wrong"),
    [
        ("signature", "key"),
        ("key", "key"),
        ("amount", "body"),
        ("timestamp", "time"),
        ("serial", "serial"),
        ("aad", "key"),
        ("probe", "nothing"),
    ],
)
async def test_a_refused_notice_says_what_is_wrong_with_it_and_the_cure(shop: Shop, mutate: str, wrong: str) -> None:
    order = await shop.order(payment=JSAPI)
    await send(shop, order, mutate=mutate)
    told = await explain_notice(shop)
    assert told["wrong"] == wrong, told
    assert all(told[part] for part in ("verdict", "detail", "finding", "cure"))


async def test_a_refused_notice_stands_in_the_story_of_the_order_that_waited(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await send(shop, order, mutate="signature")
    told = await explain(shop, order["id"])
    assert "notice_signature_wrong" in codes(told)
    (step,) = [step for step in told["next"] if step["code"] == "read_notice"]
    assert await last_notice(shop) in step["text"]


async def test_a_held_payment_says_what_can_be_decided(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await send(shop, order, changes={"amount": {"total": 1}})
    told = await explain(shop, order["id"])
    assert told["stands"]["code"] == "payment_held"
    (step,) = [step for step in told["next"] if step["code"] == "decide"]
    assert "accept | return | dismiss" in step["text"]
    notice = await explain_notice(shop)
    assert (notice["wrong"], notice["verdict"], notice["order_id"]) == ("nothing", "held", order["id"])
    assert "does not match what we asked for" in notice["finding"]


async def test_the_command_line_tells_the_same_and_finds_an_order_by_its_payment(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    done = await tongbao(shop, "explain", order["attempt"]["id"], "--lang", "zh")
    assert done.returncode == 0, done.stderr
    assert "现状\n  订单待支付" in done.stdout
    assert "+08:00" in done.stdout, "times are the operator's own"
    assert "\x1b" not in done.stdout, "colour is for terminals"
    answered = await tongbao(shop, "explain", order["id"], "--json")
    assert json.loads(answered.stdout)["order_id"] == order["id"]


async def test_the_command_line_names_the_account_a_notice_is_proven_for_and_the_api_does_not(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    await shop.becomes(order["id"], "paid")
    mine = await last_notice(shop)
    other = await shop.db.run(lambda tx: merchants.create_merchant(tx, "Another shop"))
    _, key = await shop.db.run(lambda tx: merchants.create_key(tx, other.merchant_id, "tests", None))
    settings = (await shop.control("POST", "/wechat/merchants")).body
    names = (await merchants.list_accounts(shop.db, shop.merchant_id))[0].settings
    secrets = ("mchid", "merchant_serial", "merchant_private_key_pem", "apiv3_key", "base_url")
    theirs = {name: settings[name] for name in {*names, *secrets} if name in settings}
    account = await shop.db.run(
        lambda tx: merchants.add_account(tx, shop.town.sealer, other.merchant_id, "wechatpay", theirs)
    )
    strayed = ids.new("ntc")
    await shop.db.fetch(
        "INSERT INTO notices (merchant_id, notice_id, account_id, received_at, headers, body, verdict, detail)"
        " SELECT $1, $2, $3, received_at, headers, body, 'signature_wrong', '' FROM notices WHERE notice_id = $4",
        *(other.merchant_id, strayed, account.account_id, mine),
    )
    done = await tongbao(shop, "explain", strayed, "--lang", "en")
    assert f"account {shop.account_id} of merchant {shop.merchant_id}" in done.stdout, done
    answer = await shop.ask("GET", f"/v1/notices/{strayed}/explanation", token=key)
    assert answer.body["wrong"] in ("key", "account", "serial")
    assert shop.merchant_id not in str(answer.body)
    assert shop.account_id not in str(answer.body)


async def test_an_id_that_leads_nowhere_is_a_clear_failure(shop: Shop) -> None:
    done = await tongbao(shop, "explain", ids.new("ord"))
    assert done.returncode == 2
    assert "There is no order, payment, refund, case or notice" in done.stderr


async def test_a_refund_is_told_until_the_money_is_back(shop: Shop) -> None:
    order = await paid(shop)
    refunded = await shop.ask("POST", f"/v1/orders/{order['id']}/refunds", json={"reference": f"{order['id']}-r"})
    assert refunded.status == 201, refunded
    told = await comes_to(shop, order["id"], "refunded")
    assert {"refund_requested", "refund_sent", "refund_succeeded"} < set(codes(told))
    assert told["next"] == []


async def test_a_refund_that_the_balance_is_too_short_for_names_the_cure(shop: Shop) -> None:
    order = await paid(shop)
    mchid = shop.credentials["mchid"]
    await shop.control("PUT", "/wechat/merchants", {"mchid": mchid, "refund_refusal": "NOT_ENOUGH"})
    refunded = await shop.ask("POST", f"/v1/orders/{order['id']}/refunds", json={"reference": f"{order['id']}-r"})
    assert refunded.status == 201, refunded
    told = await explain(shop, order["id"])
    assert told["stands"]["code"] == "refund_blocked"
    (step,) = told["next"]
    (line,) = [line for line in told["story"] if line["code"] == "refund_rejected"]
    assert step["code"] == "unblock_refund"
    assert step["text"].startswith(line["cure"].rstrip("."))


async def test_an_abnormal_refund_says_how_to_send_the_money_elsewhere(shop: Shop) -> None:
    order = await paid(shop)
    await shop.control("PUT", "/faults", {"wechat": {"refund": {"seconds": 600}}})
    refunded = await shop.ask("POST", f"/v1/orders/{order['id']}/refunds", json={"reference": f"{order['id']}-r"})
    forced = {"out_refund_no": refunded.body["id"], "status": "ABNORMAL"}
    assert (await shop.control("POST", "/wechat/refunds/finish", forced)).status == 200
    told = await comes_to(shop, order["id"], "refund_abnormal")
    (step,) = told["next"]
    assert step["code"] == "redirect_refund"
    assert refunded.body["id"] in step["text"]


async def test_a_second_payment_is_told_until_it_is_back(shop: Shop) -> None:
    order = await shop.order(payment=JSAPI)
    path = f"/v1/orders/{order['id']}/payments"
    second = await shop.ask("POST", path, token=shop.buyer_token, json=JSAPI | {"fresh": True})
    await shop.buyer_pays(order)
    await shop.buyer_pays(second.body)
    told = await comes_to(shop, order["id"], "surplus_returned")
    assert {"attempt_succeeded", "attempt_surplus", "refund_returning", "case_closed"} < set(codes(told))
    assert told["next"] == []
