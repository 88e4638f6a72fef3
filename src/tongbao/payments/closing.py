"""Making sure, at the gateway, that an attempt can never succeed."""

from __future__ import annotations

from functools import partial

from tongbao.channels import Channel
from tongbao.kit import clock
from tongbao.kit.db import Db, Tx
from tongbao.kit.errors import ChannelError, Refusal, Rejected
from tongbao.merchants import Account, Directory
from tongbao.payments import rules, store
from tongbao.payments.model import Attempt, OrderStatus
from tongbao.payments.rules import Verdict
from tongbao.payments.settling import (
    note_call,
    open_kept_case,
    settle_answer,
    unanswered,
    verdict_of,
    write_reversed,
)


async def close_at_gateway(db: Db, directory: Directory, attempt: Attempt) -> bool:
    """Close an attempt at its gateway. If it has been paid, settle that and raise Refusal (`order_paid`,
    `payment_held`); what is not answered is refused as `unanswered`.

    False where the gateway has not heard of it yet: a buyer may still bring it there until the order's time is over.
    """
    account, channel = await directory.account(attempt.account_id)
    method = channel.methods[attempt.method]
    if method.scans_buyer:
        await _reverse_unless_paid(db, account, channel, attempt)
        return True
    try:
        await channel.close(attempt.attempt_id)
    except ChannelError as error:
        await note_call(db, attempt, "close", error)
        if not isinstance(error, Rejected):
            raise unanswered(error) from error
        if channel.is_unknown_payment(error):
            return not method.is_late
        if not channel.is_already_paid(error):
            raise Refusal("close_rejected", 409, channel_code=error.code, channel_message=error.message) from error
        await learn(db, account, channel, attempt)
        raise await _paid(db, attempt) from error
    await note_call(db, attempt, "close")
    return True


async def learn(db: Db, account: Account, channel: Channel, attempt: Attempt) -> None:
    """The gateway says that it has been paid: learn how, or have it asked again."""
    try:
        await settle_answer(db, account, channel, attempt)
    except ChannelError as error:
        raise unanswered(error) from error


async def reverse(db: Db, channel: Channel, attempt: Attempt) -> None:
    """Undo a payment of a scanned code, of which the gateway says no end. Twice is harmless.

    That we ask is written down first: should the answer be lost, a later success may be from before, and is not
    believed. A gateway that knows of nothing to undo may hear of it yet: it is asked again. Raises the channel's
    errors, noted: then it is as open as before, and a case where the gateway refuses for certain.
    """
    if rules.is_open(attempt) and not await _is_marked(db, attempt):
        return  # It has ended meanwhile.
    look_at = None
    try:
        await channel.reverse(attempt.attempt_id, attempt.app_id)
    except ChannelError as error:
        await note_call(db, attempt, "reverse", error)
        if not isinstance(error, Rejected):
            raise
        if not channel.is_unknown_payment(error):
            await db.run(partial(_write_refused, attempt=attempt, code=error.code))
            raise
        look_at = rules.look_again_at(attempt, clock.now())
    else:
        await note_call(db, attempt, "reverse")

    async def remember(tx: Tx) -> None:
        found = await store.attempt(tx, attempt.merchant_id, attempt.attempt_id)
        if found and rules.is_open(found[1]):
            write_reversed(tx, *found, look_at)

    await db.run(remember)


async def _is_marked(db: Db, attempt: Attempt) -> bool:
    """Remember that the gateway is asked to undo a payment. False where that has ended meanwhile."""

    async def remember(tx: Tx) -> bool:
        found = await store.attempt(tx, attempt.merchant_id, attempt.attempt_id)
        if found is None or not rules.is_payable(found[1]):
            return False
        if found[1].reason != rules.REVERSING:
            store.mark_reversing(tx, found[1], rules.REVERSING)
        return True

    return await db.run(remember)


async def _write_refused(tx: Tx, attempt: Attempt, code: str) -> None:
    """A certain no: nothing was undone, so a success of it counts again."""
    found = await store.attempt(tx, attempt.merchant_id, attempt.attempt_id)
    if found and found[1].reason == rules.REVERSING:
        store.mark_reversing(tx, found[1], None)
        await open_kept_case(tx, found[1], code)


async def _reverse_unless_paid(db: Db, account: Account, channel: Channel, attempt: Attempt) -> None:
    try:
        if attempt.reason != rules.REVERSING and await _has_ended(db, account, channel, attempt):
            return
        await reverse(db, channel, attempt)
    except Rejected as error:
        raise Refusal("close_rejected", 409, channel_code=error.code, channel_message=error.message) from error
    except ChannelError as error:
        raise unanswered(error) from error


async def _has_ended(db: Db, account: Account, channel: Channel, attempt: Attempt) -> bool:
    """Whether a payment has ended unpaid, by its gateway's word of now. Raises Refusal where it was paid."""
    verdict = await verdict_of(db, account, channel, attempt)
    if verdict in rules.PAID_VERDICTS:
        raise await _paid(db, attempt)
    return verdict not in (Verdict.NO_NEWS, Verdict.UNKNOWN_PAYMENT)


async def _paid(db: Db, attempt: Attempt) -> Refusal:
    found = await store.order(db, attempt.merchant_id, attempt.order_id)
    assert found is not None, "an attempt is of an order that is there"
    code = "order_paid" if found[0].status == OrderStatus.PAID else "payment_held"
    return Refusal(code, 409, order_id=attempt.order_id)
