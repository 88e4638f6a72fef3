"""Many at once: everything is done once, parts add up, and only a plain answer is taken for one."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.crowd import by_hands, insist, random_parts
from reliability.merchant import Answer


@given(st.integers(1, 64), st.integers(0, 2**32))
def test_random_parts_add_up_and_none_is_empty(count: int, seed: int) -> None:
    parts = random_parts(1_000, count, random.Random(seed))
    assert (len(parts), sum(parts)) == (count, 1_000)
    assert min(parts) > 0


async def test_hands_do_everything_once_and_no_more_at_a_time_than_there_are_hands() -> None:
    done: list[int] = []
    working: set[int] = set()
    most = 0

    async def act(thing: int) -> None:
        nonlocal most
        working.add(thing)
        most = max(most, len(working))
        await asyncio.sleep(0)
        working.discard(thing)
        done.append(thing)

    await by_hands(4, range(40), act)
    assert sorted(done) == list(range(40))
    assert most == 4


@pytest.mark.parametrize("vague", [None, Answer(503, {"code": "channel_uncertain"}), Answer(409, {"code": "conflict"})])
@pytest.mark.parametrize(
    "plain", [Answer(201, {"id": "x"}), Answer(409, {"code": "refund_exceeds"}), Answer(404, None)]
)
async def test_insisting_ends_with_the_first_plain_answer(vague: Answer | None, plain: Answer) -> None:
    answers = iter([vague, vague, plain])

    async def ask() -> Answer | None:
        return next(answers)

    assert await insist(ask) is plain
    assert next(answers, "asked no more often") == "asked no more often"


async def test_insisting_gives_up_with_the_last_answer() -> None:
    async def ask() -> Answer | None:
        return None

    assert await insist(ask, tries=2) is None
