"""The story: a line for each thing that happened, in order of time, and nothing in it that is nobody's business."""

from __future__ import annotations

from dataclasses import replace

from tests.explanations.pieces import (
    PAYER,
    ago,
    attempt,
    call,
    case,
    delivery,
    ended_attempt,
    ended_refund,
    notice,
    order,
    paid_order,
    posting,
    refund,
    tried,
)
from tongbao.cases import Entry
from tongbao.explanations import story
from tongbao.explanations.model import Facts, Line
from tongbao.kit.words import Words


def tell(facts: Facts) -> dict[str, Line]:
    return {line.code: line for line in story.tell(facts)}


def test_a_payment_is_told_from_its_order_to_the_merchants_webhook() -> None:
    facts = Facts(
        paid_order(),
        [ended_attempt("succeeded")],
        notices=[notice("succeeded")],
        postings=[posting()],
        deliveries=[delivery("delivered", tried("delivered", 200))],
    )
    told = story.tell(facts)
    assert [line.code for line in told] == [
        "order_opened",
        "attempt_started",
        "attempt_prepared",
        "attempt_paid",
        "notice_succeeded",
        "attempt_succeeded",
        "posted",
        "delivered",
    ]
    assert [line.at for line in told] == sorted(line.at for line in told)
    assert told[0].text.en == "The merchant's server opened order tea-1: ¥18.00 for “Latte”"
    assert told[0].amount == 1800


def test_of_several_payments_each_line_says_which() -> None:
    second = attempt(attempt_id="pay2")
    calls = [call("query", "answered", "NOTPAY", attempt_id="pay2")]
    told = tell(Facts(paid_order(), [ended_attempt("succeeded"), second], calls))
    assert told["attempt_succeeded"].text.en == "Payment 1: We counted the payment: the order is paid"
    assert told["query_answered"].text.zh.startswith("第 2 笔支付：")


def test_an_event_that_was_not_told_yet_is_to_be_told() -> None:
    told = tell(Facts(paid_order(), [ended_attempt("succeeded")], deliveries=[delivery("pending")]))
    assert told["published"].text.en == "The merchant is to be told of order.paid at shop.example.com"


def test_a_call_that_failed_tells_who_was_asked_what_and_the_cure() -> None:
    cure = Words("Top the balance up", "请充值")
    facts = Facts(
        paid_order(),
        [ended_attempt("succeeded")],
        [call("refund", "rejected", "NOT_ENOUGH", detail="基本账户余额不足")],
        refunds=[refund()],
        advice={("acc1", "NOT_ENOUGH"): cure},
    )
    line = tell(facts)["refund_rejected"]
    assert line.text.en == "We asked the gateway to send ¥18.00 back: it refused, NOT_ENOUGH (基本账户余额不足)"
    assert line.cure == cure


def test_every_kind_of_failed_call_has_a_cure_and_an_answered_one_none() -> None:
    outcomes = ("rejected", "unavailable", "uncertain", "untrusted")
    calls = [call("query", outcome, "WHATEVER") for outcome in outcomes]
    told = tell(Facts(order(), [attempt()], [*calls, call("close", "answered", "done")]))
    assert all(told[f"query_{outcome}"].cure for outcome in outcomes)
    assert told["close_answered"].cure is None


def test_an_unknown_word_of_a_gateway_is_told_as_it_is() -> None:
    told = tell(Facts(order(), [attempt()], [call("levitate", "answered", "UP")]))
    assert told["levitate_answered"].text.en == "We asked the gateway levitate: it answered UP"


def test_a_refund_is_told_step_by_step() -> None:
    told = tell(Facts(paid_order(), [ended_attempt("succeeded")], refunds=[ended_refund("succeeded")]))
    assert told["refund_requested"].text.en == "The merchant asked to send ¥18.00 back, as refund back-1: cold coffee"
    assert told["refund_sent"].text.en == "The gateway took the refund of ¥18.00 on"
    assert told["refund_succeeded"].amount == 1800


def test_an_abnormal_refund_that_was_handled_outside_says_so() -> None:
    handled = ended_refund("abnormal", state_reason="handled_outside")
    assert "refund_handled_outside" in tell(Facts(paid_order(), [ended_attempt("succeeded")], refunds=[handled]))


def test_a_case_tells_who_did_what_and_why() -> None:
    known, _ = case("payment_held", status="closed", closed_by="Li", resolution="accept")
    entries = [
        Entry(ago(90), "tongbao", "opened", ""),
        Entry(ago(80), "Li", "noted", "the buyer sent a photo"),
        Entry(ago(70), "Li", "closed", "they agreed"),
    ]
    told = tell(Facts(order(), [attempt()], cases=[(known, entries)]))
    assert told["case_opened"].text.en == "We opened a case: a payment that does not match"
    assert told["case_noted"].text.en == "Li noted on the case: the buyer sent a photo"
    assert told["case_closed"].text.en == (
        "Li closed the case (a payment that does not match): the money is taken for the order: they agreed"
    )


def test_a_notice_that_could_not_be_proven_only_may_have_been_about_the_order() -> None:
    told = tell(Facts(order(), [attempt()], refused=[notice("serial_unknown", attempt_id=None)]))
    assert "may have been about this order" in told["notice_serial_unknown"].text.en


def test_every_state_an_attempt_can_end_in_is_told() -> None:
    for state in ("succeeded", "surplus", "held", "failed", "closed"):
        assert f"attempt_{state}" in tell(Facts(order(), [ended_attempt(state, reason="SOMETHING")]))
    for reason in ("revived", "accepted"):
        assert f"attempt_{reason}" in tell(Facts(order(), [ended_attempt("succeeded", reason=reason)]))


def test_no_story_names_the_buyer_or_a_secret_or_repeats_a_notice() -> None:
    facts = Facts(
        paid_order(),
        [ended_attempt("succeeded")],
        [
            call("prepare", "rejected", "PARAM_ERROR", detail=f"openid {PAYER} is wrong"),
            call("redirect_refund", "rejected", "PARAM_ERROR", detail="card 6222020200112233"),
        ],
        notices=[notice("succeeded")],
        refunds=[refund()],
        deliveries=[delivery("pending", tried("refused", 500))],
    )
    told = str(story.tell(facts))
    assert "openid … is wrong" in told
    for private in (PAYER, "6222020200112233", "whsec_abc", "the body of a notice", "a token"):
        assert private not in told


def test_braces_in_what_people_wrote_are_only_braces() -> None:
    facts = Facts(replace(order(), subject="{amount} {0}", reference="{}"))
    assert "{amount} {0}" in tell(facts)["order_opened"].text.en
