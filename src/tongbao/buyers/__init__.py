"""Who is paying: log-ins through a host platform, and sessions of ours."""

from tongbao.buyers.model import BuyerPrincipal, Session
from tongbao.buyers.service import authenticate, identity_of, log_in, purge

__all__ = ["BuyerPrincipal", "Session", "authenticate", "identity_of", "log_in", "purge"]
