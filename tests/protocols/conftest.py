from __future__ import annotations

from tests.channels.conftest import gateway, transport

__all__ = ["gateway", "transport"]
