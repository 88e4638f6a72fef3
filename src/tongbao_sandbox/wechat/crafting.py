"""The hand that crafts notifications: of any order or refund, true or not, whole or spoiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tongbao_sandbox.gateway import ControlError, Surroundings
from tongbao_sandbox.wechat import letters, refunds
from tongbao_sandbox.wechat.buyer import Buyer
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.notify import Courier
from tongbao_sandbox.wechat.orders import transaction
from tongbao_sandbox.wechat.refund_desk import RefundDesk


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be told, to whom and where; `facts` are for the log."""

    mchid: str
    told: dict[str, Any]
    url: str
    facts: dict[str, object]


class Crafter:
    """Finds its orders as the buyer does, and its refunds as the refund desk does."""

    def __init__(
        self,
        around: Surroundings,
        merchants: Mapping[str, Merchant],
        buyer: Buyer,
        desk: RefundDesk,
        courier: Courier,
    ) -> None:
        self._around = around
        self._merchants = merchants
        self._buyer = buyer
        self._desk = desk
        self._courier = courier

    async def notify(self, wish: Mapping[str, Any]) -> object:
        """`{"out_trade_no" or "out_refund_no", "changes"?, "mutate"?, "url"?}`: send one crafted notification now, for
        any order, paid or not, or any refund, ended or not; answers the receiver's status and body. `changes` override
        fields of the transaction or refund before it is sealed and signed; `mutate` spoils the letter afterwards
        (amount, appid, mchid, out_trade_no, transaction_id, out_refund_no, refund_id, refund_status, currency, time,
        nonce, serial, signature, body, aad, key, timestamp, probe); `url` sends it elsewhere than it would go."""
        mutate, changes = str(wish.get("mutate", "none")), wish.get("changes", {})
        if not isinstance(changes, dict) or mutate not in letters.SPOILINGS:
            known = ", ".join(letters.SPOILINGS)
            raise ControlError(400, "wish_unreadable", f"changes is an object; mutate is one of {known}")
        now = self._around.clock.now()
        draft = self._draft(wish, now)
        merchant = self._merchants[draft.mchid]
        url = str(wish.get("url", draft.url))
        if not url.startswith(("http://", "https://")):
            raise ControlError(400, "wish_unreadable", f"url is not http or https: {url!r}")
        told = merged(draft.told, changes)
        body = letters.envelope(merchant, _event_type(told), told, now)
        reception = await self._courier.post(url, letters.SPOILINGS[mutate](merchant, body, now))
        summary = f"crafted notification (mutate: {mutate}, changed: {', '.join(changes) or 'nothing'})"
        self._around.log.write("wechat", "notification", summary, reception.verdict(), **draft.facts)
        return {"status": reception.status, "body": reception.text}

    def _draft(self, wish: Mapping[str, Any], now: float) -> Draft:
        """What the true notification would say, or will. Raises ControlError."""
        if "out_refund_no" in wish:
            refund = self._desk.refund(wish)
            facts = {"out_trade_no": refund.out_trade_no, "out_refund_no": refund.out_refund_no}
            told = refunds.notice(refund.as_if_ended(now))
            return Draft(refund.mchid, told, refund.notify_url, {"mchid": refund.mchid, **facts})
        order, _ = self._buyer.order(wish)
        told = transaction(order.as_if_paid(self._buyer.expected(order), now), now)
        url, facts = order.params.get("notify_url", ""), {"out_trade_no": order.out_trade_no}
        return Draft(order.mchid, told, url, {"mchid": order.mchid, **facts})


def _event_type(told: Mapping[str, Any]) -> str:
    """The event that goes with what is told; with a state that has none, that of success."""
    event_type = f"REFUND.{told.get('refund_status')}"
    if "refund_status" not in told:
        return "TRANSACTION.SUCCESS"
    return event_type if event_type in letters.EVENTS else "REFUND.SUCCESS"


def merged(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with `changes` laid over them, objects merged into objects."""
    result = dict(fields)
    for name, value in changes.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
