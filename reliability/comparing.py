"""What the chores may make of an order, and whether it is now as the model says: the status, each payment, the sums."""

from __future__ import annotations

from reliability.merchant import Merchant
from reliability.predictions import CREDITED, UNSETTLED, Order, Refund
from reliability.world import World
from tongbao import ledger
from tongbao.kit import clock


def chase(order: Order) -> None:
    """What the chores make of an order, as far as only one thing can come of it."""
    unsettled = [attempt for attempt in order.attempts if attempt.state in UNSETTLED]
    paid = [attempt for attempt in unsettled if attempt.is_paid]
    if len(paid) == 1:
        order.learn_paid(paid[0])
    if order.status == "open" and order.expires_at <= clock.now() and not paid:
        order.close()
    for attempt in order.attempts:
        for refund in attempt.refunds:
            refund.learn()


def adopt(world: World, merchant: Merchant, order: Order) -> None:
    """Where more than one thing may come of it (which of two payments is asked about first, whether a leftover is
    closed already, how far a payment is on its way back), see which it was, and that it was one of these."""
    seen = world.ask(merchant, "GET", f"/v1/orders/{order.order_id}").body
    states = {payment["id"]: payment["state"] for payment in seen["payments"]}
    for attempt in order.attempts:
        state = states[attempt.attempt_id]
        if attempt.state in UNSETTLED and state != attempt.state:
            if attempt.is_paid:
                assert state in CREDITED, (attempt, state)
            else:
                assert state == "closed", (attempt, state)
                attempt.is_closed = True
            attempt.state = state
    if order.status != seen["status"]:
        assert order.status == "open", (order, seen)
        assert seen["status"] == ("paid" if order.winner else "closed"), (order, seen)
        assert order.winner or order.expires_at <= clock.now(), (order, seen)
        order.status = seen["status"]
    if any(attempt.state in CREDITED for attempt in order.attempts):
        _adopt_refunds(world, merchant, order)


def _adopt_refunds(world: World, merchant: Merchant, order: Order) -> None:
    """A surplus payment goes back by itself, whole; a refund may have been heard of."""
    seen = {each["id"]: each for each in world.ask(merchant, "GET", f"/v1/orders/{order.order_id}/refunds").body}
    for attempt in order.attempts:
        known = {refund.refund_id: refund for refund in attempt.refunds}
        for refund_id, each in seen.items():
            if each["payment_id"] == attempt.attempt_id and refund_id not in known:
                assert (each["origin"], each["amount"]) == ("surplus", attempt.amount), each
                assert attempt.state == "surplus", (attempt, each)
                attempt.refunds.append(Refund(refund_id, each["amount"], is_surplus=True, state=each["state"]))
        for refund_id, refund in known.items():
            before = refund.state
            if seen[refund_id]["state"] != before:
                refund.learn()
            assert seen[refund_id]["state"] == refund.state, (refund, seen[refund_id])
        assert attempt.state != "surplus" or attempt.refunds, f"{attempt} was not sent back"


def compare(world: World, merchant: Merchant, order: Order) -> None:
    seen = world.ask(merchant, "GET", f"/v1/orders/{order.order_id}").body
    expected = {attempt.attempt_id: attempt.state for attempt in order.attempts}
    states = {payment["id"]: payment["state"] for payment in seen["payments"]}
    assert (seen["status"], states) == (order.status, expected), (seen, order)
    refunded = sum(refund.takes for refund in order.winner.refunds) if order.winner else 0
    assert seen["refunded"] == refunded, (seen, order)


def compare_postings(world: World, merchant: Merchant, order: Order) -> None:
    sums: dict[str, int] = {}
    for posting in world.run(ledger.postings_of(world.stage.db, merchant.merchant_id, order.order_id)):
        sums[posting.debit_account] = sums.get(posting.debit_account, 0) + posting.amount
        sums[posting.credit_account] = sums.get(posting.credit_account, 0) - posting.amount
    found = {account: sum_ for account, sum_ in sums.items() if sum_}
    assert found == order.balances(merchant.tills[order.channel].account_id), (found, order)
