"""Which gateways are in the box. A new one is a folder and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from tongbao_sandbox import alipay, wechat
from tongbao_sandbox.gateway import Opener

GATEWAYS: Mapping[str, Opener] = {
    "wechat": wechat.open_gateway,
    "alipay": alipay.open_gateway,
}
