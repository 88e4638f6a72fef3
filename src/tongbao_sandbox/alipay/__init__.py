"""Alipay in the box: its OpenAPI over both protocols, cashier and log-in, from the published protocol alone."""

from tongbao_sandbox.alipay.gateway import open_gateway

__all__ = ["open_gateway"]
