"""The decisions about payments, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.channels import PaymentFact, PaymentState
from tongbao.kit.errors import Refusal
from tongbao.payments import rules
from tongbao.payments.model import MOVES, Attempt, AttemptState, Choice, Order, OrderStatus
from tongbao.payments.rules import Verdict

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
MERCHANT_NUMBER = "1900000001"

ORDER = Order(
    merchant_id="mch1",
    order_id="ord1",
    reference="r1",
    content_hash=b"",
    amount=1800,
    currency="CNY",
    subject="Latte",
    items=[],
    metadata={},
    buyer_id="buy1",
    notify_url=None,
    status=OrderStatus.OPEN,
    version=1,
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    expire_due_at=NOW + timedelta(minutes=30),
    paid_at=None,
    paid_attempt_id=None,
    closed_at=None,
    close_reason=None,
)
ATTEMPT = Attempt(
    merchant_id="mch1",
    attempt_id="pay1",
    order_id="ord1",
    account_id="acc1",
    channel="wechatpay",
    method="jsapi",
    app_id="wx1",
    payer="openid1",
    amount=1800,
    currency="CNY",
    state=AttemptState.PENDING,
    version=1,
    token="token",
    token_until=NOW + timedelta(hours=2),
    transaction_id=None,
    reason=None,
    created_at=NOW,
    prepared_at=NOW,
    settled_at=None,
    paid_at=None,
    ask_at=NOW,
    asked=0,
)
SUCCESS = PaymentFact(
    attempt_id="pay1",
    state=PaymentState.SUCCEEDED,
    raw_state="SUCCESS",
    merchant_number=MERCHANT_NUMBER,
    app_id="wx1",
    amount=1800,
    currency="CNY",
    transaction_id="4200",
    paid_at=NOW,
)


def verdict(
    attempt: Attempt = ATTEMPT, order: Order = ORDER, fact: PaymentFact = SUCCESS
) -> tuple[Verdict, str | None]:
    decision = rules.decide(attempt, order, fact, MERCHANT_NUMBER)
    return decision.verdict, decision.reason


def test_a_matching_success_pays_an_open_order() -> None:
    assert verdict() == (Verdict.SUCCEEDED, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"merchant_number": "1900000002"}, "wrong_merchant"),
        ({"app_id": "wx2"}, "wrong_app"),
        ({"app_id": None}, "wrong_app"),
        ({"currency": "USD"}, "wrong_currency"),
        ({"currency": None}, "wrong_currency"),
        ({"amount": 1799}, "wrong_amount"),
        ({"amount": None}, "wrong_amount"),
    ],
)
def test_a_success_that_differs_in_anything_is_held(change: dict[str, object], reason: str) -> None:
    assert verdict(fact=replace(SUCCESS, **change)) == (Verdict.HELD, reason)  # type: ignore[arg-type]


def test_a_success_of_a_paid_order_is_surplus() -> None:
    assert verdict(order=replace(ORDER, status=OrderStatus.PAID)) == (Verdict.SURPLUS, "order_already_paid")


def test_a_success_of_a_closed_order_is_surplus() -> None:
    closed = replace(ATTEMPT, state=AttemptState.CLOSED)
    assert verdict(closed, replace(ORDER, status=OrderStatus.CLOSED)) == (Verdict.SURPLUS, "order_closed")


@pytest.mark.parametrize("state", [AttemptState.SUCCEEDED, AttemptState.SURPLUS])
def test_a_success_heard_twice_moves_nothing(state: AttemptState) -> None:
    attempt = replace(ATTEMPT, state=state)
    assert verdict(attempt, replace(ORDER, status=OrderStatus.PAID)) == (Verdict.REPEATED, None)


def test_a_success_after_a_failure_still_pays() -> None:
    assert verdict(replace(ATTEMPT, state=AttemptState.FAILED)) == (Verdict.SUCCEEDED, None)


def test_a_held_attempt_is_resolved_by_a_word_that_matches() -> None:
    held = replace(ATTEMPT, state=AttemptState.HELD, reason="wrong_amount")
    assert verdict(held) == (Verdict.SUCCEEDED, None)
    assert verdict(held, fact=replace(SUCCESS, amount=1)) == (Verdict.REPEATED, "wrong_amount")


def test_a_pending_word_is_no_news() -> None:
    assert verdict(fact=replace(SUCCESS, state=PaymentState.PENDING)) == (Verdict.NO_NEWS, None)


@given(
    state=st.sampled_from(AttemptState),
    status=st.sampled_from(OrderStatus),
    word=st.sampled_from(PaymentState),
    amount=st.sampled_from([1800, 1, None]),
)
def test_every_verdict_is_a_move_of_the_table_or_none(
    state: AttemptState, status: OrderStatus, word: PaymentState, amount: int | None
) -> None:
    fact = replace(SUCCESS, state=word, amount=amount)
    found, _ = verdict(replace(ATTEMPT, state=state), replace(ORDER, status=status), fact)
    if found in (Verdict.REPEATED, Verdict.NO_NEWS, Verdict.MISMATCHED):
        return
    assert AttemptState(found.value) in MOVES[state]
    if found is Verdict.SUCCEEDED:
        assert (status, amount, word) == (OrderStatus.OPEN, 1800, PaymentState.SUCCEEDED)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": OrderStatus.PAID}, "order_paid"),
        ({"status": OrderStatus.CLOSED}, "order_closed"),
        ({"expires_at": NOW}, "order_expired"),
    ],
)
def test_what_cannot_be_paid_is_refused_by_its_own_name(change: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        rules.check_payable(replace(ORDER, **change), NOW)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_a_second_tap_continues_the_open_attempt() -> None:
    choice, wanted = Choice(ATTEMPT.channel, ATTEMPT.method), replace(ATTEMPT, attempt_id="pay2")
    assert rules.attempt_to_resume((ATTEMPT,), choice, wanted) == ATTEMPT
    assert rules.attempt_to_resume((replace(ATTEMPT, state=AttemptState.FAILED),), choice, wanted) is None
    assert rules.attempt_to_resume((ATTEMPT,), replace(choice, fresh=True), wanted) is None
    for change in ({"payer": "openid2"}, {"method": "native"}, {"host": "browser"}, {"options": {"only": ["balance"]}}):
        assert rules.attempt_to_resume((ATTEMPT,), choice, replace(wanted, **change)) is None


def test_a_second_tap_from_another_address_continues_the_open_attempt() -> None:
    attempt = replace(ATTEMPT, options={"payer_ip": "192.0.2.1"})
    wanted = replace(ATTEMPT, attempt_id="pay2", options={"payer_ip": "192.0.2.2"})
    assert rules.attempt_to_resume((attempt,), Choice(ATTEMPT.channel, ATTEMPT.method), wanted) == attempt


def test_a_success_notice_of_a_reversed_payment_is_doubted_and_an_answer_of_now_believed() -> None:
    undone = replace(ATTEMPT, state=AttemptState.CLOSED, reason=rules.REVERSED)
    assert rules.decide(undone, ORDER, SUCCESS, MERCHANT_NUMBER).verdict is Verdict.DOUBTED
    assert rules.decide(undone, ORDER, SUCCESS, MERCHANT_NUMBER, asked=True).verdict is Verdict.SUCCEEDED
    closed = replace(SUCCESS, state=PaymentState.CLOSED)
    assert rules.decide(undone, ORDER, closed, MERCHANT_NUMBER).verdict is Verdict.REPEATED


def test_a_payment_that_went_back_whole_may_be_called_closed() -> None:
    paid, closed = replace(ATTEMPT, state=AttemptState.SUCCEEDED), replace(SUCCESS, state=PaymentState.CLOSED)
    whole = replace(paid, refunded=paid.amount)
    assert rules.decide(whole, ORDER, closed, MERCHANT_NUMBER).verdict is Verdict.REPEATED
    assert rules.decide(paid, ORDER, closed, MERCHANT_NUMBER).verdict is Verdict.MISMATCHED
    assert rules.decide(replace(paid, refunded=1), ORDER, closed, MERCHANT_NUMBER).verdict is Verdict.MISMATCHED


def test_a_scanned_code_is_asked_about_every_five_seconds_and_reversed_after_a_minute() -> None:
    waits = {(rules.next_ask_at(asked, NOW, scans_buyer=True) - NOW).total_seconds() for asked in range(20)}
    assert waits == {5}
    assert not rules.is_to_be_reversed(ATTEMPT, ATTEMPT.created_at + timedelta(seconds=59))
    assert rules.is_to_be_reversed(ATTEMPT, ATTEMPT.created_at + timedelta(seconds=60))


@pytest.mark.parametrize("life", [timedelta(minutes=5), timedelta(hours=2)])
def test_prefetched_parameters_are_got_anew_before_they_end_and_never_after_the_order(life: timedelta) -> None:
    long_order = replace(ORDER, expires_at=NOW + timedelta(days=1))
    again_at = rules.refresh_at(NOW + life, long_order, NOW)
    assert again_at is not None
    assert NOW + life / 2 < again_at < NOW + life - timedelta(seconds=45)
    assert rules.refresh_at(NOW + life, replace(ORDER, expires_at=again_at), NOW) is None


def test_the_chase_begins_after_five_seconds_and_grows_to_an_hour() -> None:
    waits = [(rules.next_ask_at(asked, NOW) - NOW).total_seconds() for asked in range(30)]
    assert waits[0] == 5
    assert waits == sorted(waits)
    assert waits[-1] == 3600


@pytest.mark.parametrize(("said", "held"), [(1, 1), (0, None), (-5, None), (2**70, None), (None, None)])
def test_of_a_held_payment_only_a_sum_of_money_is_kept(said: int | None, held: int | None) -> None:
    assert rules.amount_held(replace(SUCCESS, amount=said)) == held
