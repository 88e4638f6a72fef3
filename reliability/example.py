"""One example: a few orders, all that can befall them, and what the model makes of it.

Each public verb does one thing to the real server or sandbox and compares what was answered with the prediction.
Notices are lost by nature here, and told by a verb of their own; the worker rests, and its chores are done as time
passes; so what each side knows is always known, and nothing waits for real time.
"""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from reliability import comparing
from reliability.merchant import Answer, Merchant
from reliability.predictions import OPEN, Attempt, Order, Refund
from reliability.wallets import ALIPAY, WALLETS, WECHAT, Till
from reliability.world import World
from tongbao.kit import clock
from tongbao.kit.money import yuan

T = TypeVar("T")

_MOST_ORDERS, _MOST_ATTEMPTS = 4, 4
_SHORT_SECONDS, _LONG_SECONDS = 600, 28_800
"""How long an order lives."""
_A_CHASE_SECONDS = 3700.0
"""Longer than the longest pause of the chase: everything open has been asked about."""
_A_WHILE_SECONDS = 30.0
_OTHER_APP = "wx0000000000000000"
_SPOILINGS = {
    WECHAT: ("signature", "body", "timestamp", "serial", "key", "amount", "aad", "probe"),
    ALIPAY: ("signature", "body", "unsigned", "key", "total_amount", "app_id", "seller_id", "added"),
}

_pick = st.integers(0, 30)


class Draw(Protocol):
    """Hypothesis's `data.draw`."""

    def __call__(self, strategy: st.SearchStrategy[T]) -> T: ...


class Example:
    """The orders of one example. `may_kill`: the server may still be killed once."""

    def __init__(self, world: World, may_kill: bool) -> None:
        self.world = world
        self.may_kill = may_kill
        self.orders: list[tuple[Merchant, Order]] = []
        self.touched: tuple[Merchant, Order] | None = None
        world.log_in()

    def possible(self) -> list[str]:
        """What can happen now, what leads on the more often."""
        found = ["pay", "pay", "close"] if self.orders else []
        found += ["buyer", "buyer", "buyer", "hold"] if self._attempts() else []
        found += ["tell", "tell"] if self._attempts(paid=True) else []
        found += ["decide", "decide", "decide"] if self._attempts(held=True) else []
        found += ["refund", "refund", "refund"] if self._paid() else []
        found += ["finish", "finish", "redirect"] if self._refunds() else []
        found += ["create", "create"] if len(self.orders) < _MOST_ORDERS else []
        found += ["forge"] if self._attempts() else []
        found += ["time_passes", "webhooks"]
        return found

    # What the merchant and the buyer do

    def create(self, draw: Draw) -> None:
        amount = draw(st.integers(1, 500))
        wallet = draw(st.sampled_from(WALLETS))
        lives_long = draw(st.booleans())
        revives = draw(st.booleans())
        paying, kill = draw(st.booleans()), draw(st.booleans())
        merchant = self.world.merchants[revives]
        expires_in = _LONG_SECONDS if lives_long else _SHORT_SECONDS
        draft = merchant.draft(wallet, paying=paying, amount=amount, expires_in=expires_in)
        self._perhaps_kill(kill, merchant.ask("POST", "/v1/orders", draft))
        answer = self.world.ask(merchant, "POST", "/v1/orders", draft)
        assert answer.is_yes, answer
        expires_at = datetime.fromisoformat(answer.body["expires_at"])
        order = Order(wallet.channel, answer.body["id"], draft["reference"], amount, expires_at, revives)
        if paying:
            order.attempts.append(Attempt.begun(answer.body["attempt"]["id"], order, clock.now()))
        self.orders.append((merchant, order))
        self._again_gives_the_same("/v1/orders", merchant, draft, answer)

    def pay(self, draw: Draw) -> None:
        which = draw(_pick)
        fresh = draw(st.sampled_from((True, True, False)))
        kill = draw(st.booleans())
        merchant, order = self._order(which)
        till = merchant.tills[order.channel]
        path, wish = f"/v1/orders/{order.order_id}/payments", {**till.wallet.payment, "fresh": fresh}
        if len(order.attempts) >= _MOST_ATTEMPTS:
            return
        if not fresh:
            self._perhaps_kill(kill, merchant.ask("POST", path, wish, token=till.buyer_token))
        refusal = order.refusal_to_pay(clock.now())
        answer = self.world.ask(merchant, "POST", path, wish, token=till.buyer_token)
        going_on = next((each for each in order.attempts if each.state in OPEN), None)
        if refusal is None and not fresh and going_on and answer.status == 409:
            # Its token was too old, a new one was asked for, and so we heard that it is paid.
            assert going_on.is_paid, answer
            order.learn_paid(going_on)
            refusal = "order_paid"
        if refusal:
            _refused(answer, refusal)
            return
        assert answer.status == 201, answer
        attempt_id = answer.body["attempt"]["id"]
        if going_on and not fresh:
            assert attempt_id == going_on.attempt_id, "a second tap made a second attempt"
            going_on.go_on(clock.now())
        else:
            order.attempts.append(Attempt.begun(attempt_id, order, clock.now()))

    def buyer(self, draw: Draw) -> None:
        """On the phone. Nothing is heard of it here, unless its notice is told now."""
        which = draw(_pick)
        way = draw(st.sampled_from(("pay", "pay", "pay-twice", "abandon", "fail")))
        heard = draw(st.booleans())
        merchant, order, attempt = self._payable_attempt(which)
        can_pay = attempt.can_be_paid(order, clock.now())
        till = merchant.tills[order.channel]
        answer = self.world.sandbox(f"/{till.wallet.gateway}/buyer/{way}", _named(till, attempt))
        if way.startswith("pay"):
            assert answer.is_yes == can_pay, answer
            attempt.is_paid |= answer.is_yes
        if heard and attempt.is_paid:
            self._tell(merchant, order, attempt)

    def close(self, draw: Draw) -> None:
        which = draw(_pick)
        merchant, order = self._order(which)
        answer = self.world.ask(merchant, "POST", f"/v1/orders/{order.order_id}/close", {})
        expected = order.close()
        assert (answer.body.get("code") or answer.body["status"]) == expected, (answer, expected)

    def refund(self, draw: Draw) -> None:
        """All that is left, or a part of what was paid; now and then more than there is."""
        which = draw(_pick)
        part = draw(st.sampled_from((None, 1, 2, 3, 4)))
        over = draw(st.integers(0, 3))
        kill = draw(st.booleans())
        merchant, order = self._paid()[which % len(self._paid())]
        assert order.winner
        amount = None if part is None else max(1, order.amount // part)
        if over == 3:
            amount = order.winner.left + 1
        refusal = order.refusal_to_refund(amount)
        path = f"/v1/orders/{order.order_id}/refunds"
        wish: dict[str, Any] = {"reference": f"{order.reference}-{self.world.verbs.total()}", "reason": "sold out"}
        wish |= {} if amount is None else {"amount": amount}
        self._perhaps_kill(kill, merchant.ask("POST", path, wish))
        answer = self.world.ask(merchant, "POST", path, wish)
        if refusal:
            _refused(answer, refusal)
            return
        assert answer.is_yes, answer
        assert answer.body["state"] in ("sent", "requested"), answer
        left = order.winner.left
        order.winner.refunds.append(
            Refund(answer.body["id"], answer.body["amount"], is_surplus=False, state=answer.body["state"])
        )
        assert answer.body["amount"] == (left if amount is None else amount), answer
        self._again_gives_the_same(path, merchant, wish, answer)

    # What the gateway does

    def tell(self, draw: Draw) -> None:
        """The notice of a payment comes, or comes again."""
        which = draw(_pick)
        self._tell(*self._attempt(which, paid=True))

    def forge(self, draw: Draw) -> None:
        """Somebody else's notice comes: nothing may move, which the invariant sees."""
        which = draw(_pick)
        spoiling = draw(st.integers(0, 7))
        merchant, order, attempt = self._attempt(which)
        till = merchant.tills[order.channel]
        mutate = {"mutate": _SPOILINGS[till.wallet][spoiling]}
        assert self.world.notified(till.wallet.gateway, _named(till, attempt) | mutate) >= 400

    def hold(self, draw: Draw) -> None:
        """The gateway's own notice does not say what was asked for."""
        which = draw(_pick)
        reason = draw(st.sampled_from(("wrong_app", "wrong_amount", "wrong_merchant", "wrong_currency")))
        merchant, order, attempt = self._attempt(which)
        till = merchant.tills[order.channel]
        changes = _changes_of(till, attempt).get(reason)
        if changes is None:
            return
        status = self.world.notified(till.wallet.gateway, {**_named(till, attempt), "changes": changes})
        if till.wallet is ALIPAY and reason == "wrong_app":
            assert status >= 400, (status, attempt)  # where WeChat's are sealed for an app, Alipay's name one
        elif till.wallet is ALIPAY and attempt.is_gone:
            assert status == 200, (status, attempt)  # what went back whole is closed there, whatever else is said
        else:
            assert (status >= 400) == order.hold(attempt, reason), (status, attempt)

    def finish(self, draw: Draw) -> None:
        """A refund comes to its end at the gateway. At Alipay all arrive: one that failed it does not know."""
        which = draw(_pick)
        status = draw(st.sampled_from(("SUCCESS", "SUCCESS", "ABNORMAL", "CLOSED")))
        heard = draw(st.booleans())
        merchant, order, attempt, refund = self._refund(which)
        if refund.there != "PROCESSING" or refund.state == "requested":
            return
        till = merchant.tills[order.channel]
        self._finish(till, attempt, refund, "SUCCESS" if till.wallet is ALIPAY else status)
        if heard:
            assert self.world.notified(till.wallet.gateway, _named(till, attempt, refund)) == 200
            refund.learn()

    # What people decide

    def decide(self, draw: Draw) -> None:
        """A held payment. Before money is counted the gateway is asked, and its true word is the decision then."""
        which = draw(_pick)
        resolution = draw(st.sampled_from(("accept", "return", "dismiss")))
        merchant, order, attempt = self._attempt(which, held=True)
        in_account = attempt.held_for in ("wrong_app", "wrong_amount")
        if resolution != "dismiss" and attempt.is_closed:
            return
        query = {"order_id": order.order_id, "status": "open", "kind": "payment_held"}
        found = self.world.ask(merchant, "GET", "/v1/cases", params=query).body
        case_id = next(case["id"] for case in found if case["payment_id"] == attempt.attempt_id)
        body = {"resolution": resolution, "by": "a person"}
        answer = self.world.ask(merchant, "POST", f"/v1/cases/{case_id}/close", body)
        # What can be decided is what could be when it was held: an order that was paid since may still offer `accept`.
        if resolution != "dismiss" and (not in_account or answer.body.get("code") == "unknown_resolution"):
            assert not in_account or (resolution, order.status) == ("accept", "paid"), answer
            _refused(answer, "unknown_resolution")
        elif resolution == "dismiss":
            assert answer.is_yes, answer
            order.decide(attempt, resolution)
        elif attempt.is_paid:
            _refused(answer, "payment_not_held")
            order.learn_paid(attempt)
        else:
            _refused(answer, "payment_not_confirmed")

    def redirect(self, draw: Draw) -> None:
        """An abnormal refund's money is sent to another card."""
        which = draw(_pick)
        merchant, _, _, refund = self._refund(which)
        answer = self.world.ask(merchant, "POST", f"/v1/refunds/{refund.refund_id}/redirect", {"to": "merchant_card"})
        if refund.state != "abnormal":
            _refused(answer, "refund_not_abnormal")
            return
        if refund.there == "ABNORMAL":
            refund.redirect()
            assert answer.body.get("state", "abnormal") == refund.state, (answer, refund)

    # What time and misfortune do

    def time_passes(self, draw: Draw) -> None:
        seconds = draw(st.sampled_from((_A_WHILE_SECONDS, _A_CHASE_SECONDS)))
        self._advance(seconds)

    def webhooks(self, draw: Draw) -> None:
        """The merchants' server goes down, or comes back."""
        is_dead = draw(st.booleans())
        for merchant in self.world.merchants:
            merchant.hook.is_dead = is_dead

    def end(self) -> None:
        """At the end all becomes known and final, and every order of the example is compared, to the fen."""
        for merchant in self.world.merchants:
            merchant.hook.is_dead = False
        for merchant, order, attempt in self._attempts(paid=True):
            self._tell(merchant, order, attempt)
        for _ in range(2):
            self._finish_refunds()
            self._advance(_LONG_SECONDS + 100.0)
        for merchant, order in self.orders:
            comparing.compare(self.world, merchant, order)
            assert order.status != "open", order
            assert not any(attempt.state in OPEN for attempt in order.attempts), order
            comparing.compare_postings(self.world, merchant, order)

    def compare_touched(self) -> None:
        """The order that was touched last is as predicted."""
        if self.touched:
            comparing.compare(self.world, *self.touched)
        self.touched = None

    # Helpers: which one, what is known, what is so

    def _order(self, which: int) -> tuple[Merchant, Order]:
        self.touched = self.orders[which % len(self.orders)]
        return self.touched

    def _paid(self) -> list[tuple[Merchant, Order]]:
        return [(merchant, order) for merchant, order in self.orders if order.winner]

    def _attempts(self, *, paid: bool = False, held: bool = False) -> list[tuple[Merchant, Order, Attempt]]:
        return [
            (merchant, order, attempt)
            for merchant, order in self.orders
            for attempt in order.attempts
            if (attempt.is_paid or not paid) and (attempt.state == "held" or not held)
        ]

    def _attempt(self, which: int, **of: bool) -> tuple[Merchant, Order, Attempt]:
        found = self._attempts(**of)
        merchant, order, attempt = found[which % len(found)]
        self.touched = (merchant, order)
        return merchant, order, attempt

    def _payable_attempt(self, which: int) -> tuple[Merchant, Order, Attempt]:
        """Two times of three one that can be paid, where there is any."""
        payable = [each for each in self._attempts() if each[2].can_be_paid(each[1], clock.now())]
        if not payable or which % 3 == 0:
            return self._attempt(which)
        merchant, order, attempt = payable[which // 3 % len(payable)]
        self.touched = (merchant, order)
        return merchant, order, attempt

    def _refunds(self) -> list[tuple[Merchant, Order, Attempt, Refund]]:
        return [(*each, refund) for each in self._attempts() for refund in each[2].refunds]

    def _refund(self, which: int) -> tuple[Merchant, Order, Attempt, Refund]:
        found = self._refunds()[which % len(self._refunds())]
        self.touched = found[:2]
        return found

    def _tell(self, merchant: Merchant, order: Order, attempt: Attempt) -> None:
        till = merchant.tills[order.channel]
        assert self.world.notified(till.wallet.gateway, _named(till, attempt)) == 200
        order.learn_paid(attempt)

    def _again_gives_the_same(self, path: str, merchant: Merchant, body: dict[str, Any], first: Answer) -> None:
        again = self.world.ask(merchant, "POST", path, body)
        assert (again.status, again.body["id"]) == (200, first.body["id"]), (first, again)

    def _perhaps_kill(self, wished: bool, request: Coroutine[Any, Any, Any]) -> None:
        """The server dies while it does this. What became of it is seen when the same is asked again."""
        if not (wished and self.may_kill):
            request.close()
            return
        self.may_kill = False
        self.world.kill_the_server_during(request)

    def _advance(self, seconds: float) -> None:
        """Time passes and the chores are done. After long enough everybody knows what the gateway knows."""
        self.world.advance(seconds)
        for merchant, order in self.orders:
            if seconds >= _A_CHASE_SECONDS:
                comparing.chase(order)
            comparing.adopt(self.world, merchant, order)

    def _finish_refunds(self) -> None:
        for merchant, order, attempt, refund in self._refunds():
            if refund.there in ("PROCESSING", "ABNORMAL") and refund.state != "requested":
                self._finish(merchant.tills[order.channel], attempt, refund, "SUCCESS")

    def _finish(self, till: Till, attempt: Attempt, refund: Refund, status: str) -> None:
        wish = _named(till, attempt, refund) | {"status": status}
        answer = self.world.sandbox(f"/{till.wallet.gateway}/refunds/finish", wish)
        assert answer.is_yes, answer
        refund.there = status


def _named(till: Till, attempt: Attempt, refund: Refund | None = None) -> dict[str, Any]:
    """How the sandbox knows a payment, or a refund of it."""
    named = {"out_trade_no": attempt.attempt_id, **till.named}
    return {**named, till.wallet.refund_name: refund.refund_id} if refund else named


def _changes_of(till: Till, attempt: Attempt) -> dict[str, dict[str, object]]:
    """What to change in a notice so that it does not say what was asked for. Alipay's name no currency."""
    if till.wallet is ALIPAY:
        return {
            "wrong_app": {"app_id": "9021000000000000"},
            "wrong_amount": {"total_amount": yuan(attempt.amount + 1)},
            "wrong_merchant": {"seller_id": "2088000000000000"},
        }
    return {
        "wrong_app": {"appid": _OTHER_APP},
        "wrong_amount": {"amount": {"total": attempt.amount + 1}},
        "wrong_merchant": {"mchid": "1900000000"},
        "wrong_currency": {"amount": {"currency": "USD"}},
    }


def _refused(answer: Answer, code: str) -> None:
    assert 400 <= answer.status < 500, (answer, code)
    assert answer.body["code"] == code, (answer, code)
