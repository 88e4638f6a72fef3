"""What can be asked about refunds over the control API: which there are, and that one ends now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongbao_sandbox.gateway import ControlError
from tongbao_sandbox.wechat import refunds
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.payouts import Payouts
from tongbao_sandbox.wechat.refunds import NEXT, PROCESSING, Refund, Refunds


class RefundDesk:
    """Each verb names its refund by `{"out_refund_no", "mchid"?}`; raises ControlError 404 for an unknown one."""

    def __init__(self, merchants: Mapping[str, Merchant], book_of_refunds: Refunds, payouts: Payouts) -> None:
        self._merchants = merchants
        self._refunds = book_of_refunds
        self._payouts = payouts

    async def finish(self, wish: Mapping[str, Any]) -> object:
        """`{"out_refund_no", "status": "SUCCESS"|"ABNORMAL"|"CLOSED", "mchid"?}`: this refund's end is now. Answers it
        as a query does, and sends the notification. One that has ended so already stays as it is; an abnormal one can
        still end well."""
        refund, status = self.refund(wish), str(wish.get("status"))
        if status not in NEXT[PROCESSING]:
            raise ControlError(400, "wish_unreadable", "status is SUCCESS, ABNORMAL or CLOSED")
        if status in NEXT[refund.status]:
            self._payouts.end(refund, status)
        elif status != refund.status:
            raise ControlError(409, "REFUND_ENDED", f"the refund is {refund.status} and cannot become {status}")
        return refunds.answer(refund)

    async def listing(self, wish: Mapping[str, Any]) -> object:
        """`?mchid=&out_trade_no=`, either or none: the refunds taken on, oldest first, as a query answers them, each
        with its merchant."""
        wanted = {name: wish[name] for name in ("mchid", "out_trade_no") if name in wish}
        fitting = (refund for refund in self._refunds if all(getattr(refund, name) == wanted[name] for name in wanted))
        return {"refunds": [{"mchid": refund.mchid} | refunds.answer(refund) for refund in fitting]}

    def refund(self, wish: Mapping[str, Any]) -> Refund:
        """The refund a wish names. Raises ControlError."""
        mchids = [str(wish["mchid"])] if "mchid" in wish else list(self._merchants)
        found = self._refunds.numbered(str(wish.get("out_refund_no")), mchids)
        if not found:
            raise ControlError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        if len(found) > 1:
            raise ControlError(409, "ambiguous", "several merchants have this out_refund_no: add mchid")
        return found[0]
