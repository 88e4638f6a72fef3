"""The counter: collecting at once from a buyer whose payment code was scanned.

An unknown result is asked about until it is sure, and else reversed, by the chase: never both. Two presses are one
payment: the code is known again by its hash, and it is kept nowhere itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from tongbao.channels import Channel
from tongbao.kit import clock
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import ChannelError, Refusal, Rejected, Unavailable
from tongbao.merchants import Account, Directory
from tongbao.payments import rules, store
from tongbao.payments.choosing import channel_for, charge_of, new_attempt
from tongbao.payments.model import Attempt, AttemptState, Choice, Order
from tongbao.payments.service import check_startable, get_order, write_failed
from tongbao.payments.settling import note_call, settle, settle_answer, unanswered

_ENDED_WELL = (AttemptState.SUCCEEDED, AttemptState.SURPLUS)


async def collect(
    db: Db, directory: Directory, merchant_id: str, order_id: str, choice: Choice, auth_code: str
) -> Attempt:
    """Collect an order with a payment code. The attempt's state tells: succeeded; or pending, while the buyer types a
    password or the gateway owes an answer: watch the order, which ends within some two minutes.

    Raises Refusal: `order_not_found`, `order_paid`, `order_closed`, `order_expired`, what `new_attempt` refuses,
    `payment_in_progress` (409: another code is being collected), `payment_rejected` (422, the gateway's certain no),
    `channel_unavailable` (503: it never heard of it, press again).
    """
    account, channel = await channel_for(directory, merchant_id, choice, None)
    code_hash = hashlib.sha256(auth_code.encode()).hexdigest()

    async def remember(tx: Tx) -> tuple[Order, Attempt, bool]:
        order, attempts = await get_order(tx, merchant_id, order_id)
        known = _same_press(channel, attempts, code_hash)
        if known:
            return order, known, False
        check_startable(order, attempts)
        attempt = new_attempt(directory, order, account, channel, choice, None)
        if not channel.methods[attempt.method].scans_buyer:
            raise Refusal("auth_code_not_taken", 422, method=attempt.method)
        attempt = replace(attempt, options={**attempt.options, rules.CODE_HASH: code_hash})
        store.touch_order(tx, order, None)
        store.insert_attempt(tx, attempt)
        return order, attempt, True

    order, attempt, is_new = await db.run(remember)
    if is_new:
        await _ask_to_pay(db, directory, account, channel, order, attempt, auth_code)
    elif rules.is_open(attempt):
        await _ask_how_it_stands(db, account, channel, attempt)
    _, attempts = await get_order(db, merchant_id, order_id)
    return next(each for each in attempts if each.attempt_id == attempt.attempt_id)


def _same_press(channel: Channel, attempts: tuple[Attempt, ...], code_hash: str) -> Attempt | None:
    """The attempt that an earlier press of the same code made, if it is under way or has succeeded. Raises Refusal
    `payment_in_progress` where another code is under way, of whichever wallet."""
    codes = [attempt for attempt in attempts if rules.CODE_HASH in attempt.options]
    for attempt in codes:
        is_same = (attempt.channel, attempt.options[rules.CODE_HASH]) == (channel.name, code_hash)
        if is_same and (attempt.state in _ENDED_WELL or rules.is_open(attempt)):
            return attempt
    if any(rules.is_open(attempt) for attempt in codes):
        raise Refusal("payment_in_progress", 409, order_id=codes[0].order_id)
    return None


async def _ask_to_pay(
    db: Db, directory: Directory, account: Account, channel: Channel, order: Order, attempt: Attempt, auth_code: str
) -> None:
    try:
        fact = await channel.collect(charge_of(directory, account, order, attempt), auth_code)
    except ChannelError as error:
        await note_call(db, attempt, "collect", error)
        if isinstance(error, Rejected) and channel.is_already_paid(error):
            # What carried our question may have asked it twice.
            await _under_way(db, attempt)
            await _ask_how_it_stands(db, account, channel, attempt)
        elif isinstance(error, (Rejected, Unavailable)):
            await _end(db, attempt, error.code)  # Nothing happened there, or it never heard us: a certain end.
            raise _refusal(error) from error
        else:
            await _under_way(db, attempt)
        return

    async def remember(tx: Tx) -> rules.Verdict:
        return (await settle(tx, account, channel.merchant_number, fact, asked=True)).decision.verdict

    if await db.run(remember) is rules.Verdict.NO_NEWS:
        await _under_way(db, attempt)


def _refusal(error: Rejected | Unavailable) -> Refusal:
    if isinstance(error, Rejected):
        return Refusal("payment_rejected", 422, channel_code=error.code, channel_message=error.message)
    return unanswered(error)


async def _ask_how_it_stands(db: Db, account: Account, channel: Channel, attempt: Attempt) -> None:
    try:
        await settle_answer(db, account, channel, attempt)
    except ChannelError:
        return  # It is noted, and the chase goes on asking.


async def _under_way(db: Db, attempt: Attempt) -> None:
    async def remember(tx: Tx) -> None:
        found = await store.attempt(tx, attempt.merchant_id, attempt.attempt_id)
        assert found is not None
        now_attempt, now = found[1], clock.now()
        if now_attempt.state == AttemptState.CREATED and now_attempt.reason is None:
            store.mark_prepared(tx, now_attempt, None, None, now)
        elif now_attempt.reason == rules.REVERSED:
            store.look_at(tx, now_attempt, now)  # It was reversed before the gateway had heard of it.

    await db.run(remember)


async def _end(db: Db, attempt: Attempt, reason: str) -> None:
    async def remember(tx: Tx) -> None:
        found = await store.attempt(tx, attempt.merchant_id, attempt.attempt_id)
        if found and rules.is_payable(found[1]):
            write_failed(tx, *found, reason)

    await db.run(remember)
