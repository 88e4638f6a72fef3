"""Short stories of one order each, told to a server that may die at any word: whoever tells one asks again until there
is a plain answer. Between them they pass every point at which something is written or asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from reliability.merchant import Answer, Merchant
from reliability.shopping import insist
from reliability.wallets import ALIPAY, OTHER, WALLETS, WECHAT, Wallet, at_both

Teller = Callable[[Merchant, Wallet], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Story:
    """What befalls one order, and with which wallet it is paid."""

    told: Teller
    wallet: Wallet

    async def tell(self, merchant: Merchant) -> None:
        """Tell it. Raises Refused."""
        await self.told(merchant, self.wallet)


class Refused(Exception):
    """A story cannot go on: what it asks for was refused. Where others move the clock, its order may have expired."""


CARD = {"to": "buyer_card", "bank": "ICBC_DEBIT", "card_number": "6222021234567890123", "card_holder": "王小明"}

_PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.05
_A_CODES_PATIENCE_SECONDS = 61


async def paid_at_once(merchant: Merchant, wallet: Wallet) -> None:
    """An order carries its first payment, is paid, and its merchant is told."""
    await _paid(merchant, wallet)


async def paid_in_two_steps(merchant: Merchant, wallet: Wallet) -> None:
    """The order first, then its payment, tapped twice."""
    order_id = (await _opened(merchant, wallet, paying=False))["id"]
    started = await _started(merchant, wallet, order_id)
    await _started(merchant, wallet, order_id)
    await insist(lambda: merchant.buyer_pays(started))
    await _becomes(merchant, order_id, "paid")


async def paid_prefetched(merchant: Merchant, wallet: Wallet) -> None:
    """Its parameters are got ready before anybody taps."""
    order = await _opened(merchant, wallet, prefetch=True)
    await merchant.stage.advance(6)
    started = await _started(merchant, wallet, order["id"])
    await insist(lambda: merchant.buyer_pays(started))
    await _becomes(merchant, order["id"], "paid")


async def paid_by_code(merchant: Merchant, wallet: Wallet) -> None:
    """The till scans the buyer's code, twice over if need be."""
    order_id = (await _opened(merchant, wallet, paying=False))["id"]
    await _scanned(merchant, wallet, order_id, "pay")
    await _becomes(merchant, order_id, "paid")


async def paid_by_password(merchant: Merchant, wallet: Wallet) -> None:
    """The buyer's phone asks for the password, which is typed."""
    order_id = (await _opened(merchant, wallet, paying=False))["id"]
    attempt_id = await _scanned(merchant, wallet, order_id, "password")
    await merchant.at_gateway("buyer/password", attempt_id)
    await merchant.stage.advance(6)
    await _becomes(merchant, order_id, "paid")


async def reversed_unanswered(merchant: Merchant, wallet: Wallet) -> None:
    """Nobody types the password: after a minute it is undone for good."""
    order_id = (await _opened(merchant, wallet, paying=False))["id"]
    attempt_id = await _scanned(merchant, wallet, order_id, "timeout")
    await merchant.stage.advance(_A_CODES_PATIENCE_SECONDS)
    await _until(merchant, f"/v1/orders/{order_id}", lambda body: _attempt(body, attempt_id)["state"] == "closed")


async def closed(merchant: Merchant, wallet: Wallet) -> None:
    """The merchant closes an order whose payment is open."""
    order = await _opened(merchant, wallet)
    _granted(await insist(lambda: merchant.ask("POST", f"/v1/orders/{order['id']}/close", {"reason": "out of milk"})))


async def closed_while_typing(merchant: Merchant, wallet: Wallet) -> None:
    """The merchant closes an order whose buyer is asked for the password: what was scanned is undone first."""
    order_id = (await _opened(merchant, wallet, paying=False))["id"]
    await _scanned(merchant, wallet, order_id, "password")
    _granted(await insist(lambda: merchant.ask("POST", f"/v1/orders/{order_id}/close", {"reason": "out of milk"})))


async def closed_unseen(merchant: Merchant, wallet: Wallet) -> None:
    """A code that nobody has scanned is closed, and is looked at once more when nobody can scan it any longer."""
    order_id = (await _opened(merchant, wallet, paying=False, expires_in=60))["id"]
    _granted(await insist(lambda: merchant.show_code(order_id, wallet)))
    _granted(await insist(lambda: merchant.ask("POST", f"/v1/orders/{order_id}/close", {"reason": "out of milk"})))
    await merchant.stage.advance(125)
    await asyncio.sleep(_LOOK_SECONDS)


async def expired(merchant: Merchant, wallet: Wallet) -> None:
    """Nobody pays, and time passes."""
    order = await _opened(merchant, wallet, expires_in=60)
    await merchant.stage.advance(61)
    await _becomes(merchant, order["id"], "closed")


async def chased(merchant: Merchant, wallet: Wallet) -> None:
    """The notification is lost for ever."""
    await _faults(merchant, {"notify": {"lose": 1}})
    order = await _opened(merchant, wallet)
    await insist(lambda: merchant.buyer_pays(order["attempt"]["id"]))
    await _faults(merchant, {})
    await merchant.stage.advance(6)
    await _becomes(merchant, order["id"], "paid")


async def left_over(merchant: Merchant, wallet: Wallet) -> None:
    """A second attempt is still open when the first has paid: it is closed."""
    order = await _opened(merchant, wallet)
    second = await _started(merchant, wallet, order["id"], fresh=True)
    await insist(lambda: merchant.buyer_pays(order["attempt"]["id"]))
    await _becomes(merchant, order["id"], "paid")
    await merchant.stage.advance(6)
    await _until(merchant, f"/v1/orders/{order['id']}", lambda body: _attempt(body, second)["state"] == "closed")


async def paid_twice(merchant: Merchant, wallet: Wallet) -> None:
    """It is paid with this wallet and with the other one: the second is surplus and goes back by itself."""
    order = await _opened(merchant, wallet)
    second = _granted(await insist(lambda: merchant.show_code(order["id"], OTHER[wallet.channel])))["attempt"]["id"]
    await insist(lambda: merchant.buyer_pays(order["attempt"]["id"]))
    # Known before the second is paid, so that it is always the other wallet's money that goes back.
    await insist(lambda: merchant.read(order["id"], wait=5))
    await insist(lambda: merchant.buyer_pays(second))
    await _becomes(merchant, order["id"], "paid")


async def refunded(merchant: Merchant, wallet: Wallet) -> None:
    """The whole sum goes back, and the gateway says when it has."""
    await _refunded(merchant, await _paid(merchant, wallet))


async def refunded_unnoticed(merchant: Merchant, wallet: Wallet) -> None:
    """As before, but it takes the gateway its time, and its notification is lost: we ask."""
    order_id = await _paid(merchant, wallet)
    await _faults(merchant, {"notify": {"lose": 1}, "refund": {"slow": 1, "seconds": 3600}})
    refund = await _refunded(merchant, order_id)
    await _finish(merchant, order_id, refund, "SUCCESS")
    await _faults(merchant, {})
    await merchant.stage.advance(6)
    await _refund_becomes(merchant, refund, "succeeded")


async def refund_closed(merchant: Merchant, wallet: Wallet) -> None:
    """The gateway closes a refund: a case, which a person closes."""
    await _faults(merchant, {"refund": {"seconds": 3600}})
    order_id = await _paid(merchant, wallet)
    refund = await _refunded(merchant, order_id)
    await _finish(merchant, order_id, refund, "CLOSED")
    await _refund_becomes(merchant, refund, "closed")
    await _decide(merchant, order_id, "handled")


async def refund_redirected(merchant: Merchant, wallet: Wallet) -> None:
    """A refund is abnormal, and is sent to another card of the buyer's instead."""
    await _faults(merchant, {"refund": {"seconds": 3600}})
    order_id = await _paid(merchant, wallet)
    refund = await _refunded(merchant, order_id)
    await _finish(merchant, order_id, refund, "ABNORMAL")
    await _refund_becomes(merchant, refund, "abnormal")
    merchant.stage.secrets |= {CARD["card_number"], CARD["card_holder"]}
    _granted(await insist(lambda: merchant.ask("POST", f"/v1/refunds/{refund}/redirect", CARD)))
    await _finish(merchant, order_id, refund, "SUCCESS")
    await _refund_becomes(merchant, refund, "succeeded")


async def held(merchant: Merchant, wallet: Wallet) -> None:
    """The gateway says another amount: held, until a person accepts what it is."""
    order = await _opened(merchant, wallet)
    one_fen = {"amount": {"total": 1, "payer_total": 1}} if wallet is WECHAT else {"total_amount": "0.01"}
    await merchant.at_gateway("notify", order["attempt"]["id"], changes=one_fen)
    await _decide(merchant, order["id"], "dismiss")


async def forged(merchant: Merchant, wallet: Wallet) -> None:
    """A notification is not the gateway's: kept, and refused."""
    order = await _opened(merchant, wallet)
    await merchant.at_gateway("notify", order["attempt"]["id"], mutate="signature")


async def logged_in(merchant: Merchant, wallet: Wallet) -> None:
    """A buyer logs in; a code can be exchanged once, so whoever is not answered logs in anew."""
    for _ in range(3):
        answer = await merchant.try_to_log_in(wallet)
        if answer and answer.is_yes:
            merchant.tills[wallet.channel].buyer_token = answer.body["token"]
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def told_late(merchant: Merchant, wallet: Wallet) -> None:
    """The merchant's server is away when it is to be told, and comes back."""
    merchant.hook.is_dead = True
    await _paid(merchant, wallet)
    await asyncio.sleep(_LOOK_SECONDS)
    merchant.hook.is_dead = False
    await merchant.stage.advance(6)


async def asked_with_a_key(merchant: Merchant, wallet: Wallet) -> None:
    """The request carries an Idempotency-Key."""
    draft = merchant.draft(wallet)
    key = {"Idempotency-Key": f"key-{draft['reference']}"}
    await insist(lambda: merchant.ask("POST", "/v1/orders", draft, headers=key))


async def half_a_day_passes(merchant: Merchant, wallet: Wallet) -> None:
    """The gateway's keys are fetched anew, and what was not paid in time expires."""
    await merchant.stage.advance(12 * 3600)
    await asyncio.sleep(2 * _LOOK_SECONDS)
    for each in WALLETS:
        await logged_in(merchant, each)


_WITH_BOTH: tuple[Teller, ...] = (
    paid_at_once,
    paid_prefetched,
    paid_by_code,
    paid_by_password,
    reversed_unanswered,
    closed,
    chased,
    paid_twice,
    refunded,
    refunded_unnoticed,
    forged,
    logged_in,
)
"""Told with each wallet: they pass points that a channel names."""
STORIES: tuple[Story, ...] = (
    *(Story(told, wallet) for told in _WITH_BOTH for wallet in WALLETS),
    Story(paid_in_two_steps, WECHAT),
    Story(closed_while_typing, ALIPAY),
    Story(closed_unseen, ALIPAY),
    Story(expired, WECHAT),
    Story(left_over, ALIPAY),
    Story(refund_closed, WECHAT),
    Story(refund_redirected, WECHAT),
    Story(held, ALIPAY),
    Story(told_late, WECHAT),
    Story(asked_with_a_key, WECHAT),
    Story(half_a_day_passes, WECHAT),
)


def _granted(answer: Answer | None) -> dict[str, Any]:
    """The body of a yes. Raises Refused."""
    if answer is None or not answer.is_yes:
        raise Refused(answer)
    body: dict[str, Any] = answer.body
    return body


async def _opened(merchant: Merchant, wallet: Wallet, *, paying: bool = True, **changes: Any) -> dict[str, Any]:
    draft = merchant.draft(wallet, paying=paying, **changes)
    order: dict[str, Any] = _granted(await insist(lambda: merchant.order(draft)))
    if paying and "attempt" not in order:  # It was answered before we could hear it; or is prepared later.
        order["attempt"] = order["payments"][0]
    return order


async def _started(merchant: Merchant, wallet: Wallet, order_id: str, **changes: Any) -> str:
    return str(_granted(await insist(lambda: merchant.pay(order_id, wallet, **changes)))["attempt"]["id"])


async def _scanned(merchant: Merchant, wallet: Wallet, order_id: str, behaviour: str) -> str:
    """The id of the attempt that a fresh code made."""
    code = (await merchant.stage.control("POST", f"/{wallet.gateway}/buyer/code", {"behaviour": behaviour}))[
        "auth_code"
    ]
    return str(_granted(await insist(lambda: merchant.scan(order_id, code)))["attempt"]["id"])


async def _paid(merchant: Merchant, wallet: Wallet) -> str:
    """A paid order's id."""
    order = await _opened(merchant, wallet)
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


async def _finish(merchant: Merchant, order_id: str, refund_id: str, status: str) -> None:
    """Have the gateway end a refund of the order's now, unless it did not get that far."""
    order = _granted(await insist(lambda: merchant.read(order_id)))
    attempt_id = next(each["id"] for each in order["payments"] if each["state"] == "succeeded")
    till = merchant.till_of(attempt_id)
    await merchant.at_gateway("refunds/finish", attempt_id, status=status, **{till.wallet.refund_name: refund_id})


async def _faults(merchant: Merchant, dial: dict[str, Any]) -> None:
    """Turn the dials further than the day's weather; {} back to that."""
    await merchant.stage.control("PUT", "/faults", at_both(merchant.stage.weather | dial))
