"""The story of an order or of a notice, in words: what happened, where it stands, what to do next."""

from tongbao.explanations.model import Explanation, Line, NoticeExplanation, Saying
from tongbao.explanations.service import Subject, explain_notice, explain_order, find, proven_elsewhere
from tongbao.explanations.views import explanation_view, notice_view

__all__ = [
    "Explanation",
    "Line",
    "NoticeExplanation",
    "Saying",
    "Subject",
    "explain_notice",
    "explain_order",
    "explanation_view",
    "find",
    "notice_view",
    "proven_elsewhere",
]
