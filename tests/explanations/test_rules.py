"""Where an order stands and what to do next, for each situation that people ask about."""

from __future__ import annotations

from typing import Any

from tests.explanations.pieces import (
    NOW,
    ago,
    attempt,
    call,
    case,
    closed_order,
    delivery,
    ended_attempt,
    ended_refund,
    later,
    notice,
    order,
    paid_order,
    refund,
    tried,
)
from tongbao.explanations import rules
from tongbao.explanations.model import Facts
from tongbao.kit.words import Words

TOP_UP = Words("Top the balance up.", "请充值。")


def stands(facts: Facts) -> tuple[str, str]:
    told = rules.where_it_stands(facts, NOW)
    return told.code, told.text.en


def steps(facts: Facts) -> dict[str, str]:
    return {step.code: step.text.en for step in rules.what_to_do(facts, NOW)}


def paid(**more: Any) -> Facts:
    known: dict[str, Any] = {
        "order": paid_order(),
        "attempts": [ended_attempt("succeeded")],
        "notices": [notice("succeeded")],
    }
    return Facts(**known | more)


def test_an_order_that_nobody_pays_is_waited_for() -> None:
    facts = Facts(order())
    assert stands(facts) == (
        "open_new",
        "The order is open: nobody has begun to pay; it can be paid for another 20 min.",
    )
    assert steps(facts) == {}


def test_where_a_buyer_says_paid_and_the_order_is_open_the_bill_can_be_compared_while_we_ask_on() -> None:
    facts = Facts(order(), [attempt()], [call("query", "answered", "NOTPAY")])
    code, text = stands(facts)
    assert code == "open_waiting"
    assert "we ask the gateway again in 25 s" in text
    assert list(steps(facts)) == ["compare_bill"]
    assert "must be pay1" in steps(facts)["compare_bill"]


def test_where_the_gateway_gave_no_clear_answer_we_say_that_we_do_not_know() -> None:
    facts = Facts(order(), [attempt()], [call("query", "uncertain", "SYSTEM_ERROR")])
    code, text = stands(facts)
    assert code == "open_unknown"
    assert "SYSTEM_ERROR" in text
    assert "mend_call" not in steps(facts), "we ask by ourselves"


def test_a_prepare_that_never_reached_the_gateway_is_no_doubt() -> None:
    facts = Facts(
        order(), [attempt(state="created", prepared_at=None)], [call("prepare", "unavailable", "unreachable")]
    )
    assert stands(facts)[0] == "open_waiting"
    assert steps(facts)["mend_call"].startswith("unreachable: nothing happened there")


def test_a_doubt_that_a_later_prepare_ended_is_none() -> None:
    facts = Facts(order(), [attempt()], [call("prepare", "uncertain", "no_answer", asked_at=ago(550))])
    assert stands(facts)[0] == "open_waiting"


def test_a_refused_payment_tells_the_cure_and_that_the_buyer_can_try_again() -> None:
    cure = Words("Bind the app to the merchant number", "请绑定")
    facts = Facts(
        order(),
        [ended_attempt("failed", prepared_at=None, reason="APPID_MCHID_NOT_MATCH")],
        [call("prepare", "rejected", "APPID_MCHID_NOT_MATCH")],
        advice={("acc1", "APPID_MCHID_NOT_MATCH"): cure},
    )
    assert stands(facts)[0] == "open_failed"
    assert steps(facts) == {
        "mend_call": "APPID_MCHID_NOT_MATCH: Bind the app to the merchant number",
        "pay_again": "Let the buyer pay again",
    }


def test_a_code_that_nobody_has_advice_for_still_has_a_cure() -> None:
    facts = Facts(order(), [attempt()], [call("query", "untrusted", "signature_wrong")])
    assert "platform key" in steps(facts)["mend_call"]


def test_a_failed_call_that_no_longer_matters_asks_for_nothing() -> None:
    facts = paid(calls=[call("query", "rejected", "ORDER_NOT_EXIST", asked_at=ago(400))])
    assert steps(facts) == {}


def test_a_paid_order_owes_nothing_and_needs_nothing() -> None:
    assert stands(paid()) == ("paid", "The order is paid: ¥18.00 is there; nothing is owed, and nothing is waited for.")
    assert steps(paid()) == {}


def test_a_notification_that_never_came_points_to_the_address_it_was_sent_to() -> None:
    facts = paid(notices=[], notify_urls={"acc1": "https://pay.example.com/notify/x"})
    assert "https://pay.example.com/notify/x" in steps(facts)["check_notify_url"]


def test_a_notification_may_still_come_shortly_after_we_asked() -> None:
    facts = paid(attempts=[ended_attempt("succeeded", settled_at=ago(10))], notices=[])
    assert steps(facts) == {}


def test_a_notice_of_a_refund_is_none_of_its_payment() -> None:
    facts = paid(notices=[notice("refund_succeeded", refund_id="rfd1")])
    assert list(steps(facts)) == ["check_notify_url"]


def test_a_notice_that_was_refused_while_the_order_waited_is_to_be_looked_at() -> None:
    facts = Facts(order(), [attempt()], refused=[notice("signature_wrong", attempt_id=None)])
    assert "tongbao explain ntc1" in steps(facts)["read_notice"]


def test_a_refused_notice_is_no_matter_where_another_was_believed() -> None:
    assert steps(paid(refused=[notice("signature_wrong", attempt_id=None)])) == {}


def test_a_refund_on_its_way_is_waited_for() -> None:
    code, text = stands(paid(refunds=[refund()]))
    assert code == "refund_going"
    assert text.endswith("¥18.00 is going back to the buyer; we ask the gateway again in 5 min.")
    assert steps(paid(refunds=[refund()])) == {}


def test_a_part_that_went_back_is_counted() -> None:
    code, text = stands(paid(refunds=[ended_refund("succeeded", amount=500)]))
    assert code == "partly_refunded"
    assert "¥5.00 of ¥18.00 went back, ¥13.00 is left" in text


def test_all_that_went_back_is_counted() -> None:
    assert stands(paid(refunds=[ended_refund("succeeded")]))[0] == "refunded"


def test_a_refund_that_the_balance_is_too_short_for_says_so_and_goes_on_by_itself() -> None:
    blocked = refund(state="requested", sent_at=None, state_reason="NOT_ENOUGH")
    facts = paid(
        refunds=[blocked],
        cases=[case("refund_blocked")],
        calls=[call("refund", "rejected", "NOT_ENOUGH")],
        advice={("acc1", "NOT_ENOUGH"): TOP_UP},
    )
    code, text = stands(facts)
    assert code == "refund_blocked"
    assert "refuses for now to send ¥18.00 back (NOT_ENOUGH)" in text
    assert "is going back" not in text
    assert steps(facts) == {"unblock_refund": "Top the balance up. The next try: in 5 min"}, "the cure is told once"


def test_a_refund_that_was_not_heard_tells_the_cure() -> None:
    lost = refund(state="requested", sent_at=None)
    facts = paid(refunds=[lost], calls=[call("refund", "unavailable", "unreachable")])
    assert stands(facts)[0] == "refund_going"
    assert list(steps(facts)) == ["mend_call"]


def test_an_abnormal_refund_can_be_redirected_or_handled_outside() -> None:
    facts = paid(
        refunds=[refund(state="abnormal")], cases=[case("refund_abnormal")], choices={"cas1": ("handled_outside",)}
    )
    code, text = stands(facts)
    assert code == "refund_abnormal"
    assert "waits at the gateway for a person's decision, due in 2 h" in text
    assert "tongbao refund redirect rfd1" in steps(facts)["redirect_refund"]
    assert "close case cas1 with handled_outside" in steps(facts)["redirect_refund"]


def test_an_overdue_case_says_by_how_long() -> None:
    facts = paid(refunds=[refund(state="abnormal")], cases=[case("refund_abnormal", due_at=ago(10_800))])
    assert "3 h overdue" in stands(facts)[1]


def test_a_refund_that_the_gateway_closed_is_to_be_given_another_way() -> None:
    closed = ended_refund("closed", state_reason="CLOSED")
    facts = paid(refunds=[closed], cases=[case("refund_closed")], choices={"cas1": ("handled",)})
    assert stands(facts)[0] == "refund_closed"
    assert "the buyer has not got it back" in stands(facts)[1]
    assert list(steps(facts)) == ["refund_otherwise"]


def test_a_second_payment_goes_back_by_itself() -> None:
    second = ended_attempt("surplus", attempt_id="pay2", reason="order_already_paid", return_at=later(5))
    facts = paid(
        attempts=[ended_attempt("succeeded"), second],
        notices=[notice("succeeded"), notice("surplus", attempt_id="pay2")],
        cases=[case("payment_surplus", attempt_id="pay2")],
    )
    code, text = stands(facts)
    assert code == "surplus_waiting"
    assert text.startswith("The order is paid: ¥18.00 is there; ¥18.00 that it did not need is going back")
    assert steps(facts) == {}


def test_a_second_payment_that_is_back_is_said_to_be_back() -> None:
    second = ended_attempt("surplus", attempt_id="pay2", reason="order_already_paid")
    facts = paid(
        attempts=[ended_attempt("succeeded"), second],
        notices=[notice("succeeded"), notice("surplus", attempt_id="pay2")],
        refunds=[ended_refund("succeeded", attempt_id="pay2", origin="surplus")],
    )
    code, text = stands(facts)
    assert code == "surplus_returned"
    assert text.endswith("went back to the buyer; nothing is owed, and nothing is waited for.")
    assert steps(facts) == {}


def test_a_payment_after_the_close_leaves_the_order_closed_while_it_goes_back() -> None:
    late = ended_attempt("surplus", reason="order_closed")
    facts = Facts(
        closed_order(),
        [late],
        notices=[notice("surplus")],
        refunds=[refund(origin="surplus")],
        cases=[case("payment_surplus")],
    )
    code, text = stands(facts)
    assert code == "surplus_waiting"
    assert text.startswith("The order is closed, and keeps no money; ¥18.00 that it did not need")


def test_a_surplus_whose_refund_was_closed_can_be_sent_back_once_more() -> None:
    facts = Facts(
        closed_order(),
        [ended_attempt("surplus", reason="order_closed")],
        notices=[notice("surplus")],
        refunds=[ended_refund("closed", origin="surplus", state_reason="NOT_ENOUGH")],
        cases=[case("payment_surplus", case_id="cas0"), case("refund_closed")],
        advice={("acc1", "NOT_ENOUGH"): TOP_UP},
    )
    assert stands(facts)[0] == "refund_closed"
    assert "Top the balance up. Then have it sent back once more" in steps(facts)["return_again"]
    assert "case close cas0" in steps(facts)["return_again"]


def test_a_held_payment_waits_for_a_person() -> None:
    held = ended_attempt("held", reason="wrong_amount", received_amount=1, ask_at=later(60))
    facts = Facts(
        order(),
        [held],
        notices=[notice("held")],
        cases=[case("payment_held")],
        choices={"cas1": ("accept", "return", "dismiss")},
    )
    code, text = stands(facts)
    assert code == "payment_held"
    assert "because the gateway named another amount: ¥0.01 waits for a person's decision" in text
    assert "it can be paid" not in text, "nobody is asked to pay again before that is known"
    assert "accept | return | dismiss" in steps(facts)["decide"]


def test_a_webhook_that_fails_names_the_server_and_when_it_is_told_again() -> None:
    facts = paid(deliveries=[delivery("pending", tried("refused", 500))])
    code, text = stands(facts)
    assert code == "webhook_failing"
    assert "shop.example.com has not taken order.paid yet (it answered HTTP 500), and is told again in 2 min" in text
    assert list(steps(facts)) == ["watch_webhook"]


def test_a_webhook_that_was_given_up_can_be_sent_again() -> None:
    facts = paid(deliveries=[delivery("exhausted", tried("timed_out"))])
    assert stands(facts)[0] == "webhook_given_up"
    assert "tongbao webhook replay mer1 evt1" in steps(facts)["mend_webhook"]


def test_a_server_that_takes_nothing_is_named_once_and_each_event_that_was_given_up_can_be_sent_again() -> None:
    lost = [delivery("exhausted", tried("refused", 500), event_id=event_id) for event_id in ("evt1", "evt2")]
    facts = paid(deliveries=lost)
    assert stands(facts)[1].count("shop.example.com") == 1
    assert [step.code for step in rules.what_to_do(facts, NOW)] == ["mend_webhook", "mend_webhook"]


def test_an_event_for_a_disabled_endpoint_says_so() -> None:
    facts = paid(deliveries=[delivery("exhausted")])
    assert "the endpoint was disabled" in stands(facts)[1]


def test_what_should_have_been_asked_long_ago_points_to_the_worker() -> None:
    facts = Facts(order(), [attempt(ask_at=ago(600))])
    assert "we should have asked the gateway 10 min ago" in stands(facts)[1]
    assert "tongbao worker" in steps(facts)["start_worker"]


def test_an_order_past_its_time_is_about_to_be_closed() -> None:
    facts = Facts(order(expires_at=ago(5), expire_due_at=ago(5)), [attempt()])
    assert "its time to be paid is over" in stands(facts)[1]


def test_every_sentence_is_spoken_in_chinese_too() -> None:
    facts = paid(refunds=[refund()])
    told = rules.where_it_stands(facts, NOW)
    assert told.text.zh == "订单已支付：¥18.00 已到账；¥18.00 正在退回买家；5 分钟后再次询问支付渠道。"
