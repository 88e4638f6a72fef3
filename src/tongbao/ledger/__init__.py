"""Double entry: every movement of money, once, balanced or impossible; sealed in batches, so that change shows."""

from tongbao.ledger.model import MERCHANT, REFUNDING, SURPLUS, Posting, clearing
from tongbao.ledger.service import balances, check_seals, post, postings_of, seal

__all__ = [
    "MERCHANT",
    "REFUNDING",
    "SURPLUS",
    "Posting",
    "balances",
    "check_seals",
    "clearing",
    "post",
    "postings_of",
    "seal",
]
