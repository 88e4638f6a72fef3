"""The decisions about refunds, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.payments.test_rules import ATTEMPT, MERCHANT_NUMBER, NOW
from tongbao.channels import RefundFact
from tongbao.channels import RefundState as Said
from tongbao.kit.errors import Refusal
from tongbao.refunds import rules
from tongbao.refunds.model import MOVES, Origin, Refund, RefundDraft, RefundState
from tongbao.refunds.rules import Verdict

REFUND = Refund(
    merchant_id="mch1",
    refund_id=f"rfd{1:028}",
    reference="back-1",
    content_hash=b"",
    order_id="ord1",
    attempt_id="pay1",
    account_id="acc1",
    channel="wechatpay",
    origin=Origin.MERCHANT,
    amount=500,
    payment_amount=1800,
    currency="CNY",
    reason="cold",
    items=[],
    notify_url="http://127.0.0.1/notify",
    state=RefundState.SENT,
    state_reason=None,
    version=2,
    in_doubt=False,
    gateway_refund_id="50000001",
    created_at=NOW,
    sent_at=NOW,
    settled_at=None,
    refunded_at=None,
    ask_at=NOW,
    asked=0,
)
DONE = RefundFact(REFUND.refund_id, Said.SUCCEEDED, "SUCCESS", MERCHANT_NUMBER, "pay1", 500, "CNY", "50000001", NOW)


@given(state=st.sampled_from(RefundState), said=st.sampled_from(Said))
def test_a_refund_moves_only_along_its_table(state: RefundState, said: Said) -> None:
    decision = rules.decide(replace(REFUND, state=state), replace(DONE, state=said), MERCHANT_NUMBER)
    if decision.verdict is Verdict.MOVED:
        assert decision.state in MOVES[state]
    else:
        assert decision.verdict in (Verdict.REPEATED, Verdict.NO_NEWS)


def test_the_same_word_twice_moves_once() -> None:
    assert rules.decide(REFUND, DONE, MERCHANT_NUMBER).state is RefundState.SUCCEEDED
    settled = replace(REFUND, state=RefundState.SUCCEEDED)
    assert rules.decide(settled, DONE, MERCHANT_NUMBER).verdict is Verdict.REPEATED


def test_money_that_went_back_outranks_our_belief_that_it_did_not() -> None:
    for given_up in (RefundState.CLOSED, RefundState.ABNORMAL):
        assert rules.decide(replace(REFUND, state=given_up), DONE, MERCHANT_NUMBER).state is RefundState.SUCCEEDED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": 499}, "wrong_amount"),
        ({"attempt_id": "pay2"}, "wrong_payment"),
        ({"attempt_id": None}, "wrong_payment"),
        ({"merchant_number": "1900000002"}, "wrong_merchant"),
        ({"currency": "USD"}, "wrong_currency"),
    ],
)
def test_a_result_that_differs_in_anything_moves_nothing(change: dict[str, object], reason: str) -> None:
    decision = rules.decide(REFUND, replace(DONE, **change), MERCHANT_NUMBER)  # type: ignore[arg-type]
    assert (decision.verdict, decision.reason) == (Verdict.MISMATCHED, reason)


def test_a_notice_that_tells_no_amount_is_about_the_refund_of_its_number() -> None:
    assert rules.decide(REFUND, replace(DONE, amount=None), MERCHANT_NUMBER).verdict is Verdict.MOVED


def test_an_answer_without_merchant_and_currency_is_about_the_account_we_asked_on() -> None:
    answer = replace(DONE, merchant_number=None, currency=None)
    assert rules.decide(REFUND, answer, MERCHANT_NUMBER).verdict is Verdict.MOVED


def test_under_way_is_news_only_to_who_did_not_know_it_was_taken_on() -> None:
    under_way = RefundFact(REFUND.refund_id, Said.PENDING, "PROCESSING")
    requested = replace(REFUND, state=RefundState.REQUESTED)
    assert rules.decide(requested, under_way, MERCHANT_NUMBER).state is RefundState.SENT
    for state in (RefundState.SENT, RefundState.ABNORMAL, RefundState.SUCCEEDED, RefundState.CLOSED):
        decision = rules.decide(replace(REFUND, state=state), under_way, MERCHANT_NUMBER)
        assert decision.verdict is Verdict.NO_NEWS


def test_without_a_wish_all_that_is_left_goes_back() -> None:
    assert rules.sum_to_refund(replace(ATTEMPT, refunded=300), None) == ATTEMPT.amount - 300


@given(refunded=st.integers(0, 1800), wanted=st.integers(-5, 4000) | st.none())
def test_never_more_than_is_left(refunded: int, wanted: int | None) -> None:
    paid = replace(ATTEMPT, refunded=refunded)
    try:
        amount = rules.sum_to_refund(paid, wanted)
    except Refusal as refusal:
        assert (refusal.code, refusal.values["left"]) == ("refund_exceeds", 1800 - refunded)
        assert wanted is None or not 0 < wanted <= 1800 - refunded
    else:
        assert 0 < amount <= 1800 - refunded


def test_of_a_payment_that_brought_less_only_that_can_go_back() -> None:
    with pytest.raises(Refusal) as refusal:
        rules.sum_to_refund(replace(ATTEMPT, received_amount=100), 101)
    assert refusal.value.values["left"] == 100


def test_what_the_gateway_never_took_does_not_count_against_its_limit() -> None:
    never_taken = replace(REFUND, state=RefundState.CLOSED, sent_at=None)
    rules.check_count([REFUND, never_taken], 2)
    with pytest.raises(Refusal, match="too_many_refunds"):
        rules.check_count([REFUND, replace(REFUND, state=RefundState.CLOSED)], 2)


def test_a_no_after_an_unanswered_try_closes_only_when_it_cannot_be_taken_on_late() -> None:
    assert rules.may_give_up(REFUND, NOW)
    doubtful = replace(REFUND, in_doubt=True)
    assert not rules.may_give_up(doubtful, NOW + timedelta(hours=23))
    assert rules.may_give_up(doubtful, NOW + timedelta(hours=24))


def test_another_amount_reason_or_order_is_another_refund() -> None:
    draft = RefundDraft("mch1", "r", 5, "cold")
    same = draft.content_hash("ord1")
    assert replace(draft, reference="other").content_hash("ord1") == same
    others = (replace(draft, amount=6), replace(draft, reason="late"), replace(draft, items=[{"name": "x"}]))
    assert same not in {each.content_hash("ord1") for each in others} | {draft.content_hash("ord2")}


def test_asking_never_stops() -> None:
    gaps = [rules.next_ask_at(asked, NOW) - NOW for asked in range(100)]
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (timedelta(seconds=5), timedelta(hours=1))
