"""Where an order stands, and what to do next. Pure: facts and the present time in, sayings out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tongbao.cases import Case, Kind
from tongbao.explanations import words
from tongbao.explanations.model import Facts, Saying
from tongbao.explanations.sentences import NEXT, STANDS
from tongbao.explanations.story import cure_of, host_of, outcome_of, verdict_of
from tongbao.explanations.words import money, say, span, word
from tongbao.journal import Call
from tongbao.kit.words import Words
from tongbao.payments import Attempt, AttemptState, OrderStatus
from tongbao.refunds import Origin, Refund
from tongbao.webhooks import Delivery

_LATE = timedelta(seconds=60)
"""A chore looks every few seconds: what is due for longer than this is not looked after."""
_PRESSING = (
    Kind.PAYMENT_HELD,
    Kind.PAYMENT_MISMATCH,
    Kind.REFUND_TOO_MUCH,
    Kind.REFUND_ABNORMAL,
    Kind.REFUND_MISMATCH,
    Kind.REFUND_CLOSED,
    Kind.REFUND_BLOCKED,
)
"""The cases that something must be done about, the most pressing first. A surplus goes back by itself."""
_STEPS = {
    Kind.PAYMENT_HELD: "decide",
    Kind.PAYMENT_MISMATCH: "compare_books",
    Kind.PAYMENT_KEPT: "watch_payment",
    Kind.REFUND_TOO_MUCH: "compare_books",
    Kind.REFUND_ABNORMAL: "redirect_refund",
    Kind.REFUND_MISMATCH: "decide",
    Kind.REFUND_CLOSED: "refund_otherwise",
    Kind.REFUND_BLOCKED: "unblock_refund",
}
_WAITING = frozenset({AttemptState.CREATED, AttemptState.PENDING})
_CAME_IN = frozenset({AttemptState.SUCCEEDED, AttemptState.SURPLUS})
_UNCLEAR = frozenset({"unavailable", "uncertain", "untrusted"})


def where_it_stands(facts: Facts, now: datetime) -> Saying:
    """One sentence: is the money there, is anything owed, what are we waiting for and when do we ask next.

    Its code is the most pressing matter's, or else that of the money.
    """
    status = _money(facts)
    matters = [*_case_matters(facts, now), *_refund_matters(facts), *_webhook_matters(facts, now)]
    returned = [*_returned(facts)]
    waiting = [*_payable(facts, now), *_asking(facts, now)]
    if not matters and not waiting:
        waiting = [Saying("settled", STANDS["settled"])]
    clauses = [status, *matters, *returned, *waiting]
    text = Words(
        "; ".join(clause.text.en for clause in clauses) + ".", "；".join(clause.text.zh for clause in clauses) + "。"
    )
    return Saying([*matters, *returned, status][0].code, text)


def what_to_do(facts: Facts, now: datetime) -> tuple[Saying, ...]:
    """What a person can do now, the most pressing first. Nothing where there is nothing to do."""
    steps = [
        *(_step_of(facts, case, now) for case in _open_cases(facts)),
        *_call_steps(facts),
        *_notice_steps(facts, now),
        *_payment_steps(facts),
        *_webhook_steps(facts),
        *_late_steps(facts, now),
    ]
    return tuple(dict.fromkeys(steps))


# Where it stands ------------------------------------------------------------------------------------------------------


def _money(facts: Facts) -> Saying:
    order = facts.order
    if order.status == OrderStatus.PAID:
        return _paid(facts)
    if order.status == OrderStatus.CLOSED:
        return Saying("closed", STANDS["closed"])
    if not facts.attempts:
        return Saying("open_new", STANDS["open_new"])
    if any(attempt.state == AttemptState.HELD for attempt in facts.attempts):
        return Saying("open_held", STANDS["open_held"])
    waiting = [attempt for attempt in facts.attempts if attempt.state in _WAITING]
    if not waiting:
        return Saying("open_failed", STANDS["open_failed"])
    unclear = next(filter(None, (_unclear(facts, attempt) for attempt in waiting)), None)
    if unclear:
        return Saying("open_unknown", say(STANDS["open_unknown"], code=unclear.code))
    return Saying("open_waiting", STANDS["open_waiting"])


def _paid(facts: Facts) -> Saying:
    winner = next(each for each in facts.attempts if each.attempt_id == facts.order.paid_attempt_id)
    refunded = _gone_back(facts, winner)
    values = {
        "amount": money(winner.collected),
        "refunded": money(refunded),
        "kept": money(winner.collected - refunded),
    }
    code = "paid" if not refunded else "partly_refunded" if refunded < winner.collected else "refunded"
    return Saying(code, say(STANDS[code], **values))


def _unclear(facts: Facts, attempt: Attempt) -> Call | None:
    """The last call about an attempt, if it leaves open whether it was paid. A prepare that never reached the gateway
    does not: nobody can pay what was not prepared."""
    last = next((call for call in reversed(facts.calls) if _is_about(call, attempt)), None)
    if last is None or last.outcome not in _UNCLEAR or (last.verb, last.outcome) == ("prepare", "unavailable"):
        return None
    return None if attempt.prepared_at and attempt.prepared_at > last.asked_at else last


def _case_matters(facts: Facts, now: datetime) -> Iterator[Saying]:
    for case in _open_cases(facts):
        due = case.due_at - now
        values: dict[str, object] = {
            "due": say(words.DUE_IN, span=span(due)) if due > timedelta(0) else say(words.OVERDUE, span=span(-due))
        }
        if case.kind in (Kind.PAYMENT_HELD, Kind.PAYMENT_MISMATCH, Kind.PAYMENT_KEPT):
            attempt = next(each for each in facts.attempts if each.attempt_id == case.attempt_id)
            values["reason"] = word(words.REASONS, case.detail.get("reason") or attempt.reason or "")
            values["received"] = money(attempt.collected)
        else:
            refund = _refund_of(facts, case)
            amount = _surplus(refund.amount) if refund.origin == Origin.SURPLUS else money(refund.amount)
            values |= {"amount": amount, "code": refund.state_reason or refund.state}
        yield Saying(case.kind, say(STANDS[case.kind], **values))


def _refund_matters(facts: Facts) -> Iterator[Saying]:
    spoken_for = {case.refund_id for case in _open_cases(facts)}
    on_the_way = [r for r in facts.refunds if r.state in ("requested", "sent") and r.refund_id not in spoken_for]
    for attempt in _surpluses(facts):
        refunds = [r for r in facts.refunds if r.attempt_id == attempt.attempt_id]
        if not refunds or any(refund in on_the_way for refund in refunds):
            yield Saying("surplus_waiting", say(STANDS["surplus_waiting"], amount=_surplus(attempt.collected)))
    going = sum(refund.amount for refund in on_the_way if refund.origin == "merchant")
    if going:
        yield Saying("refund_going", say(STANDS["refund_going"], amount=money(going)))


def _returned(facts: Facts) -> Iterator[Saying]:
    amount = sum(_gone_back(facts, attempt) for attempt in _surpluses(facts))
    if amount:
        yield Saying("surplus_returned", say(STANDS["surplus_returned"], amount=_surplus(amount)))


def _surplus(amount: int) -> Words:
    return say(STANDS["surplus"], amount=money(amount))


def _webhook_matters(facts: Facts, now: datetime) -> Iterator[Saying]:
    """One for each endpoint: what it does not take now it did not take before either."""
    for delivery, outcome in {each[0].endpoint_id: each for each in _troubled(facts)}.values():
        code = "webhook_given_up" if delivery.state == "exhausted" else "webhook_failing"
        values = {"host": host_of(delivery.url), "type": delivery.type, "outcome": outcome}
        yield Saying(code, say(STANDS[code], due=_in(delivery.due_at, now), **values))


def _payable(facts: Facts, now: datetime) -> Iterator[Saying]:
    is_held = any(attempt.state == AttemptState.HELD for attempt in facts.attempts)
    if facts.order.status == OrderStatus.OPEN and not is_held:
        left = facts.order.expires_at - now
        code = "payable" if left > timedelta(0) else "expired"
        yield Saying(code, say(STANDS[code], span=span(left)))


def _asking(facts: Facts, now: datetime) -> Iterator[Saying]:
    due = _next_due(facts)
    if due and due < now - _LATE:
        yield Saying("asking_late", say(STANDS["asking_late"], span=span(now - due)))
    elif due:
        yield Saying("asking", say(STANDS["asking"], span=span(due - now)))


# What to do next ------------------------------------------------------------------------------------------------------


def _step_of(facts: Facts, case: Case, now: datetime) -> Saying:
    values: dict[str, object] = {"case_id": case.case_id, "choices": " | ".join(facts.choices.get(case.case_id, ()))}
    code = _STEPS[Kind(case.kind)]
    if case.refund_id:
        refund = _refund_of(facts, case)
        cure = facts.advice.get((refund.account_id, refund.state_reason or "")) or words.CURES["rejected"]
        values |= {"refund_id": refund.refund_id, "amount": money(refund.amount)}
        values |= {"cure": _clause(cure), "due": _in(refund.ask_at, now)}
        surplus = _open_surplus_case(facts, refund)
        if code == "refund_otherwise" and surplus:
            code, values["case_id"] = "return_again", surplus.case_id
    return Saying(code, say(NEXT[code], **values))


def _open_surplus_case(facts: Facts, refund: Refund) -> Case | None:
    """The case of the surplus payment that a refund was to send back."""
    for case, _ in facts.cases:
        if (case.kind, case.status, case.attempt_id) == (Kind.PAYMENT_SURPLUS, "open", refund.attempt_id):
            return case
    return None


def _call_steps(facts: Facts) -> Iterator[Saying]:
    """For each thing we still want of a gateway and did not get when we last asked: how to mend that."""
    last = {(call.attempt_id, call.refund_id, call.verb): call for call in facts.calls}
    for call in last.values():
        cure = cure_of(facts, call)
        # After an uncertain one we ask before all else, by ourselves.
        if cure and call.outcome != "uncertain" and _is_wanted(facts, call):
            yield Saying("mend_call", say(NEXT["mend_call"], code=call.code, cure=cure))


def _is_wanted(facts: Facts, call: Call) -> bool:
    spoken_for = {case.refund_id for case in _open_cases(facts)}
    for refund in facts.refunds:
        if refund.refund_id == call.refund_id:
            return refund.state in ("requested", "sent") and refund.refund_id not in spoken_for
    for attempt in facts.attempts:
        if attempt.attempt_id == call.attempt_id:
            is_prepared_since = bool(attempt.prepared_at and attempt.prepared_at > call.asked_at)
            failed = attempt.state == AttemptState.FAILED and facts.order.status == OrderStatus.OPEN
            return not is_prepared_since and (failed or attempt.state in _WAITING)
    return False


def _notice_steps(facts: Facts, now: datetime) -> Iterator[Saying]:
    told_of = {notice.attempt_id for notice in facts.notices if notice.refund_id is None}
    silent = [each for each in facts.attempts if each.state in _CAME_IN and each.attempt_id not in told_of]
    if facts.refused and (silent or facts.order.status == OrderStatus.OPEN):
        notice = facts.refused[-1]
        values = {"verdict": verdict_of(notice), "notice_id": notice.notice_id}
        yield Saying("read_notice", say(NEXT["read_notice"], **values))
    elif any(attempt.settled_at and attempt.settled_at < now - _LATE for attempt in silent):
        url = facts.notify_urls.get(silent[0].account_id, "")
        yield Saying("check_notify_url", say(NEXT["check_notify_url"], url=url))


def _payment_steps(facts: Facts) -> Iterator[Saying]:
    if facts.order.status != OrderStatus.OPEN or not facts.attempts:
        return
    prepared = [each for each in facts.attempts if each.state in _WAITING and each.prepared_at]
    if prepared:
        attempt_id = " / ".join(attempt.attempt_id for attempt in prepared)
        yield Saying("compare_bill", say(NEXT["compare_bill"], attempt_id=attempt_id))
    elif all(each.state in (AttemptState.FAILED, AttemptState.CLOSED) for each in facts.attempts):
        yield Saying("pay_again", NEXT["pay_again"])


def _webhook_steps(facts: Facts) -> Iterator[Saying]:
    for delivery, outcome in _troubled(facts):
        code = "mend_webhook" if delivery.state == "exhausted" else "watch_webhook"
        values = {
            "host": host_of(delivery.url),
            "outcome": outcome,
            "merchant_id": delivery.merchant_id,
            "endpoint_id": delivery.endpoint_id,
            "event_id": delivery.event_id,
        }
        yield Saying(code, say(NEXT[code], **values))


def _late_steps(facts: Facts, now: datetime) -> Iterator[Saying]:
    dues = [_next_due(facts), facts.order.expire_due_at, *(delivery.due_at for delivery, _ in facts.deliveries)]
    due = min((moment for moment in dues if moment), default=now)
    if due < now - _LATE:
        yield Saying("start_worker", say(NEXT["start_worker"], span=span(now - due)))


# What both look at ----------------------------------------------------------------------------------------------------


def _open_cases(facts: Facts) -> list[Case]:
    """The open cases that something must be done about, the most pressing first."""
    return sorted(
        (case for case, _ in facts.cases if case.status == "open" and case.kind in _PRESSING),
        key=lambda case: _PRESSING.index(Kind(case.kind)),
    )


def _refund_of(facts: Facts, case: Case) -> Refund:
    return next(refund for refund in facts.refunds if refund.refund_id == case.refund_id)


def _surpluses(facts: Facts) -> list[Attempt]:
    return [attempt for attempt in facts.attempts if attempt.state == AttemptState.SURPLUS]


def _gone_back(facts: Facts, attempt: Attempt) -> int:
    refunds = (refund for refund in facts.refunds if refund.attempt_id == attempt.attempt_id)
    return sum(refund.amount for refund in refunds if refund.state == "succeeded")


def _next_due(facts: Facts) -> datetime | None:
    """When we ask a gateway about this order next, or send something back."""
    dues = [due for attempt in facts.attempts for due in (attempt.ask_at, attempt.return_at)]
    dues += [refund.ask_at for refund in facts.refunds]
    return min((due for due in dues if due), default=None)


def _troubled(facts: Facts) -> Iterator[tuple[Delivery, Words]]:
    """What the merchant was not told although we tried, and why not."""
    for delivery, tries in facts.deliveries:
        if delivery.state == "exhausted" or (delivery.state == "pending" and tries):
            yield delivery, outcome_of(tries[-1]) if tries else words.OUTCOMES["disabled"]


def _is_about(call: Call, attempt: Attempt) -> bool:
    return call.attempt_id == attempt.attempt_id and call.refund_id is None


def _in(due: datetime | None, now: datetime) -> Words:
    return say(words.IN, span=span(due - now)) if due and due > now else words.AT_ONCE


def _clause(sentence: Words) -> Words:
    """A sentence without its full stop."""
    return Words(sentence.en.rstrip("."), sentence.zh.rstrip("。"))
