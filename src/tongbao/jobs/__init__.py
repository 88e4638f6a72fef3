"""Work that waits is a due row, written in the transaction of its cause; a chore of the worker finds and does it."""

from __future__ import annotations

from tongbao.jobs.model import Chore
from tongbao.jobs.service import gather, only_one, run

__all__ = ["Chore", "gather", "only_one", "run"]
