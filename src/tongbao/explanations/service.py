"""Gathering what is known, and having it told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tongbao import callbacks, cases, decisions, journal, ledger, merchants, payments, refunds, webhooks
from tongbao.callbacks import KeptNotice
from tongbao.channels import Diagnosis
from tongbao.explanations import rules, sentences, store, story
from tongbao.explanations.model import Explanation, Facts, NoticeExplanation
from tongbao.explanations.words import say
from tongbao.journal import Call
from tongbao.kit import clock
from tongbao.kit.db import Db
from tongbao.kit.words import Words
from tongbao.merchants import Account, Directory
from tongbao.payments import Attempt
from tongbao.refunds import Refund

_MOST_UNPROVEN = 5
_MOST_DELIVERIES = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """What an id leads to: a notice, or an order (its own id, or that of an attempt, refund or case of it)."""

    merchant_id: str
    order_id: str | None = None
    notice_id: str | None = None


async def find(db: Db, some_id: str) -> Subject | None:
    """What is of that id, whosever it is: for operators. None where nothing is."""
    found = await store.order_of(db, some_id)
    if found:
        return Subject(found[0], order_id=found[1])
    merchant_id = await store.merchant_of_notice(db, some_id)
    return Subject(merchant_id, notice_id=some_id) if merchant_id else None


async def explain_order(db: Db, directory: Directory, merchant_id: str, order_id: str) -> Explanation:
    """The story of an order, where it stands, and what to do next. Raises Refusal `order_not_found` (404)."""
    await payments.get_order(db, merchant_id, order_id)
    facts = await _gather(db, directory, merchant_id, order_id)
    now = clock.now()
    return Explanation(order_id, rules.where_it_stands(facts, now), rules.what_to_do(facts, now), story.tell(facts))


async def explain_notice(db: Db, directory: Directory, merchant_id: str, notice_id: str) -> NoticeExplanation:
    """What became of a notice: which of key, serial, time, body or account is wrong, and the cure.

    Of other accounts only the same merchant's are tried. Raises Refusal `notice_not_found` (404).
    """
    notice = await callbacks.get_notice(db, merchant_id, notice_id)
    diagnosis = await _diagnose(directory, notice, notice.account_id)
    others = await merchants.list_accounts(db, merchant_id) if _may_be_anothers(diagnosis) else []
    if await _provers(directory, notice, others):
        diagnosis = Diagnosis("account", sentences.ANOTHER_ACCOUNT, sentences.MEND_ADDRESS)
    about = notice.refund_id or notice.attempt_id
    order = await store.order_of(db, about) if about else None
    order_id = order[1] if order else None
    finding, cure = _finding(notice, diagnosis, order_id)
    return NoticeExplanation(
        notice_id=notice.notice_id,
        order_id=order_id,
        received_at=notice.received_at,
        verdict=notice.verdict,
        detail=story.verdict_of(notice),
        wrong=diagnosis.wrong,
        finding=finding,
        cure=cure,
    )


async def proven_elsewhere(db: Db, directory: Directory, merchant_id: str, notice_id: str) -> list[Account]:
    """The accounts of the whole installation, other than the one it came to, for which a notice is proven.

    For operators: it may name other merchants. Raises Refusal `notice_not_found` (404).
    """
    notice = await callbacks.get_notice(db, merchant_id, notice_id)
    if not _may_be_anothers(await _diagnose(directory, notice, notice.account_id)):
        return []
    found = []
    for merchant in await merchants.list_merchants(db):
        accounts = await merchants.list_accounts(db, merchant.merchant_id)
        found += await _provers(directory, notice, accounts)
    return found


async def _gather(db: Db, directory: Directory, merchant_id: str, order_id: str) -> Facts:
    """What refers is read before what it refers to, so that nothing refers to what was not there yet."""
    known_cases = await cases.list_cases(db, merchant_id, order_id=order_id)
    calls = await journal.calls_of(db, merchant_id, order_id)
    notices = await callbacks.notices_of_order(db, merchant_id, order_id)
    known_refunds = await refunds.refunds_of(db, merchant_id, order_id)
    deliveries = await webhooks.deliveries_of(db, merchant_id, order_id=order_id, limit=_MOST_DELIVERIES)
    order, attempts = await payments.get_order(db, merchant_id, order_id)
    account_ids = {attempt.account_id for attempt in attempts}
    accounts = {account_id: await directory.account(account_id) for account_id in account_ids}
    codes = [*_codes(calls, attempts, known_refunds)]
    return Facts(
        order=order,
        attempts=attempts,
        calls=calls,
        notices=notices,
        refused=await _unproven(db, merchant_id, attempts),
        refunds=known_refunds,
        cases=[(case, await cases.history_of(db, merchant_id, case.case_id)) for case in known_cases],
        postings=await ledger.postings_of(db, merchant_id, order_id),
        deliveries=[
            (each, await webhooks.tries_of(db, merchant_id, each.event_id, each.endpoint_id))
            for each in reversed(deliveries)
        ],
        advice={
            (account_id, code): advice
            for account_id, (_, channel) in accounts.items()
            for code in codes
            if (advice := channel.advice(code))
        },
        choices={case.case_id: decisions.resolutions_of(case) for case in known_cases},
        notify_urls={account_id: directory.notify_url(account) for account_id, (account, _) in accounts.items()},
    )


def _codes(calls: Iterable[Call], attempts: Iterable[Attempt], known_refunds: Iterable[Refund]) -> Iterable[str]:
    """The codes that may need advice."""
    yield from (call.code for call in calls if call.outcome != "answered")
    yield from (attempt.reason for attempt in attempts if attempt.reason)
    yield from (refund.state_reason for refund in known_refunds if refund.state_reason)


async def _unproven(db: Db, merchant_id: str, attempts: Sequence[Attempt]) -> list[KeptNotice]:
    """What came to the accounts while an attempt waited for its result."""
    if not attempts:
        return []
    since = min(attempt.created_at for attempt in attempts)
    until = max(attempt.settled_at or clock.now() for attempt in attempts)
    account_ids = [attempt.account_id for attempt in attempts]
    return await store.unproven(db, merchant_id, account_ids, since, until, _MOST_UNPROVEN)


async def _diagnose(directory: Directory, notice: KeptNotice, account_id: str) -> Diagnosis:
    _, channel = await directory.account(account_id)
    return channel.diagnose(notice.headers, notice.body, notice.received_at)


def _may_be_anothers(diagnosis: Diagnosis) -> bool:
    return diagnosis.wrong not in ("nothing", "time")


async def _provers(directory: Directory, notice: KeptNotice, accounts: Iterable[Account]) -> list[Account]:
    """Those of the accounts, other than the one it came to, for which a notice is proven."""
    return [
        account
        for account in accounts
        if account.account_id != notice.account_id
        and (await _diagnose(directory, notice, account.account_id)).wrong == "nothing"
    ]


def _finding(notice: KeptNotice, diagnosis: Diagnosis, order_id: str | None) -> tuple[Words, Words]:
    """What was seen and what to do about it. A notice that is proven can still be one that we could not apply."""
    if diagnosis.wrong == "nothing" and notice.verdict in sentences.BELIEVED:
        finding, cure = sentences.BELIEVED[notice.verdict]
        return finding, say(cure, order_id=order_id)
    if diagnosis.wrong == "nothing" and notice.verdict == "serial_unknown":
        return sentences.PROVEN_SINCE, sentences.SENT_AGAIN
    return diagnosis.finding, diagnosis.cure
