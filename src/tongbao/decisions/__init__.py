"""What people decide about cases, and what follows from it."""

from tongbao.decisions.service import RESOLUTIONS, check_name, close_case, resolutions_of

__all__ = ["RESOLUTIONS", "check_name", "close_case", "resolutions_of"]
