"""Cases through the API: seen, noted on, decided by the merchant's people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.town import Answer, Shop, shop, town
from tongbao import cases
from tongbao.cases import Kind
from tongbao.kit import clock, ids

__all__ = ["shop", "town"]


async def opened(shop: Shop, key: str = "refund_closed:1", kind: Kind = Kind.REFUND_CLOSED, **what: Any) -> str:
    about: dict[str, Any] = {"order_id": ids.new("ord"), "due_in": timedelta(hours=1)}
    async with shop.db.tx() as tx:
        return cases.open_case(
            tx,
            merchant_id=shop.merchant_id,
            kind=kind,
            key=key,
            detail={"reason": "CLOSED", "amount": 1800},
            at=clock.now(),
            **about | what,
        )


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, answer.body["code"]


async def test_a_case_is_seen_noted_on_and_decided(shop: Shop) -> None:
    case_id = await opened(shop, refund_id="rfd1")
    [listed] = (await shop.ask("GET", "/v1/cases?status=open")).body
    assert (listed["id"], listed["kind"], listed["refund_id"], listed["status"]) == (
        case_id,
        "refund_closed",
        "rfd1",
        "open",
    )
    assert listed["resolutions"] == ["handled"]
    assert listed["detail"] == {"reason": "CLOSED", "amount": 1800}
    noted = await shop.ask("POST", f"/v1/cases/{case_id}/notes", json={"note": "问过买家", "by": "李伟"})
    assert (noted.status, noted.body["status"]) == (201, "open")
    decision = {"resolution": "handled", "note": "paid out in cash", "by": "李伟"}
    closed = await shop.ask("POST", f"/v1/cases/{case_id}/close", json=decision)
    assert closed.status == 200
    assert (closed.body["status"], closed.body["resolution"], closed.body["closed_by"]) == ("closed", "handled", "李伟")
    assert closed.body["resolutions"] == []
    read = await shop.ask("GET", f"/v1/cases/{case_id}")
    assert read.body == closed.body
    assert [(entry["what"], entry["who"], entry["note"]) for entry in read.body["history"]] == [
        ("opened", "tongbao", ""),
        ("noted", "李伟", "问过买家"),
        ("closed", "李伟", "paid out in cash"),
    ]
    assert refused(await shop.ask("POST", f"/v1/cases/{case_id}/close", json=decision)) == (409, "case_closed")


async def test_a_list_can_be_narrowed(shop: Shop) -> None:
    one = await opened(shop, "a", order_id="ord1")
    other = await opened(shop, "b", Kind.REFUND_BLOCKED)
    for query, expected in (
        ("", [one, other]),
        ("?kind=refund_blocked", [other]),
        ("?order_id=ord1", [one]),
        ("?status=closed", []),
        ("?limit=1", [one]),
    ):
        assert [case["id"] for case in (await shop.ask("GET", "/v1/cases" + query)).body] == expected
    for query in ("kind=unheard_of", "status=half", "limit=0", "limit=1001", "order_id=%00"):
        assert refused(await shop.ask("GET", f"/v1/cases?{query}")) == (422, "invalid_request")


async def test_only_what_can_be_decided_can_be_decided(shop: Shop) -> None:
    case_id = await opened(shop)
    answer = await shop.ask("POST", f"/v1/cases/{case_id}/close", json={"resolution": "accept", "by": "li"})
    assert refused(answer) == (422, "unknown_resolution")
    assert "handled" in answer.body["detail"]
    for body in ({"resolution": "handled"}, {"resolution": "handled", "by": ""}, {"by": "li"}, {"resolution": 1}):
        assert refused(await shop.ask("POST", f"/v1/cases/{case_id}/close", json=body)) == (422, "invalid_request")
    assert (await shop.ask("GET", f"/v1/cases/{case_id}")).body["status"] == "open"


@pytest.mark.parametrize("case_id", ["x", "cas" + "0" * 28, "cas%00", "%F0%9F%8D%BA"])
async def test_a_case_that_is_not_there_is_not_found(shop: Shop, case_id: str) -> None:
    assert refused(await shop.ask("GET", f"/v1/cases/{case_id}")) == (404, "case_not_found")
    for verb, body in (("notes", {"note": "x", "by": "li"}), ("close", {"resolution": "handled", "by": "li"})):
        assert refused(await shop.ask("POST", f"/v1/cases/{case_id}/{verb}", json=body)) == (404, "case_not_found")


async def test_cases_are_no_business_of_buyers(shop: Shop) -> None:
    case_id = await opened(shop)
    for method, path in (
        ("GET", "/v1/cases"),
        ("GET", f"/v1/cases/{case_id}"),
        ("POST", f"/v1/cases/{case_id}/notes"),
        ("POST", f"/v1/cases/{case_id}/close"),
    ):
        assert refused(await shop.ask(method, path, token=shop.buyer_token)) == (403, "merchant_only")
        assert refused(await shop.ask(method, path, token=None)) == (401, "unauthorized")


async def test_a_note_sent_twice_under_one_key_is_written_once(shop: Shop) -> None:
    case_id = await opened(shop)
    note, headers = {"note": "seen", "by": "li"}, {"idempotency-key": "n1"}
    answers = [await shop.ask("POST", f"/v1/cases/{case_id}/notes", json=note, headers=headers) for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert len((await shop.ask("GET", f"/v1/cases/{case_id}")).body["history"]) == 2


async def test_open_and_overdue_cases_show_in_the_metrics(shop: Shop) -> None:
    await opened(shop, "a", Kind.REFUND_MISMATCH)
    await opened(shop, "b", Kind.REFUND_MISMATCH, due_in=timedelta(0))
    lines = (await shop.ask("GET", "/metrics", token=None)).body.decode().splitlines()
    assert 'tongbao_cases_open{kind="refund_mismatch"} 2.0' in lines
    assert 'tongbao_cases_overdue{kind="refund_mismatch"} 1.0' in lines
    assert 'tongbao_cases_overdue{kind="payment_held"} 0.0' in lines
    for kind in ("chase", "expiry", "refunds", "surplus", "webhooks"):
        assert any(line.startswith(f'tongbao_backlog{{kind="{kind}"}} ') for line in lines)
        assert any(line.startswith(f'tongbao_backlog_age_seconds{{kind="{kind}"}} ') for line in lines)
