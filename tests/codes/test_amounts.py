"""The sum that a buyer typed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.codes import StaticCode, read_amount
from tongbao.kit.errors import Refusal
from tongbao.kit.money import yuan

CODE = StaticCode("mch1", "cod1", "豆子咖啡", "Coffee", 100, 500_000, "active", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1", 100), ("18", 1800), ("18.5", 1850), ("18.50", 1850), ("1.01", 101), ("4999.99", 499_999), ("5000", 500_000)],
)
def test_yuan_become_fen_exactly(text: str, amount: int) -> None:
    assert read_amount(CODE, text) == amount


@given(st.integers(100, 500_000))
def test_every_sum_within_the_bounds_is_read_as_it_is_shown(amount: int) -> None:
    assert read_amount(CODE, yuan(amount)) == amount


_NO_NUMBERS = ("abc", "NaN", "inf", "¥18", "18元", "18;DROP", "<b>", "１８", "٣", "-18", "+18", "1e9", "1E3", "0x12")
_NO_SUMS = ("18.555", "18.", ".5", "1,800", "1_000", "018", "999999999", "18 ", " 18", "1 8", "18\n", "18\x00")


@pytest.mark.parametrize("text", [*_NO_NUMBERS, *_NO_SUMS, "", " ", "9" * 5000, "\ud800"])
def test_what_is_no_plain_sum_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="amount_unreadable") as refused:
        read_amount(CODE, text)
    assert refused.value.status == 422


@pytest.mark.parametrize("text", ["0", "0.00", "0.99"])
def test_too_little_is_refused_with_the_least(text: str) -> None:
    with pytest.raises(Refusal, match="amount_too_small") as refused:
        read_amount(CODE, text)
    assert refused.value.values == {"least": "1.00"}


@pytest.mark.parametrize("text", ["5000.01", "99999999.99"])
def test_too_much_is_refused_with_the_most(text: str) -> None:
    with pytest.raises(Refusal, match="amount_too_large") as refused:
        read_amount(CODE, text)
    assert refused.value.values == {"most": "5000.00"}
