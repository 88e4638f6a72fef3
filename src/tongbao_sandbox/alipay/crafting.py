"""The hand that crafts notifications: of any trade or refund, true or not, whole or spoiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongbao_sandbox.alipay import letters, notices
from tongbao_sandbox.alipay.buyer import Buyer
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.notices import Courier
from tongbao_sandbox.alipay.trades import Refund
from tongbao_sandbox.gateway import ControlError, Surroundings


class Crafter:
    """Finds its trades as the buyer does."""

    def __init__(self, around: Surroundings, apps: Mapping[str, App], buyer: Buyer, courier: Courier) -> None:
        self._around = around
        self._apps = apps
        self._buyer = buyer
        self._courier = courier

    async def notify(self, wish: Mapping[str, Any]) -> object:
        """`{"out_trade_no", "out_request_no"?, "changes"?, "mutate"?, "url"?}`: send one crafted notification now, for
        any trade, paid or not, or any refund of it; answers the receiver's status and body. `changes` override fields
        before they are signed (null takes one away); `mutate` spoils the letter afterwards: changes the field of that
        name (total_amount, trade_status, out_trade_no, trade_no, app_id, seller_id …; added), or body, signature,
        unsigned, key, timestamp; `url` sends it elsewhere than it would go."""
        mutate, changes = str(wish.get("mutate", "none")), wish.get("changes", {})
        if not isinstance(changes, dict) or mutate not in letters.WRITINGS:
            known = ", ".join(letters.WRITINGS)
            raise ControlError(400, "wish_unreadable", f"changes is an object; mutate is one of {known}")
        trade, now = self._buyer.trade(wish), self._around.clock.now()
        app = self._apps[trade.app_id]
        url = str(wish.get("url", trade.draft.notify_url))
        if not url.startswith(("http://", "https://")):
            raise ControlError(400, "wish_unreadable", f"url is not http or https: {url!r}")
        refund: Refund | None = None
        if "out_request_no" in wish:
            refund = trade.refund(str(wish["out_request_no"]))
            if refund is None:
                raise ControlError(404, "REFUND_NOT_EXIST", "退款不存在")
        told = {**notices.told(app, trade.as_if_paid(now), now, refund), **changes}
        form = {name: str(value) for name, value in told.items() if value is not None}
        letter = letters.WRITINGS[mutate](app, form, trade.draft.certified, now)
        reception = await self._courier.post(url, letter)
        summary = f"crafted notification (mutate: {mutate}, changed: {', '.join(changes) or 'nothing'})"
        facts = {"app_id": trade.app_id, "out_trade_no": trade.out_trade_no}
        self._around.log.write("alipay", "notification", summary, reception.verdict(), **facts)
        return {"status": reception.status, "body": reception.text}
