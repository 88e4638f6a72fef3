"""An account at Alipay that asks the scripted gateway, and what it is asked to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp

from tests.protocols import alipay_vectors
from tests.protocols.alipay_vectors import APP_ID, NOW, SELLER_ID
from tongbao import channels
from tongbao.channels import Channel, Charge, PayerKind, RefundOrder

ATTEMPT_ID, REFUND_ID = "att0000000000000000000000001", "rfd0000000000000000000000001"
CODE = "288888888888888888"


def settings(**changes: Any) -> dict[str, Any]:
    return alipay_vectors.settings(**{"seller_id": SELLER_ID, **changes})


def opened(transport: aiohttp.ClientSession, **changes: Any) -> Channel:
    return channels.open_channel("alipay", settings(**changes), transport, lambda: NOW)


def charge(method: str, **changes: Any) -> Charge:
    fields: dict[str, Any] = {
        "attempt_id": ATTEMPT_ID,
        "method": method,
        "amount": 101,
        "currency": "CNY",
        "subject": "拿铁 (large)",
        "expires_at": datetime(2023, 12, 21, 7, 24, 37, 999_999, tzinfo=UTC),
        "notify_url": "https://pay.example.com/notify/alipay/acc1",
        "app_id": APP_ID,
        "payer": "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5" if method == "create" else None,
        "payer_kind": PayerKind.OPEN_ID,
        "payer_app_id": "2021000122671080" if method == "create" else None,
    }
    return Charge(**fields | changes)


REFUND_ORDER = RefundOrder(
    refund_id=REFUND_ID,
    attempt_id=ATTEMPT_ID,
    amount=30,
    payment_amount=101,
    currency="CNY",
    reason="少了一杯",
    notify_url="https://pay.example.com/notify/alipay/acc1",
)
