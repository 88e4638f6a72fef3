"""WeChat in the box: WeChat Pay v3 and the mini-program log-in, from the published protocol alone."""

from tongbao_sandbox.wechat.gateway import open_gateway

__all__ = ["open_gateway"]
