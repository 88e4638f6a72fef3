"""Who is paying: log-ins through a host platform, sessions of ours, and what buyers consented to show."""

from tongbao.buyers.model import BuyerPrincipal, Session
from tongbao.buyers.phones import keep_phone, phone_of, reseal
from tongbao.buyers.service import authenticate, identity_of, log_in, purge

__all__ = [
    "BuyerPrincipal",
    "Session",
    "authenticate",
    "identity_of",
    "keep_phone",
    "log_in",
    "phone_of",
    "purge",
    "reseal",
]
