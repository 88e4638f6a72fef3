"""Short stories of one order each, told to a server that may die at any word: whoever tells one asks again until there
is a plain answer. Between them they pass every point at which something is written or asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from reliability.merchant import JSAPI, Answer, Merchant
from reliability.shopping import insist

Story = Callable[[Merchant], Coroutine[Any, Any, None]]


class Refused(Exception):
    """A story cannot go on: what it asks for was refused. Where others move the clock, its order may have expired."""


CARD = {"to": "buyer_card", "bank": "ICBC_DEBIT", "card_number": "6222021234567890123", "card_holder": "王小明"}

_PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.05


async def paid_at_once(merchant: Merchant) -> None:
    """An order carries its first payment, is paid, and its merchant is told."""
    await _paid(merchant)


async def paid_in_two_steps(merchant: Merchant) -> None:
    """The order first, then its payment, tapped twice."""
    order_id = (await _opened(merchant, payment=None))["id"]
    started = await _started(merchant, order_id)
    await _started(merchant, order_id)
    await insist(lambda: merchant.buyer_pays(started))
    await _becomes(merchant, order_id, "paid")


async def closed(merchant: Merchant) -> None:
    """The merchant closes an order whose payment is open."""
    order = await _opened(merchant)
    _granted(await insist(lambda: merchant.ask("POST", f"/v1/orders/{order['id']}/close", {"reason": "out of milk"})))


async def expired(merchant: Merchant) -> None:
    """Nobody pays, and time passes."""
    order = await _opened(merchant, expires_in=60)
    await merchant.stage.advance(61)
    await _becomes(merchant, order["id"], "closed")


async def chased(merchant: Merchant) -> None:
    """The notification is lost for ever."""
    await _faults(merchant, {"notify": {"lose": 1}})
    order = await _opened(merchant)
    await insist(lambda: merchant.buyer_pays(order["attempt"]["id"]))
    await _faults(merchant, {})
    await merchant.stage.advance(6)
    await _becomes(merchant, order["id"], "paid")


async def left_over(merchant: Merchant) -> None:
    """A second attempt is still open when the first has paid: it is closed."""
    order = await _opened(merchant)
    second = await _started(merchant, order["id"], fresh=True)
    await insist(lambda: merchant.buyer_pays(order["attempt"]["id"]))
    await _becomes(merchant, order["id"], "paid")
    await merchant.stage.advance(6)
    await _until(merchant, f"/v1/orders/{order['id']}", lambda body: _attempt(body, second)["state"] == "closed")


async def paid_twice(merchant: Merchant) -> None:
    """Both attempts are paid: one is surplus and goes back by itself."""
    order = await _opened(merchant)
    second = await _started(merchant, order["id"], fresh=True)
    for attempt_id in (order["attempt"]["id"], second):
        await insist(lambda attempt_id=attempt_id: merchant.buyer_pays(attempt_id))  # type: ignore[misc]
    await _becomes(merchant, order["id"], "paid")


async def refunded(merchant: Merchant) -> None:
    """The whole sum goes back, and the gateway says when it has."""
    await _refunded(merchant, await _paid(merchant))


async def refunded_unnoticed(merchant: Merchant) -> None:
    """As before, but the gateway's notification is lost: we ask."""
    order_id = await _paid(merchant)
    await _faults(merchant, {"notify": {"lose": 1}})
    refund = await _refunded(merchant, order_id)
    await _finish(merchant, refund, "SUCCESS")
    await _faults(merchant, {})
    await merchant.stage.advance(6)
    await _refund_becomes(merchant, refund, "succeeded")


async def refund_closed(merchant: Merchant) -> None:
    """The gateway closes a refund: a case, which a person closes."""
    await _faults(merchant, {"refund": {"seconds": 3600}})
    order_id = await _paid(merchant)
    refund = await _refunded(merchant, order_id)
    await _finish(merchant, refund, "CLOSED")
    await _refund_becomes(merchant, refund, "closed")
    await _decide(merchant, order_id, "handled")


async def refund_redirected(merchant: Merchant) -> None:
    """A refund is abnormal, and is sent to another card of the buyer's instead."""
    await _faults(merchant, {"refund": {"seconds": 3600}})
    refund = await _refunded(merchant, await _paid(merchant))
    await _finish(merchant, refund, "ABNORMAL")
    await _refund_becomes(merchant, refund, "abnormal")
    merchant.stage.secrets |= {CARD["card_number"], CARD["card_holder"]}
    _granted(await insist(lambda: merchant.ask("POST", f"/v1/refunds/{refund}/redirect", CARD)))
    await _finish(merchant, refund, "SUCCESS")
    await _refund_becomes(merchant, refund, "succeeded")


async def held(merchant: Merchant) -> None:
    """The gateway says another amount: held, until a person accepts what it is."""
    order = await _opened(merchant)
    wrong = {"out_trade_no": order["attempt"]["id"], "changes": {"amount": {"total": 1, "payer_total": 1}}}
    await merchant.stage.ask("POST", f"{merchant.stage.control_url}/wechat/notify", wrong)
    await _decide(merchant, order["id"], "dismiss")


async def forged(merchant: Merchant) -> None:
    """A notification is not the gateway's: kept, and refused."""
    order = await _opened(merchant)
    spoiled = {"out_trade_no": order["attempt"]["id"], "mutate": "signature"}
    await merchant.stage.ask("POST", f"{merchant.stage.control_url}/wechat/notify", spoiled)


async def logged_in(merchant: Merchant) -> None:
    """A buyer logs in; a code can be exchanged once, so whoever is not answered logs in anew."""
    app_id = merchant.credentials["appid"]
    for _ in range(3):
        wish = {"appid": app_id, "openid": merchant.openid}
        code = (await merchant.stage.control("POST", "/wechat/buyer/login", wish))["code"]
        login = {"host": "wechat", "app_id": app_id, "code": code}
        answer = await merchant.stage.ask("POST", merchant.stage.url + "/v1/sessions", login)
        if answer and answer.is_yes:
            merchant.buyer_token = answer.body["token"]
            merchant.stage.secrets.add(merchant.buyer_token)
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def told_late(merchant: Merchant) -> None:
    """The merchant's server is away when it is to be told, and comes back."""
    merchant.hook.is_dead = True
    await _paid(merchant)
    await asyncio.sleep(_LOOK_SECONDS)
    merchant.hook.is_dead = False
    await merchant.stage.advance(6)


async def asked_with_a_key(merchant: Merchant) -> None:
    """The request carries an Idempotency-Key."""
    draft = merchant.draft()
    key = {"Idempotency-Key": f"key-{draft['reference']}"}
    await insist(lambda: merchant.ask("POST", "/v1/orders", draft, headers=key))


async def half_a_day_passes(merchant: Merchant) -> None:
    """The gateway's keys are fetched anew, and what was not paid in time expires."""
    await merchant.stage.advance(12 * 3600)
    await asyncio.sleep(2 * _LOOK_SECONDS)
    await logged_in(merchant)


STORIES: tuple[Story, ...] = (
    paid_at_once,
    paid_in_two_steps,
    closed,
    expired,
    chased,
    left_over,
    paid_twice,
    refunded,
    refunded_unnoticed,
    refund_closed,
    refund_redirected,
    held,
    forged,
    logged_in,
    told_late,
    asked_with_a_key,
    half_a_day_passes,
)


def _granted(answer: Answer | None) -> dict[str, Any]:
    """The body of a yes. Raises Refused."""
    if answer is None or not answer.is_yes:
        raise Refused(answer)
    body: dict[str, Any] = answer.body
    return body


async def _opened(merchant: Merchant, **changes: Any) -> dict[str, Any]:
    draft = merchant.draft(**{"payment": JSAPI, **changes})
    answer = await insist(lambda: merchant.order(**draft))
    order: dict[str, Any] = _granted(answer)
    if "payment" in draft and "attempt" not in order:  # It was answered before we could hear it: the order is paid up.
        order["attempt"] = order["payments"][0]
    return order


async def _started(merchant: Merchant, order_id: str, **changes: Any) -> str:
    return str(_granted(await insist(lambda: merchant.pay(order_id, **changes)))["attempt"]["id"])


async def _paid(merchant: Merchant) -> str:
    """A paid order's id."""
    order = await _opened(merchant)
    await insist(lambda: merchant.buyer_pays(order["attempt"]["id"]))
    return await _becomes(merchant, order["id"], "paid")


async def _refunded(merchant: Merchant, order_id: str) -> str:
    """The id of a refund of the whole order."""
    reference = f"back-{order_id}"
    return str(_granted(await insist(lambda: merchant.refund(order_id, reference=reference)))["id"])


async def _becomes(merchant: Merchant, order_id: str, status: str) -> str:
    await _until(merchant, f"/v1/orders/{order_id}", lambda body: bool(body["status"] == status))
    return order_id


async def _refund_becomes(merchant: Merchant, refund_id: str, state: str) -> None:
    await _until(merchant, f"/v1/refunds/{refund_id}", lambda body: bool(body["state"] == state))


async def _until(merchant: Merchant, path: str, is_so: Callable[[Any], bool]) -> None:
    """Wait a little for something to be so; what died in between is looked after when everything settles."""
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        answer = await insist(lambda: merchant.ask("GET", path))
        if answer and answer.is_yes and is_so(answer.body):
            return
        await asyncio.sleep(_LOOK_SECONDS)
        # A notification that was lost with a server comes again after fifteen seconds, or we ask before.
        await merchant.stage.advance(2)


def _attempt(order: dict[str, Any], attempt_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in order["payments"] if each["id"] == attempt_id)
    return found


async def _decide(merchant: Merchant, order_id: str, resolution: str) -> None:
    """Note something on the order's case, and close it."""
    address = f"/v1/cases?status=open&order_id={order_id}"
    await _until(merchant, address, bool)
    cases = (await insist(lambda: merchant.ask("GET", address))) or Answer(0, [])
    for case in cases.body:
        path, note = f"/v1/cases/{case['id']}", {"note": "looked at it", "by": "Li Wei"}
        _granted(await insist(lambda: merchant.ask("POST", f"{path}/notes", note)))  # noqa: B023
        _granted(await insist(lambda: merchant.ask("POST", f"{path}/close", {"resolution": resolution, "by": "Li"})))  # noqa: B023


async def _finish(merchant: Merchant, refund_id: str, status: str) -> None:
    """Have the gateway end a refund now, unless it did not get that far."""
    wish = {"out_refund_no": refund_id, "status": status, "mchid": merchant.credentials["mchid"]}
    await merchant.stage.ask("POST", f"{merchant.stage.control_url}/wechat/refunds/finish", wish)


async def _faults(merchant: Merchant, dial: dict[str, Any]) -> None:
    """Turn the dial further than the day's weather; {} back to that."""
    await merchant.stage.control("PUT", "/faults", {"wechat": merchant.stage.weather | dial})
