from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tongbao.channels import alipay as channel
from tongbao.channels.alipay.account import PUBLIC_FIELDS, SECRET_FIELDS
from tongbao.channels.alipay.advice import ADVICE
from tongbao.channels.alipay.diagnosis import FINDINGS
from tongbao.channels.alipay.errors import CODES, REFUND_UNKNOWN
from tongbao.kit.words import Words
from tongbao.protocols import alipay as protocol

_ERRORS = {"Rejected", "Unavailable", "Uncertain", "Untrusted"}
_TEXTS = [*ADVICE.values(), *(words for found in FINDINGS.values() for words in (found.finding, found.cure))]


def own_codes() -> Iterator[str]:
    """The codes of errors that the channel and what it speaks through raise themselves."""
    for room in (channel, protocol):
        for path in Path(str(room.__file__)).parent.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ERRORS:
                    code = node.args[0]
                    if isinstance(code, ast.Constant) and isinstance(code.value, str):
                        yield code.value


def test_there_is_advice_for_every_code_of_theirs_and_of_ours_and_for_no_other() -> None:
    assert set(ADVICE) == {*CODES, *own_codes()}
    assert REFUND_UNKNOWN in own_codes()


@pytest.mark.parametrize("words", _TEXTS, ids=lambda words: words.en[:40])
def test_advice_is_said_in_both_languages(words: Words) -> None:
    assert words.en.isascii()
    assert any("\u4e00" <= character <= "\u9fff" for character in words.zh)


def test_settings_that_advice_names_are_the_same_in_both_languages_and_exist() -> None:
    named = PUBLIC_FIELDS | SECRET_FIELDS
    for words in _TEXTS:
        said = [{name for name in named if name in text} for text in words]
        assert said[0] == said[1], words.en
    assert {name for name in named if any(name in words.en for words in _TEXTS)} >= {"aes_key", "app_private_key_pem"}
