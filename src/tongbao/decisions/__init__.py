"""What people decide about cases, and what follows from it."""

from tongbao.decisions.service import RESOLUTIONS, close_case, resolutions_of

__all__ = ["RESOLUTIONS", "close_case", "resolutions_of"]
