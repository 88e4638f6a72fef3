"""What we asked gateways, and what came of it: so that the story of an order can be told."""

from __future__ import annotations

from tongbao.journal.model import Call
from tongbao.journal.service import calls_of, note, outcome_of, purge

__all__ = ["Call", "calls_of", "note", "outcome_of", "purge"]
