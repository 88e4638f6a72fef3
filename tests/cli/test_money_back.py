"""`tongbao refund` and `tongbao case` beside a running server: by the operator's hand, an id alone sufficing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.town import JSAPI, Shop, shop, town
from tongbao.cli import main
from tongbao.cli.refunds import refund

__all__ = ["shop", "town"]

CARD_NUMBER, CARD_HOLDER = "6222021234567890123", "欧阳雪梅"
Tongbao = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
def tongbao(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Tongbao:
    """Run a command beside the running server: `await tongbao("refund list ord…")`."""
    for name, value in shop.town.server.environment.items():
        if name.startswith("TONGBAO_"):
            monkeypatch.setenv(name, value)

    async def run(words: str, *more: str, given: str = "") -> Result:
        invoke = CliRunner().invoke
        return await asyncio.to_thread(invoke, main, [*words.split(), *more], input=given, catch_exceptions=False)

    return run


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def paid(shop: Shop) -> str:
    order = await shop.order(payment=JSAPI)
    await shop.buyer_pays(order)
    return str((await shop.becomes(order["id"], "paid"))["id"])


async def becomes(shop: Shop, refund_id: str, state: str) -> None:
    give_up_at = time.monotonic() + 20
    while (refund := (await shop.ask("GET", f"/v1/refunds/{refund_id}")).body)["state"] != state:
        assert time.monotonic() < give_up_at, f"refund {refund_id} is {refund['state']}, not {state}"
        await asyncio.sleep(0.05)


async def test_a_refund_is_asked_for_shown_and_listed_by_id_alone(shop: Shop, tongbao: Tongbao) -> None:
    order_id = await paid(shop)
    words = f"refund request {order_id} --reference by-hand --json"
    made = answer(await tongbao(f"{words} --yuan 5.5", "--reason", "one cup was cold"))
    assert (made["amount"], made["reason"], made["order_id"]) == (550, "one cup was cold", order_id)
    assert answer(await tongbao(f"{words} --yuan 5.50", "--reason", "one cup was cold"))["id"] == made["id"]
    await becomes(shop, made["id"], "succeeded")
    assert answer(await tongbao(f"refund show {made['id']} --json"))["state"] == "succeeded"
    rest = answer(await tongbao(f"refund request {order_id} --reference the-rest --json"))
    assert rest["amount"] == 1250
    await becomes(shop, rest["id"], "succeeded")
    shown = (await tongbao(f"refund list {order_id}")).output
    assert "5.50" in shown and "12.50" in shown
    assert [one["id"] for one in answer(await tongbao(f"refund list {made['id']} --json"))] == [made["id"], rest["id"]]
    await shop.books_hold()


async def test_an_abnormal_refund_goes_to_a_card_that_is_asked_for_and_shown_nowhere(
    shop: Shop, tongbao: Tongbao
) -> None:
    made = answer(await tongbao(f"refund request {await paid(shop)} --reference back --json"))
    await shop.control("POST", "/wechat/refunds/finish", {"out_refund_no": made["id"], "status": "ABNORMAL"})
    await becomes(shop, made["id"], "abnormal")
    given = f"{CARD_NUMBER}\n{CARD_HOLDER}\n"
    words = f"refund redirect {made['id']} --to buyer_card"
    refused = await tongbao(words, given=given)
    assert (refused.exit_code, "The gateway refused" in refused.stderr) == (2, True)
    sent = await tongbao(f"{words} --bank ICBC_DEBIT", given=given)
    assert sent.exit_code == 0, sent.output
    for result in (refused, sent):
        assert CARD_NUMBER not in result.output
        assert CARD_HOLDER not in result.output
    await becomes(shop, made["id"], "succeeded")
    await shop.books_hold()


async def test_a_held_payment_is_found_understood_and_accepted(shop: Shop, tongbao: Tongbao) -> None:
    order = await shop.order(payment=JSAPI)
    await shop.control("POST", "/wechat/buyer/pay", {"out_trade_no": order["attempt"]["id"], "amount": 1700})
    words = f"case list --merchant {shop.merchant_id} --kind payment_held --json"
    [case] = answer(await tongbao(words))
    assert (case["order_id"], case["detail"]["received_amount"]) == (order["id"], 1700)
    shown = (await tongbao(f"case show {case['id']}")).output
    assert "accept   the order is paid, with what came in" in shown
    refused = await tongbao(f"case close {case['id']} --resolution handled")
    assert "can be decided by one of: accept, return, dismiss" in refused.stderr
    assert (await tongbao(f"case close {case['id']} --resolution accept --by li --note", "on the bill")).exit_code == 0
    assert (await shop.read(order["id"]))["status"] == "paid"
    assert answer(await tongbao(words)) == []


def test_no_option_takes_card_details() -> None:
    names = {option.name for command in refund.commands.values() for option in command.params}
    assert "bank" in names
    assert not [name for name in names if name and "card" in name]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("refund request ord0 --reference r", "There is no order ord0"),
        ("refund list ord0", "There is no order ord0"),
        ("refund show rfd0", "There is no refund rfd0"),
        ("refund redirect rfd0 --to merchant_card", "There is no refund rfd0"),
        ("refund request UNPAID --reference r", "is not paid"),
        ("refund request UNPAID --reference r --yuan 1.234", "an amount such as 12.34"),
        ("refund request UNPAID --reference r --yuan 0", "an amount such as 12.34"),
        ("refund request UNPAID --reference r --yuan 1 --amount 1", "not both"),
    ],
)
async def test_what_cannot_be_done_is_one_clear_line_and_status_2(
    shop: Shop, tongbao: Tongbao, words: str, said: str
) -> None:
    result = await tongbao(words.replace("UNPAID", (await shop.order())["id"]))
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
