"""From facts to lines, one for each thing that happened, in order of time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from tongbao.callbacks import KeptNotice
from tongbao.cases import Case, Entry
from tongbao.explanations import words
from tongbao.explanations.model import Facts, Line
from tongbao.explanations.sentences import STORY
from tongbao.explanations.words import money, say, word
from tongbao.journal import Call
from tongbao.kit.words import Words
from tongbao.ledger import Posting
from tongbao.payments import Attempt, Order
from tongbao.refunds import HANDED_OVER, Refund, RefundState
from tongbao.webhooks import Delivery, Try


def tell(facts: Facts) -> tuple[Line, ...]:
    """The whole story. What has the same time stands cause before effect: the sort keeps the order it is told in."""
    lines = [*_order_opened(facts.order)]
    for attempt in facts.attempts:
        lines += [_numbered(facts, attempt.attempt_id, line) for line in _attempt_begun(attempt)]
    lines += [_numbered(facts, call.attempt_id, _call(facts, call)) for call in facts.calls]
    lines += [_numbered(facts, each.attempt_id, _notice(each, "notice")) for each in facts.notices]
    lines += [_notice(notice, "notice_unproven") for notice in facts.refused]
    for attempt in facts.attempts:
        lines += [_numbered(facts, attempt.attempt_id, line) for line in _attempt_ended(attempt)]
    for refund in facts.refunds:
        lines += [_numbered(facts, refund.attempt_id, line) for line in _refund(refund)]
    for case, entries in facts.cases:
        lines += [_case(case, entry) for entry in entries]
    lines += [_posting(posting) for posting in facts.postings]
    for delivery, tries in facts.deliveries:
        lines += _delivery(delivery, tries)
    lines += _order_closed(facts.order)
    return tuple(sorted(lines, key=lambda line: line.at))


def cure_of(facts: Facts, call: Call) -> Words | None:
    """What to do about a call that failed: the channel's advice, or else what its kind of failure calls for."""
    if call.outcome == "answered":
        return None
    return facts.advice.get((account_of(facts, call), call.code)) or words.CURES.get(call.outcome)


def account_of(facts: Facts, call: Call) -> str:
    """The account through which a call was made."""
    accounts = {each.attempt_id: each.account_id for each in facts.attempts}
    accounts |= {each.refund_id: each.account_id for each in facts.refunds}
    return accounts.get(call.refund_id or call.attempt_id or "", "")


def host_of(url: str) -> str:
    """Who is told: of a webhook's URL only the host, for what stands behind it may be the merchant's secret."""
    return urlsplit(url).hostname or "?"


def outcome_of(tried: Try) -> Words:
    """What came of telling the merchant."""
    return say(word(words.OUTCOMES, tried.outcome), status=tried.status)


def verdict_of(notice: KeptNotice) -> Words:
    """The verdict on a notice, in words."""
    return words.VERDICTS.get(notice.verdict) or Words(notice.detail, notice.detail)


def _numbered(facts: Facts, attempt_id: str | None, line: Line) -> Line:
    """The line, saying of which payment it is where the order has several."""
    attempt_ids = [attempt.attempt_id for attempt in facts.attempts]
    if len(attempt_ids) == 1 or attempt_id not in attempt_ids:
        return line
    number = attempt_ids.index(attempt_id) + 1
    return replace(line, text=say(STORY["numbered"], number=number, text=line.text))


def _order_opened(order: Order) -> Iterator[Line]:
    text = say(STORY["order_opened"], reference=order.reference, amount=money(order.amount), subject=order.subject)
    yield Line(order.created_at, "order", "order_opened", text, order.order_id, order.amount)


def _order_closed(order: Order) -> Iterator[Line]:
    if order.closed_at:
        text = say(STORY["order_closed"], reason=word(words.REASONS, order.close_reason or ""))
        yield Line(order.closed_at, "order", "order_closed", text, order.order_id)


def _attempt_begun(attempt: Attempt) -> Iterator[Line]:
    id, method = attempt.attempt_id, {"channel": attempt.channel, "method": attempt.method}
    started = say(STORY["attempt_started"], id=id, **method)
    yield Line(attempt.created_at, "attempt", "attempt_started", started, id, attempt.amount)
    if attempt.prepared_at:
        code = _how_prepared(attempt)
        yield Line(attempt.prepared_at, "attempt", code, STORY[code], id)
    if attempt.paid_at:
        # Gateways tell whole seconds: one that began before we prepared it may have been the same moment.
        begun_at = attempt.prepared_at or attempt.created_at
        at = begun_at if attempt.paid_at == begun_at.replace(microsecond=0) else attempt.paid_at
        yield Line(at, "attempt", "attempt_paid", STORY["attempt_paid"], id, attempt.collected)


def _how_prepared(attempt: Attempt) -> str:
    """A token is what the gateway gave; an empty one was signed by us alone; a scanned code has none."""
    if attempt.token is None:
        return "attempt_asked"
    return "attempt_prepared" if attempt.token else "attempt_signed"


def _attempt_ended(attempt: Attempt) -> Iterator[Line]:
    if attempt.settled_at is None:
        return
    code = f"attempt_{attempt.state}"
    if attempt.reason in ("revived", "accepted"):
        code = f"attempt_{attempt.reason}"
    text = say(STORY[code], reason=word(words.REASONS, attempt.reason or attempt.state))
    amount = attempt.collected if attempt.state in ("succeeded", "surplus", "held") else None
    yield Line(attempt.settled_at, "attempt", code, text, attempt.attempt_id, amount)


def _call(facts: Facts, call: Call) -> Line:
    refund = next((each for each in facts.refunds if each.refund_id == call.refund_id), None)
    asked = say(word(words.ASKED, call.verb), amount=money(refund.amount) if refund else "")
    text = say(STORY[f"call_{call.outcome}"], asked=asked, code=_answer(facts, call))
    code = f"{call.verb}_{call.outcome}"
    return Line(call.asked_at, "call", code, text, call.call_id, None, cure_of(facts, call))


def _answer(facts: Facts, call: Call) -> str:
    """The gateway's word, with its message. A message may repeat what we sent: the buyer's name there is left out, and
    where a card was sent so is all of it."""
    if call.verb == "redirect_refund" or not call.detail:
        return call.code
    detail = call.detail
    for attempt in facts.attempts:
        detail = detail.replace(attempt.payer, "…") if attempt.payer else detail
    return f"{call.code} ({detail})"


def _notice(notice: KeptNotice, code: str) -> Line:
    text = say(STORY[code], verdict=verdict_of(notice))
    return Line(notice.received_at, "notice", f"notice_{notice.verdict}", text, notice.notice_id)


def _refund(refund: Refund) -> Iterator[Line]:
    values = {"amount": money(refund.amount), "reference": refund.reference}
    code = "refund_requested" if refund.origin == "merchant" else "refund_returning"
    text = say(STORY[code], reason=refund.reason, **values)
    yield Line(refund.created_at, "refund", code, text, refund.refund_id, refund.amount)
    if refund.sent_at:
        yield Line(refund.sent_at, "refund", "refund_sent", say(STORY["refund_sent"], **values), refund.refund_id)
    if refund.settled_at:
        # An abnormal refund has no end of its own: only a person's word ends it, or the gateway's later one.
        code = f"refund_{HANDED_OVER if refund.state == RefundState.ABNORMAL else refund.state}"
        text = say(STORY[code], reason=refund.state_reason or refund.state, **values)
        yield Line(refund.settled_at, "refund", code, text, refund.refund_id, refund.amount)


def _case(case: Case, entry: Entry) -> Line:
    note = say(words.COMMA, note="") if entry.note else Words("", "")
    values = {
        "who": word(words.WHO, entry.who),
        "kind": word(words.KINDS, case.kind),
        "resolution": word(words.RESOLUTIONS, case.resolution or ""),
        "note": entry.note if entry.what == "noted" else Words(note.en + entry.note, note.zh + entry.note),
    }
    code = f"case_{entry.what}"
    return Line(entry.at, "case", code, say(STORY[code], **values), case.case_id)


def _posting(posting: Posting) -> Line:
    debit, credit = (
        word(words.ACCOUNTS, account.partition(":")[0]) for account in (posting.debit_account, posting.credit_account)
    )
    text = say(STORY["posted"], debit=debit, credit=credit)
    return Line(posting.posted_at, "ledger", "posted", text, posting.posting_id, posting.amount)


def _delivery(delivery: Delivery, tries: Sequence[Try]) -> Iterator[Line]:
    values = {"type": delivery.type, "host": host_of(delivery.url)}
    if not tries:
        yield Line(delivery.created_at, "webhook", "published", say(STORY["published"], **values), delivery.event_id)
    for tried in tries:
        code = "delivered" if tried.outcome == "delivered" else "not_delivered"
        text = say(STORY[code], outcome=outcome_of(tried), **values)
        yield Line(tried.tried_at, "webhook", code, text, delivery.event_id)
