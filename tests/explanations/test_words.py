"""Two languages say the same, about everything that can happen."""

from __future__ import annotations

import string
from datetime import timedelta

import pytest

from tongbao import decisions, payments, refunds
from tongbao.cases import Kind
from tongbao.explanations import rules, sentences, words
from tongbao.kit.words import Words


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("module", [sentences, words])
def test_both_languages_leave_the_same_blanks(module: object) -> None:
    values = [*vars(module).values()]
    found = [each for value in values for each in (value.values() if isinstance(value, dict) else [value])]
    sayings = [each for each in found if isinstance(each, Words)]
    assert len(sayings) > 10
    for saying in sayings:
        assert blanks(saying.en) == blanks(saying.zh), saying


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-3, Words("0 s", "0 秒")),
        (25, Words("25 s", "25 秒")),
        (119, Words("119 s", "119 秒")),
        (120, Words("2 min", "2 分钟")),
        (7200, Words("2 h", "2 小时")),
        (172_800, Words("2 days", "2 天")),
    ],
)
def test_a_length_of_time_is_said_in_its_largest_unit(seconds: float, expected: Words) -> None:
    assert words.span(timedelta(seconds=seconds)) == expected


def test_every_kind_of_case_has_words_and_all_but_a_surplus_a_place_and_a_step() -> None:
    for kind in Kind:
        assert kind in words.KINDS
        assert decisions.RESOLUTIONS[kind]
        if kind is not Kind.PAYMENT_SURPLUS:
            assert kind in sentences.STANDS
            assert rules._STEPS[kind] in sentences.NEXT


def test_every_verdict_on_a_notice_has_words() -> None:
    refused = "signature_missing signature_probe timestamp_stale serial_unknown signature_wrong decryption_failed"
    refused += " wrong_account"
    refunds_states = (state for state in refunds.RefundState if state != "requested")
    verdicts = {*payments.Verdict, *(f"refund_{state}" for state in refunds_states), *refused.split()}
    assert verdicts | {"malformed", "mismatched", "unknown_refund", "not_about_payments"} == set(words.VERDICTS)
