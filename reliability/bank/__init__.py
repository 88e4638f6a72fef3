"""The bank test's clients and auditor."""

from reliability.bank.clients import Bank
from reliability.bank.store import wrongs

__all__ = ["Bank", "wrongs"]
