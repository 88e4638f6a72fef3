"""Asking for money back, and looking at what became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from tests.town import JSAPI, Answer, Shop


async def paid_order(shop: Shop, **changes: Any) -> dict[str, Any]:
    """An order of 1800 fen that has been paid."""
    order = await shop.order(payment=JSAPI, **changes)
    await shop.buyer_pays(order)
    return await shop.becomes(order["id"], "paid")


async def ask_back(shop: Shop, order_id: str, **wish: Any) -> Answer:
    """The merchant asks for a refund."""
    body = {"reference": f"back-{time.monotonic_ns()}", "reason": "凉了"} | wish
    return await shop.ask("POST", f"/v1/orders/{order_id}/refunds", json=body)


async def refund_becomes(shop: Shop, refund_id: str, *states: str, seconds: float = 20) -> dict[str, Any]:
    """Wait until a refund is in one of these states."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        refund: dict[str, Any] = (await shop.ask("GET", f"/v1/refunds/{refund_id}")).body
        if refund["state"] in states:
            return refund
        await asyncio.sleep(0.05)
    raise AssertionError(f"refund {refund_id} is {refund['state']} ({refund['state_reason']}), not {states}")


async def refunds_of(shop: Shop, order_id: str) -> list[dict[str, Any]]:
    refunds: list[dict[str, Any]] = (await shop.ask("GET", f"/v1/orders/{order_id}/refunds")).body
    return refunds


async def case_of(shop: Shop, order_id: str, kind: str, status: str = "open", seconds: float = 20) -> dict[str, Any]:
    """Wait until an order has a case of this kind in this status."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        answer = await shop.ask("GET", f"/v1/cases?order_id={order_id}&kind={kind}&status={status}")
        cases: list[dict[str, Any]] = answer.body if isinstance(answer.body, list) else answer.body["cases"]
        if cases:
            return cases[0]
        await asyncio.sleep(0.05)
    raise AssertionError(f"order {order_id} has no {status} case {kind}")


async def decide(shop: Shop, case: Mapping[str, Any], resolution: str) -> Answer:
    wish = {"resolution": resolution, "note": "looked at the bill", "by": "li.lei"}
    return await shop.ask("POST", f"/v1/cases/{case['id']}/close", json=wish)


async def refund_faults(shop: Shop, **faults: float) -> None:
    await shop.control("PUT", "/faults", {"wechat": {"refund": faults}})
