"""Our books against themselves, and against the gateways'."""

from tongbao.reconcile.books import Finding, GatewayBook, check_books, compare_with_gateway

__all__ = ["Finding", "GatewayBook", "check_books", "compare_with_gateway"]
