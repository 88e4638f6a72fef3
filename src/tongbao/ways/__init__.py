"""Which channel may collect where, and by which methods: a table that an operator can change."""

from tongbao.ways.model import Rule, Way, Ways
from tongbao.ways.table import WaysError, check, methods_for, read

__all__ = ["Rule", "Way", "Ways", "WaysError", "check", "methods_for", "read"]
