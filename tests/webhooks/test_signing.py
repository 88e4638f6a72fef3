from __future__ import annotations

import base64
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from tongbao.webhooks import signing


def test_the_published_example_is_met() -> None:
    """The example of the Standard Webhooks specification and of its libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = signing.sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_library_signs_alike() -> None:
    key, at = signing.new_key(), datetime(2026, 1, 1, tzinfo=UTC)
    theirs = Webhook(signing.secret_text(key)).sign("evt1", at, '{"subject":"拿铁"}')
    assert signing.sign([key], "evt1", int(at.timestamp()), '{"subject":"拿铁"}'.encode()) == theirs


def test_a_key_is_as_long_as_the_specification_asks() -> None:
    assert 24 <= len(signing.new_key()) <= 64
    assert signing.new_key() != signing.new_key()


def test_two_keys_sign_side_by_side() -> None:
    first, second = signing.new_key(), signing.new_key()
    both = signing.sign([first, second], "evt1", 1, b"{}")
    assert both.split(" ") == [signing.sign([first], "evt1", 1, b"{}"), signing.sign([second], "evt1", 1, b"{}")]
