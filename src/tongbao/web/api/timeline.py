"""GET /v1/orders/{id}/timeline: the walk of a payment in twelve steps, with the books' lines it left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from tongbao import callbacks, ledger, payments, webhooks
from tongbao.callbacks import KeptNotice
from tongbao.ledger import Posting
from tongbao.payments import Attempt, Order
from tongbao.web.api.auth import authenticate_merchant
from tongbao.web.api.schemas import dump, refusals
from tongbao.web.context import context_of
from tongbao.webhooks import Delivery

router = APIRouter(prefix="/v1", tags=["orders"])

_TITLES = (
    ("order", "The merchant's server opens the order", "商户服务器创建订单"),
    ("pay", "The buyer's side asks to pay", "买家端请求支付"),
    ("remember", "The attempt is written down, the chase planned", "记录支付尝试并计划查询"),
    ("ask", "The gateway is asked to prepare (signed, verified)", "向支付渠道下单（签名、验签）"),
    ("answer", "Its answer is written down, the phone may pay", "记录应答，手机可以支付"),
    ("notice", "The gateway's notification is verified", "验证支付渠道的通知"),
    ("settle", "Its word enters by the one door", "结果从唯一入口进入"),
    ("decide", "The rules decide", "规则判定"),
    ("move", "Attempt and order move", "支付尝试与订单状态变更"),
    ("post", "The ledger posts", "账本记账"),
    ("publish", "The event is published", "发布事件"),
    ("deliver", "The webhook is delivered", "回调送达商户"),
)


class TimelineAnswer(BaseModel):
    """The twelve steps (`at` is null for those that have not happened), and what they left in the books."""

    order_id: str
    steps: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]


@router.get(
    "/orders/{order_id}/timeline",
    summary="See how an order was paid",
    responses={200: {"model": TimelineAnswer}, **refusals(401, 403, 404)},
)
async def timeline(request: Request, order_id: str) -> Response:
    """What happened to an order, step by step, with times, ledger lines, notices and webhook deliveries."""
    context = context_of(request)
    principal = await authenticate_merchant(request, context.db)
    order, attempts = await payments.get_order(context.db, principal.merchant_id, order_id)
    attempt = next((each for each in attempts if each.attempt_id == order.paid_attempt_id), None)
    attempt = attempt or (attempts[-1] if attempts else None)
    postings = await ledger.postings_of(context.db, principal.merchant_id, order_id)
    deliveries = await webhooks.deliveries_of(context.db, principal.merchant_id, order_id=order_id)
    notices = await callbacks.notices_of_order(context.db, principal.merchant_id, order_id)
    answer = {
        "order_id": order_id,
        "steps": _steps(order, attempt, notices, postings, deliveries),
        "ledger": [_line(posting) for posting in postings],
        "notices": [{"at": each.received_at, "verdict": each.verdict, "detail": each.detail} for each in notices],
        "deliveries": [
            {
                "event_id": each.event_id,
                "type": each.type,
                "state": each.state,
                "tries": each.tries,
                "delivered_at": each.delivered_at,
            }
            for each in deliveries
        ],
    }
    return Response(dump(answer), media_type="application/json")


def _steps(
    order: Order,
    attempt: Attempt | None,
    notices: Sequence[KeptNotice],
    postings: Sequence[Posting],
    deliveries: Sequence[Delivery],
) -> list[dict[str, Any]]:
    settled_at = attempt.settled_at if attempt else None
    notice = next((each for each in notices if each.received_at and settled_at), None)
    published = min((each.created_at for each in deliveries), default=settled_at)
    moments: list[tuple[datetime | None, str]] = [
        (order.created_at, order.reference),
        (attempt.created_at if attempt else None, f"{attempt.channel} {attempt.method}" if attempt else ""),
        (attempt.created_at if attempt else None, attempt.attempt_id if attempt else ""),
        (attempt.prepared_at if attempt else None, ""),
        (attempt.prepared_at if attempt else None, ""),
        (notice.received_at if notice else None, notice.verdict if notice else ""),
        (settled_at, ("by_notice" if notice else "by_asking") if settled_at else ""),
        (settled_at, (attempt.reason or attempt.state) if attempt else ""),
        (settled_at, order.status),
        (postings[0].posted_at if postings else None, ""),
        (published, deliveries[-1].type if deliveries else ""),
        (next((each.delivered_at for each in reversed(deliveries) if each.delivered_at), None), ""),
    ]
    return [
        {"step": number, "name": name, "title": {"en": english, "zh": chinese}, "at": at, "detail": detail}
        for number, ((name, english, chinese), (at, detail)) in enumerate(zip(_TITLES, moments, strict=True), 1)
    ]


def _line(posting: Posting) -> dict[str, Any]:
    return {
        "at": posting.posted_at,
        "debit_account": posting.debit_account,
        "credit_account": posting.credit_account,
        "amount": posting.amount,
        "currency": posting.currency,
    }
