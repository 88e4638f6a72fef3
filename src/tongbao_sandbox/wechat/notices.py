"""What a notification tells, and where it goes: of a payment, and of a refund (protocol 4.3, 4.4, 5.5)."""

from __future__ import annotations

from tongbao_sandbox.wechat import letters, refunds
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.notify import Notification
from tongbao_sandbox.wechat.orders import Order, transaction
from tongbao_sandbox.wechat.refunds import Refund


def of_payment(merchant: Merchant, order: Order, now: float) -> Notification:
    """An order was paid. Sent as often as the buyer's phone says so."""
    body = letters.envelope(merchant, "TRANSACTION.SUCCESS", transaction(order.as_if_paid(order.payer, now), now), now)
    return Notification(order.mchid, order.out_trade_no, order.params["notify_url"], body.decode(), now)


def of_refund(merchant: Merchant, refund: Refund, now: float) -> Notification:
    """A refund has ended."""
    event_type, facts = f"REFUND.{refund.status}", (refund.mchid, refund.out_trade_no, refund.notify_url)
    body = letters.envelope(merchant, event_type, refunds.notice(refund), now).decode()
    return Notification(*facts, body, now, event_type=event_type, out_refund_no=refund.out_refund_no)
