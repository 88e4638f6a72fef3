"""Explanations as programs see them."""

from __future__ import annotations

from typing import Any

from tongbao.explanations.model import Explanation, Line, NoticeExplanation, Saying


def explanation_view(explanation: Explanation, language: str) -> dict[str, Any]:
    """The story of an order, its words in `en` or `zh`. Amounts are fen; times RFC 3339 in UTC once they are JSON."""
    return {
        "order_id": explanation.order_id,
        "language": language,
        "stands": _saying(explanation.stands, language),
        "next": [_saying(saying, language) for saying in explanation.next],
        "story": [_line(line, language) for line in explanation.story],
    }


def notice_view(notice: NoticeExplanation, language: str) -> dict[str, Any]:
    """What became of a notice, its words in `en` or `zh`."""
    return {
        "notice_id": notice.notice_id,
        "order_id": notice.order_id,
        "language": language,
        "received_at": notice.received_at,
        "verdict": notice.verdict,
        "detail": notice.detail.speak(language),
        "wrong": notice.wrong,
        "finding": notice.finding.speak(language),
        "cure": notice.cure.speak(language),
    }


def _saying(saying: Saying, language: str) -> dict[str, str]:
    return {"code": saying.code, "text": saying.text.speak(language)}


def _line(line: Line, language: str) -> dict[str, Any]:
    view = {"at": line.at, "kind": line.kind, "code": line.code, "text": line.text.speak(language)}
    if line.amount is not None:
        view["amount"] = line.amount
    if line.cure:
        view["cure"] = line.cure.speak(language)
    return view | {"id": line.id}
