"""Is a webhook really Tongbao's? Standard Webhooks ("Verifying webhook authenticity"), all that a merchant needs of it.

HMAC-SHA256 over `id.timestamp.body` under the secret, which is `whsec_` and base64. `webhook-signature` holds one or
more signatures separated by spaces, each `v1,` and base64: two while a secret is being rotated.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping

TOLERANCE_SECONDS = 300


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether these very bytes were signed with our secret, and lately. `now` is in Unix seconds; header names are
    lower-case."""
    timestamp = headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    message = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + body
    ours = b"v1," + base64.b64encode(hmac.digest(key, message, "sha256"))
    return any(hmac.compare_digest(ours, each) for each in headers.get("webhook-signature", "").encode().split(b" "))
