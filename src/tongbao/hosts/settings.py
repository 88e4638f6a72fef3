"""How hosts check the settings of an app: each refuses with `invalid_app`."""

from __future__ import annotations

from tongbao.kit.checks import Checks

check = Checks("invalid_app")
