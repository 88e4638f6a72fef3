"""The shop's own verification of webhooks, against another's signatures."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from tongbao_demo.signature import TOLERANCE_SECONDS, verify

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes at all").decode()
OTHER = "whsec_" + base64.b64encode(b"another key of thirty-two bytes!").decode()
NOW = 1_700_000_000
BODY = '{"type":"order.paid"}'


def _headers(secret: str = SECRET, at: int = NOW) -> dict[str, str]:
    signed = Webhook(secret).sign("evt1", datetime.fromtimestamp(at, UTC), BODY)
    return {"webhook-id": "evt1", "webhook-timestamp": str(at), "webhook-signature": signed}


def test_what_was_signed_with_our_secret_is_believed() -> None:
    assert verify(SECRET, _headers(), BODY.encode(), NOW)


def test_one_of_two_signatures_is_enough_while_a_secret_is_rotated() -> None:
    both = f"{_headers(OTHER)['webhook-signature']} {_headers()['webhook-signature']}"
    assert verify(SECRET, _headers() | {"webhook-signature": both}, BODY.encode(), NOW)


@pytest.mark.parametrize("age", [-TOLERANCE_SECONDS - 1, TOLERANCE_SECONDS + 1])
def test_a_webhook_of_another_time_is_refused(age: int) -> None:
    assert not verify(SECRET, _headers(), BODY.encode(), NOW + age)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"webhook-id": "evt2"},
        {"webhook-timestamp": str(NOW + 1)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,你好"},
    ],
)
def test_a_header_changed_on_the_way_is_refused(spoiled: dict[str, str]) -> None:
    assert not verify(SECRET, _headers() | spoiled, BODY.encode(), NOW)


def test_another_body_or_another_secret_is_refused() -> None:
    assert not verify(SECRET, _headers(), BODY.encode() + b" ", NOW)
    assert not verify(OTHER, _headers(), BODY.encode(), NOW)
