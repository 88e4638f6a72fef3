"""Ids."""

from __future__ import annotations

import re
import time

from tongbao.kit import ids


def test_an_id_fits_every_gateway_and_sorts_by_time() -> None:
    first = ids.new("pay")
    time.sleep(0.002)
    second = ids.new("pay")
    assert re.fullmatch(r"pay[0-9a-f]{28}", first)
    assert len(first) <= 32
    assert first < second


def test_ids_do_not_repeat() -> None:
    assert len({ids.new("x") for _ in range(10_000)}) == 10_000


def test_only_the_shape_of_an_id_is_taken_for_one() -> None:
    good = ids.new("ord")
    assert ids.is_id(good, "ord")
    for bad in (good[:-1], good + "0", "pay" + good[3:], good[:-1] + "-", good[:-1] + "\x00", good[:-1] + "é", ""):
        assert not ids.is_id(bad, "ord")
