"""What a notification tells, and how it goes out: of a payment, a refund, a close (protocol 7.1, 7.2, 7.4)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from tongbao_sandbox import courier
from tongbao_sandbox.alipay import letters
from tongbao_sandbox.alipay.answers import stamp, yuan
from tongbao_sandbox.alipay.credentials import USER_ID, App
from tongbao_sandbox.alipay.letters import Form
from tongbao_sandbox.alipay.trades import CLOSED, Refund, Trade


@dataclass(slots=True)
class Notification:
    """One notification on its way: its fields but for time and signature, which every try has anew.

    `tries` have been made, the next is due at `next_at`. A refund's has its `out_request_no`.
    """

    app_id: str
    out_trade_no: str
    url: str
    form: Form
    certified: bool
    next_at: float
    tries: int = 0
    out_request_no: str = ""


Courier = courier.Courier[Notification]


class Scribe:
    """Implements `courier.Scribe` for every app."""

    gateway = "alipay"
    gaps_seconds = (240, 600, 600, 3600, 7200, 21600, 54000)
    forgeries = letters.FORGERIES

    def __init__(self, apps: Mapping[str, App]) -> None:
        self._apps = apps

    def write(self, notification: Notification, way: str, now: float) -> courier.Letter | None:
        """The form under a signature made now, spoiled or not."""
        writing, app = letters.WRITINGS.get(way), self._apps[notification.app_id]
        return writing and writing(app, notification.form, notification.certified, now)

    def tamperings(self, notification: Notification) -> tuple[str, ...]:
        """A refund's notice has fields of its own."""
        return letters.TAMPERINGS[bool(notification.out_request_no)]

    def accepts(self, status: int, text: str) -> bool:
        """Only these seven bytes are a yes."""
        return status == 200 and text == "success"

    def event(self, notification: Notification) -> str:
        """The trade's status; a refund's notice says so."""
        status = notification.form["trade_status"]
        return f"{status} refund" if notification.out_request_no else status

    def facts(self, notification: Notification) -> dict[str, object]:
        """The app and the merchant's numbers."""
        facts: dict[str, object] = {"app_id": notification.app_id, "out_trade_no": notification.out_trade_no}
        return facts | {"out_request_no": notification.out_request_no} if notification.out_request_no else facts


def of_trade(app: App, trade: Trade, now: float, refund: Refund | None = None) -> Notification:
    """The trade as it is now, because of a refund perhaps. Every notification has an id of its own."""
    form = told(app, trade, now, refund)
    number = refund.out_request_no if refund else ""
    draft = trade.draft
    return Notification(
        app.app_id, trade.out_trade_no, draft.notify_url, form, draft.certified, now, out_request_no=number
    )


def told(app: App, trade: Trade, now: float, refund: Refund | None = None) -> Form:
    """A notification's fields, but for its time and its signature."""
    status = trade.status(now)
    form = {
        "app_id": app.app_id,
        "auth_app_id": app.app_id,
        "charset": "utf-8",
        "gmt_create": stamp(trade.created_at),
        "notify_id": f"{stamp(now)[:10].replace('-', '')}00222{secrets.randbelow(10**21):021d}",
        "notify_type": "trade_status_sync",
        "out_trade_no": trade.out_trade_no,
        "seller_id": app.seller_id,
        "sign_type": "RSA2",
        "subject": str(trade.draft.params["subject"]),
        "total_amount": yuan(trade.total),
        "trade_no": trade.trade_no,
        "trade_status": status,
        "version": "1.0",
    }
    form |= {name: str(trade.draft.params[name]) for name in _RETURNED if trade.draft.params.get(name)}
    form |= _buyer(app, trade) | _payment(trade)
    if refund is not None:
        form |= {"refund_fee": yuan(trade.refunded), "out_biz_no": refund.out_request_no}
        form["gmt_refund"] = f"{stamp(refund.done_at or now)}.{int((refund.done_at or now) * 1000) % 1000:03d}"
    return form | {"gmt_close": stamp(trade.closed_at or now)} if status == CLOSED else form


_RETURNED = ("body", "passback_params")


def _buyer(app: App, trade: Trade) -> Form:
    person = app.person(trade.buyer) if trade.buyer else None
    if person is None:
        return {}
    ids = {"buyer_id": person.user_id} if app.papers.identity == USER_ID else {"buyer_open_id": person.open_id}
    return ids | {"buyer_logon_id": person.logon_id}


def _payment(trade: Trade) -> Form:
    if trade.paid_at is None:
        return {}
    bill = [{"amount": yuan(trade.total), "fundChannel": "ALIPAYACCOUNT"}]
    amounts = dict.fromkeys(("buyer_pay_amount", "invoice_amount", "receipt_amount"), yuan(trade.total))
    facts = {"point_amount": "0.00", "fund_bill_list": orjson.dumps(bill).decode()}
    return amounts | facts | {"gmt_payment": stamp(trade.paid_at)}
