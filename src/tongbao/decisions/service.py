"""Closing a case is a decision: here it takes effect, in the transaction that closes the case."""

from __future__ import annotations

from collections.abc import Mapping

from tongbao import cases, payments, refunds
from tongbao.cases import Case, Kind
from tongbao.kit import clock
from tongbao.kit.db import Conflict, Db, Tx
from tongbao.kit.errors import Refusal
from tongbao.merchants import Directory

HANDLED = "handled"
"""Somebody has seen to it, and nothing is left for us to do."""
RETURN_AGAIN = "return_again"
"""Send a surplus payment back once more, after the gateway closed the refund of it."""

_OURSELVES = frozenset({"tongbao", "policy", "the gateway"})

RESOLUTIONS: Mapping[str, tuple[str, ...]] = {
    Kind.PAYMENT_HELD: tuple(payments.Resolution),
    Kind.PAYMENT_SURPLUS: (RETURN_AGAIN, HANDLED),
    Kind.REFUND_ABNORMAL: (refunds.HANDED_OVER,),
    Kind.REFUND_CLOSED: (HANDLED,),
    Kind.REFUND_BLOCKED: (HANDLED,),
    Kind.REFUND_MISMATCH: (HANDLED,),
    Kind.REFUND_TOO_MUCH: (HANDLED,),
    Kind.PAYMENT_MISMATCH: (HANDLED,),
    Kind.PAYMENT_KEPT: (HANDLED,),
}
"""Everything that can be decided about a kind of case. What a held payment is may leave less: see `resolutions_of`."""


def resolutions_of(case: Case) -> tuple[str, ...]:
    """What a person can decide about a case; nothing once it is closed."""
    if case.status != "open":
        return ()
    if case.kind == Kind.PAYMENT_HELD:
        held = case.detail
        return payments.resolutions(held["reason"], held["received_amount"], held["order_status"])
    return RESOLUTIONS[case.kind]


async def close_case(
    db: Db, directory: Directory, merchant_id: str, case_id: str, resolution: str, by: str, note: str
) -> Case:
    """Decide a case: what was decided is done, and the case closed with it. Returns the case as it is then.

    Raises Refusal: `case_not_found` (404), `case_closed` (409), `reserved_name`, `unknown_resolution` (422, with the
    `resolutions` there are), `payment_not_held`, `refund_not_abnormal` (409: it was resolved meanwhile),
    `payment_not_confirmed` (409: the gateway does not say that this money came in), `nothing_to_return` (409);
    `channel_unavailable` and alike where the gateway must be asked first and does not answer.
    """
    check_name(by)
    case = _open(await cases.get_case(db, merchant_id, case_id))
    if resolution not in resolutions_of(case):
        raise Refusal("unknown_resolution", 422, resolutions=", ".join(resolutions_of(case)))
    if resolution == RETURN_AGAIN:
        # The case stays open: it closes by itself once the money is back.
        await _return_again(db, directory, case, by, note)
    else:
        await _ask_first(db, directory, case, resolution)
        try:
            await db.run(lambda tx: _close(tx, merchant_id, case_id, resolution, by, note))
        except Conflict:
            raise Refusal("conflict", 409) from None
    return await cases.get_case(db, merchant_id, case_id)


def check_name(by: str) -> None:
    """Nobody signs with what the history calls ourselves. Raises Refusal `reserved_name` (422)."""
    if by.strip().lower() in _OURSELVES:
        raise Refusal("reserved_name", 422, name=by)


async def _ask_first(db: Db, directory: Directory, case: Case, resolution: str) -> None:
    """What a person knows may be old: where money follows from a decision, the gateway has the word before it."""
    if case.kind == Kind.PAYMENT_HELD and resolution != payments.Resolution.DISMISS:
        assert case.attempt_id is not None
        await payments.confirm_held(db, directory, case.merchant_id, case.attempt_id)
    if case.kind == Kind.REFUND_ABNORMAL:
        assert case.refund_id is not None
        await refunds.confirm_abnormal(db, directory, case.merchant_id, case.refund_id)


def _open(case: Case) -> Case:
    if case.status != "open":
        raise Refusal("case_closed", 409, case_id=case.case_id, resolution=case.resolution)
    return case


async def _close(tx: Tx, merchant_id: str, case_id: str, resolution: str, by: str, note: str) -> None:
    case = _open(await cases.get_case(tx, merchant_id, case_id))
    if case.kind == Kind.PAYMENT_HELD:
        assert case.attempt_id is not None
        await payments.resolve_held(tx, merchant_id, case.attempt_id, resolution, by, note)
    elif case.kind == Kind.REFUND_ABNORMAL:
        assert case.refund_id is not None
        await refunds.hand_over(tx, merchant_id, case.refund_id, by, note)
    else:
        cases.close_case(tx, case, by=by, resolution=resolution, note=note, at=clock.now())


async def _return_again(db: Db, directory: Directory, case: Case, by: str, note: str) -> None:
    assert case.attempt_id is not None
    before = await refunds.refunds_of(db, case.merchant_id, case.order_id)
    count = sum(each.attempt_id == case.attempt_id for each in before)
    refund = await refunds.return_payment(db, directory, case.merchant_id, case.attempt_id, again=f":{count + 1}")
    if refund is None:
        raise Refusal("nothing_to_return", 409, order_id=case.order_id)
    async with db.tx() as tx:
        cases.add_note(
            tx, case.merchant_id, case.case_id, by, f"{RETURN_AGAIN}: {refund.refund_id}. {note}", clock.now()
        )
