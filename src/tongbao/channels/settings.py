"""How channels check the settings of an account: each refuses with `invalid_account`."""

from __future__ import annotations

from tongbao.kit.checks import Checks

check = Checks("invalid_account")
