"""The small model that the stateful row compares the server with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reliability.predictions import ALIPAY, Attempt, Order, Refund

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def order(*, revives: bool = False, attempts: int = 1, channel: str = "wechatpay") -> Order:
    made = Order(channel, "ord1", "r1", 100, NOW + timedelta(hours=1), revives)
    made.attempts += [Attempt.begun(f"pay{number}", made, NOW) for number in range(attempts)]
    return made


def test_the_first_of_two_payments_wins_and_the_second_is_surplus() -> None:
    made = order(attempts=2)
    for attempt in made.attempts:
        made.learn_paid(attempt)
        made.learn_paid(attempt)
    assert (made.status, [each.state for each in made.attempts]) == ("paid", ["succeeded", "surplus"])


@pytest.mark.parametrize(("revives", "status", "state"), [(False, "closed", "surplus"), (True, "paid", "succeeded")])
def test_a_late_payment_is_as_its_merchant_wants_it(revives: bool, status: str, state: str) -> None:
    made = order(revives=revives)
    assert made.close() == "closed"
    made.learn_paid(made.attempts[0])
    assert (made.status, made.attempts[0].state) == (status, state)


def test_closing_asks_the_gateway_first() -> None:
    made = order()
    made.attempts[0].is_paid = True
    assert made.close() == "order_paid"
    assert (made.status, made.attempts[0].state) == ("paid", "succeeded")


def test_what_is_held_stops_further_payments_until_it_is_decided() -> None:
    made = order()
    assert made.hold(made.attempts[0], "wrong_app")
    assert not made.hold(made.attempts[0], "wrong_app")
    assert made.refusal_to_pay(NOW) == "payment_held"
    made.decide(made.attempts[0], "dismiss")
    assert made.refusal_to_pay(NOW) is None
    assert not made.hold(made.attempts[0], "wrong_app")


def test_no_more_goes_back_than_came_in_and_a_closed_refund_frees_its_sum() -> None:
    made = order()
    assert made.refusal_to_refund(1) == "order_not_paid"
    made.learn_paid(made.attempts[0])
    refund = Refund("rfd1", 70, is_surplus=False)
    made.attempts[0].refunds.append(refund)
    assert [made.refusal_to_refund(amount) for amount in (30, 31, None)] == [None, "refund_exceeds", None]
    refund.there = "CLOSED"
    refund.learn()
    assert made.refusal_to_refund(100) is None


def test_the_sums_of_every_account_come_to_nothing() -> None:
    made = order(attempts=2)
    for attempt in made.attempts:
        made.learn_paid(attempt)
    made.attempts[0].refunds = [
        Refund("rfd1", 30, is_surplus=False, state="succeeded"),
        Refund("rfd2", 20, is_surplus=False),
        Refund("rfd3", 10, is_surplus=False, state="closed"),
    ]
    made.attempts[1].refunds = [Refund("rfd4", 100, is_surplus=True, state="abnormal")]
    balances = made.balances("acc1")
    assert balances == {"clearing:acc1": 170, "merchant": -50, "refunding": -120}
    assert sum(balances.values()) == 0


def test_a_token_ends_and_another_tap_renews_it() -> None:
    made = order()
    made.expires_at = NOW + timedelta(days=1)
    attempt, later = made.attempts[0], NOW + timedelta(hours=2)
    assert attempt.can_be_paid(made, NOW)
    assert not attempt.can_be_paid(made, later)
    attempt.go_on(later)
    assert attempt.can_be_paid(made, later)


def test_an_abnormal_refund_is_sent_to_another_place_once() -> None:
    refund = Refund("rfd1", 70, is_surplus=False, state="abnormal", there="ABNORMAL")
    refund.redirect()
    assert (refund.state, refund.there) == ("sent", "PROCESSING")
    refund.there = "ABNORMAL"
    refund.learn()
    refund.redirect()
    assert (refund.state, refund.there) == ("abnormal", "ABNORMAL")


@pytest.mark.parametrize(("channel", "can_be_paid"), [("wechatpay", False), (ALIPAY, True)])
def test_a_token_ends_before_its_order_and_a_trade_with_it(channel: str, can_be_paid: bool) -> None:
    made = order(channel=channel)
    made.expires_at = NOW + timedelta(hours=4)
    assert made.attempts[0].can_be_paid(made, NOW + timedelta(hours=3)) is can_be_paid
    assert not made.attempts[0].can_be_paid(made, NOW + timedelta(hours=5))
