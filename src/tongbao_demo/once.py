"""A payment on each phone and one at the counter, without a browser, over HTTP alone, told step by step; a refund of a
part; and at the end every invariant, and both gateways' books."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import click

from tongbao import reconcile
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.money import yuan
from tongbao.reconcile import Finding
from tongbao_demo import books
from tongbao_demo.books import Clearing
from tongbao_demo.model import WALLETS, Wallet
from tongbao_demo.sandbox import Sandbox
from tongbao_demo.seed import Keys

_SHEET_FIELDS = {"wechat": {"timeStamp", "nonceStr", "package", "signType", "paySign"}, "alipay": {"tradeNO"}}
_NOT_AT_A_TILL = frozenset({"ask", "answer", "notice"})
_PATIENCE_SECONDS = 10.0
_REFUND_STEPS = {
    "refund.requested": "记录退款，预留款项 · The refund is written down, its money set aside",
    "refund.sent": "支付渠道受理退款 · The gateway takes it on",
    "refund.succeeded": "退款已退回买家 · The buyer has it back",
}


class NotAsExpected(Exception):
    """Some answer on the way is not what it should be."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the payment happens."""

    http: aiohttp.ClientSession
    db: Db
    sandbox: Sandbox
    server_url: str
    keys: Keys


@dataclass(frozen=True, slots=True)
class Paid:
    """An order that was paid, and the session of the buyer who paid it; none at the counter."""

    order_id: str
    session: str | None = None


async def walk(stage: Stage) -> bool:
    """Pay on each phone and at the counter, and print each timeline with its ledger lines; give a part of the first
    back; print every invariant, and each gateway's book beside ours. False if anything is wrong.

    Raises NotAsExpected where the walk cannot go on.
    """
    began = time.monotonic()
    on_phones = [await _pay_on(stage, wallet) for wallet in WALLETS.values()]
    at_counter = await _pay_at_the_counter(stage)
    timelines = [await _delivered_timeline(stage, paid.order_id) for paid in (*on_phones, at_counter)]
    for timeline in timelines:
        _print_timeline(timeline)
    _print_refund(await _give_a_part_back(stage, on_phones[0]), timelines[0])
    findings, clearings = await _settled(stage)
    _print_findings(findings)
    _print_clearings(clearings)
    wrong = any(finding.wrong for finding in (*findings, *(each.finding for each in clearings)))
    sound = all(map(_is_whole, timelines)) and not wrong
    click.echo(f"\n{'✓' if sound else '✗'} {time.monotonic() - began:.2f} s")
    return sound


async def compare_books(stage: Stage) -> list[Clearing]:
    """Each account's clearing account beside the sandbox's own book of it."""
    told = await stage.sandbox.ask(stage.http, "GET", "/books")
    return await books.compare(stage.db, stage.keys.merchant_id, told["books"])


async def _pay_on(stage: Stage, wallet: Wallet) -> Paid:
    """The buyer's whole way, as the mini-program goes it."""
    login = await _ask(stage, "POST", f"/demo/phone/{wallet.name}/login", 200)
    code = login.get("code") or login.get("auth_code")
    app = {"host": wallet.name, "app_id": stage.keys.apps[wallet.name], "code": code}
    session = (await _ask(stage, "POST", "/v1/sessions", 201, app))["token"]
    cart = {"session": session, "lines": [{"id": "latte", "quantity": 2}, {"id": "jasmine", "quantity": 1}]}
    order = await _ask(stage, "POST", "/demo/orders", 201, cart)
    how = {"channel": wallet.channel, "method": wallet.method}
    started = await _ask(stage, "POST", f"/v1/orders/{order['id']}/payments", 201, how, session)
    sheet = started["client_params"]
    if set(sheet) != _SHEET_FIELDS[wallet.name]:
        raise NotAsExpected(f"client_params are not what the phone's pay sheet takes: {sorted(sheet)}")
    # A pretend WeChat checks the merchant's signature over the sheet before it pays, as the real one does.
    await _ask(stage, "POST", f"/demo/phone/{wallet.name}/pay", 200, sheet)
    paid = await _ask(stage, "GET", f"/v1/orders/{order['id']}?wait=25", 200, token=session)
    if paid["status"] != "paid":
        raise NotAsExpected(f"order {order['id']} is {paid['status']}, not paid")
    return Paid(order["id"], session)


async def _pay_at_the_counter(stage: Stage) -> Paid:
    """The till scans the code that a buyer's phone shows."""
    order = await _ask(stage, "POST", "/demo/orders", 201, {"lines": [{"id": "americano", "quantity": 1}]})
    shown = await _ask(stage, "POST", "/demo/phone/alipay/code", 200, {"behaviour": "pay"})
    scanned = {"auth_code": shown["auth_code"]}
    collected = await _ask(stage, "POST", f"/demo/orders/{order['id']}/collect", 201, scanned)
    if collected["attempt"]["state"] != "succeeded":
        raise NotAsExpected(f"order {order['id']}: the payment by code is {collected['attempt']['state']}")
    return Paid(order["id"])


async def _give_a_part_back(stage: Stage, paid: Paid) -> dict[str, Any]:
    """The buyer asks the price of one cup back; the timeline, once the shop has been told of every step of it."""
    wish = {"session": paid.session, "drink": "jasmine", "number": 1}
    path = f"/demo/orders/{paid.order_id}/refunds"
    refund = await _ask(stage, "POST", path, 201, wish)
    again = await _ask(stage, "POST", path, 200, wish)
    if again["id"] != refund["id"]:
        raise NotAsExpected(f"asked twice, refunded twice: {refund['id']} and {again['id']}")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        timeline: dict[str, Any] = await _ask(stage, "GET", f"/demo/timeline/{paid.order_id}", 200)
        if {event["body"]["type"] for event in timeline["webhooks"]} >= _REFUND_STEPS.keys():
            return timeline
        await asyncio.sleep(0.05)
    raise NotAsExpected(f"refund {refund['id']} was not back, or not told of, within {_PATIENCE_SECONDS:g} s")


async def _delivered_timeline(stage: Stage, order_id: str) -> dict[str, Any]:
    """The timeline, once the shop has verified the webhook and Tongbao has noted that it arrived."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        timeline: dict[str, Any] = await _ask(stage, "GET", f"/demo/timeline/{order_id}", 200)
        if timeline["is_brewing"] and timeline["steps"][-1]["at"]:
            return timeline
        await asyncio.sleep(0.05)
    raise NotAsExpected(f"the webhook of order {order_id} was not delivered within {_PATIENCE_SECONDS:g} s")


def _is_whole(timeline: Mapping[str, Any]) -> bool:
    """Whether every step was taken. A till prepares nothing, and is answered before any notification could tell."""
    needless = _NOT_AT_A_TILL if timeline["order"]["payments"][-1]["host"] == "counter" else frozenset()
    return all(step["at"] or step["name"] in needless for step in timeline["steps"])


async def _settled(stage: Stage) -> tuple[list[Finding], list[Clearing]]:
    """Every invariant, and both books; again for a while if one fails, for an earlier run may have left a payment to
    the chase."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        findings, clearings = await reconcile.check_books(stage.db, clock.now()), await compare_books(stage)
        wrong = any(finding.wrong for finding in (*findings, *(each.finding for each in clearings)))
        if not wrong or time.monotonic() > deadline:
            return findings, clearings
        await asyncio.sleep(0.5)


async def _ask(
    stage: Stage, method: str, path: str, expected_status: int, body: object = None, token: str | None = None
) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with stage.http.request(method, stage.server_url + path, json=body, headers=headers) as answer:
        if answer.status != expected_status:
            raise NotAsExpected(f"{method} {path} answered {answer.status}: {await answer.text()}")
        return await answer.json()


def _print_timeline(timeline: Mapping[str, Any]) -> None:
    payment = timeline["order"]["payments"][-1]
    click.echo(f"\n{timeline['order_id']}  {payment['host']}: {payment['channel']} {payment['method']}\n")
    first = _moment(timeline["steps"][0]["at"])
    for step in timeline["steps"]:
        when = _when(step["at"], first) if step["at"] else "—".center(25)
        click.echo(f"{step['step']:3}  {when}  {step['title']['zh']} · {step['title']['en']}")
    _print_books(timeline["ledger"], timeline["webhooks"])


def _print_refund(timeline: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """What a refund added to the timeline that was `before`."""
    (refund,) = timeline["refunds"]
    click.echo(f"\n退款 Refund  {refund['id']}  {yuan(refund['amount'])} {refund['currency']}\n")
    told = [event for event in timeline["webhooks"] if event["body"]["type"] in _REFUND_STEPS]
    told.sort(key=lambda event: _moment(event["body"]["timestamp"]))
    first = _moment(before["steps"][0]["at"])
    for event in told:
        click.echo(f"  ↩  {_when(event['body']['timestamp'], first)}  {_REFUND_STEPS[event['body']['type']]}")
    _print_books(timeline["ledger"][len(before["ledger"]) :], told)


def _print_books(ledger: Sequence[Mapping[str, Any]], webhooks: Sequence[Mapping[str, Any]]) -> None:
    click.echo("\n借 debit / 贷 credit")
    for line in ledger:
        sum_of_money = f"{yuan(line['amount'])} {line['currency']}"
        click.echo(f"     {line['debit_account']} / {line['credit_account']}  {sum_of_money}")
    click.echo("\nWebhook")
    for event in webhooks:
        click.echo(f"  ✓  {event['body']['type']} {event['id']}")


def _print_findings(findings: Sequence[Finding]) -> None:
    click.echo("\n账目核对 Invariants")
    for finding in findings:
        click.echo(f"  {'✗' if finding.wrong else '✓'}  {finding.number:2}  {finding.name}")
        for wrong in finding.wrong:
            click.echo(f"         {wrong}")


def _print_clearings(clearings: Sequence[Clearing]) -> None:
    click.echo("\n两本账 Both books")
    for each in clearings:
        sums = f"{yuan(each.ours)} = {yuan(each.gateways)}"
        click.echo(f"  {'✗' if each.finding.wrong else '✓'}  {each.channel:10} {each.account}  {sums}")
        for wrong in each.finding.wrong:
            click.echo(f"         {wrong}")


def _when(text: str, first: datetime) -> str:
    """A time of day, and how long it is after the first."""
    at = _moment(text)
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03} {(at - first).total_seconds() * 1000:+9.1f} ms"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
