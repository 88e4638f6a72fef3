from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.webhooks.rules import GAPS_SECONDS, judge, retry_after_seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_ten_tries_span_seventy_five_hours() -> None:
    assert len(GAPS_SECONDS) + 1 == 10
    assert sum(GAPS_SECONDS) == 75 * 3600
    assert sorted(GAPS_SECONDS) == list(GAPS_SECONDS)


@given(tries=st.integers(0, 8), chance=st.floats(0, 1), status=st.sampled_from([None, 100, 301, 404, 500]))
def test_a_failed_try_is_followed_by_another_within_a_tenth_of_its_gap(
    tries: int, chance: float, status: int | None
) -> None:
    verdict = judge(status, "timed_out", tries, 0, chance)
    assert verdict.state == "pending"
    assert verdict.wait_seconds is not None
    assert 1 <= verdict.wait_seconds / GAPS_SECONDS[tries] <= 1.1 + 1e-9


@pytest.mark.parametrize("status", [None, 301, 404, 500, 503])
def test_the_tenth_failure_is_the_last(status: int | None) -> None:
    verdict = judge(status, "timed_out", 9, 60, 0.5)
    assert (verdict.state, verdict.wait_seconds) == ("exhausted", None)


@pytest.mark.parametrize(
    ("status", "state", "outcome"),
    [
        (200, "delivered", "delivered"),
        (204, "delivered", "delivered"),
        (299, "delivered", "delivered"),
        (101, "pending", "refused"),
        (300, "pending", "redirected"),
        (302, "pending", "redirected"),
        (308, "pending", "redirected"),
        (400, "pending", "refused"),
        (410, "exhausted", "gone"),
        (429, "pending", "refused"),
        (500, "pending", "refused"),
        (None, "pending", "name_unknown"),
    ],
)
def test_only_a_status_of_two_hundred_and_something_is_a_yes(status: int | None, state: str, outcome: str) -> None:
    verdict = judge(status, "name_unknown", 0, 0, 0.5)
    assert (verdict.state, verdict.outcome, verdict.disable) == (state, outcome, status == 410)


def test_an_endpoint_may_ask_for_a_pause_of_up_to_an_hour() -> None:
    assert judge(429, "", 0, 90, 0).wait_seconds == 90
    assert judge(503, "", 0, 10_000, 0).wait_seconds == 3600
    assert judge(503, "", 7, 90, 0).wait_seconds == 24 * 3600  # never sooner than the ladder
    assert judge(500, "", 0, 90, 0).wait_seconds == 5  # asked with another status it is not heeded


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        ("9" * 400, 999_999_999),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120),
        ("Thu, 01 Jan 2026 00:02:00 -0000", 120),
        ("Wed, 31 Dec 2025 00:00:00 GMT", -86_400),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("٣", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_is_too_odd_to_be_read(header: str) -> None:
    assert isinstance(retry_after_seconds(header, NOW), int | float)


def test_a_receiver_that_was_down_for_three_days_hears_of_everything() -> None:
    shortest = sum(
        judge(None, "unreachable", tries, 0, chance=0.0).wait_seconds or 0 for tries in range(len(GAPS_SECONDS))
    )
    assert shortest >= 75 * 3600
