"""Refunds that have no final answer are sent again or asked about; surplus payments are sent back."""

from __future__ import annotations

import structlog

from tongbao import payments
from tongbao.jobs import gather
from tongbao.kit import clock
from tongbao.kit.db import Conflict, Db, Tx
from tongbao.kit.errors import ChannelError, Refusal, Rejected
from tongbao.merchants import Directory
from tongbao.refunds import rules, store
from tongbao.refunds.model import Refund, RefundState
from tongbao.refunds.service import ask, return_payment, send

_BATCH = 100
_log = structlog.get_logger()


async def chase_due(db: Db, directory: Directory) -> int:
    """Take up every refund whose time has come; returns how many were looked at."""
    due = await store.refunds_to_ask(db, clock.now(), _BATCH)
    await gather(_chase(db, directory, merchant_id, refund_id) for merchant_id, refund_id in due)
    return len(due)


async def return_surplus(db: Db, directory: Directory) -> int:
    """Send back every payment that its order did not need; returns how many were looked at."""
    due = await payments.attempts_to_return(db, clock.now(), _BATCH)
    await gather(_return(db, directory, merchant_id, attempt_id) for merchant_id, attempt_id in due)
    return len(due)


async def _chase(db: Db, directory: Directory, merchant_id: str, refund_id: str) -> None:
    try:
        async with db.tx() as tx:
            refund = await _claim(tx, merchant_id, refund_id)
    except Conflict:
        return
    if refund is None:
        return
    try:
        if refund.state == RefundState.REQUESTED or await _is_unknown_there(db, directory, refund):
            refund = await send(db, directory, refund)
            _log.info("refund sent again", refund_id=refund_id, asked=refund.asked, state=refund.state)
    except (ChannelError, Refusal) as error:
        _log.warning("refund chase", refund_id=refund_id, asked=refund.asked + 1, verdict="no_answer", code=error.code)


async def _is_unknown_there(db: Db, directory: Directory, refund: Refund) -> bool:
    """Ask about a refund. True where the gateway seemed to have taken it on, and knows nothing of it: then it is sent
    again, under its number. (Alipay, 4.12, has no word for one that did not work out.)"""
    try:
        settled = await ask(db, directory, refund)
    except Rejected as error:
        _, channel = await directory.account(refund.account_id)
        if refund.state == RefundState.SENT and channel.is_unknown_refund(error):
            return True
        raise
    _log.info("refund chase", refund_id=refund.refund_id, asked=refund.asked + 1, verdict=settled.decision.verdict)
    return False


async def _claim(tx: Tx, merchant_id: str, refund_id: str) -> Refund | None:
    refund = await store.refund(tx, merchant_id, refund_id)
    if refund is None or refund.ask_at is None or refund.ask_at > clock.now():
        return None
    store.plan_ask(tx, refund, rules.next_ask_at(refund.asked + 1, clock.now()))
    return refund


async def _return(db: Db, directory: Directory, merchant_id: str, attempt_id: str) -> None:
    try:
        refund = await return_payment(db, directory, merchant_id, attempt_id)
    except (ChannelError, Refusal, Conflict) as error:
        _log.warning("surplus not sent back yet", attempt_id=attempt_id, reason=str(error))
        return
    if refund:
        _log.info("surplus sent back", attempt_id=attempt_id, refund_id=refund.refund_id, state=refund.state)
