"""What people decide about cases, and what follows from it."""

from tongbao.decisions.service import close_case, resolutions_of

__all__ = ["close_case", "resolutions_of"]
