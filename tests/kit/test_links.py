"""Links that prove themselves."""

from __future__ import annotations

import pytest

from tongbao.kit import ids, links
from tongbao.kit.links import Link
from tongbao.kit.sealing import new_master_key, sealer_from_text

OLD, NEW = new_master_key("k1"), new_master_key("k2")
SEALER = sealer_from_text(OLD)
LINK = Link(ids.new("mch"), ids.new("ord"))


def test_a_link_leads_back_to_its_thing_and_whose_it_is() -> None:
    text = links.write(SEALER, "pay", LINK)
    assert text.startswith(f"{LINK.thing_id}.")
    assert len(text) == 31 + 1 + 40, "short enough for a code on paper"
    assert links.read(SEALER, "pay", "mch", text) == LINK


def test_a_link_for_one_purpose_is_none_for_another() -> None:
    assert links.read(SEALER, "code", "mch", links.write(SEALER, "pay", LINK)) is None


def test_a_link_with_one_letter_changed_is_none() -> None:
    text = links.write(SEALER, "pay", LINK)
    for place, letter in enumerate(text):
        changed = text[:place] + ("b" if letter == "a" else "a") + text[place + 1 :]
        assert links.read(SEALER, "pay", "mch", changed) is None, place


def test_the_proof_of_one_thing_is_none_for_another() -> None:
    token = links.write(SEALER, "pay", LINK).partition(".")[2]
    assert links.read(SEALER, "pay", "mch", f"{ids.new('ord')}.{token}") is None


@pytest.mark.parametrize("text", ["", ".", "x", "ord1.", f".{'a' * 40}", "a.b", "a." + "é" * 40, "\ud800." + "a" * 40])
def test_what_is_no_link_at_all_is_none(text: str) -> None:
    assert links.read(SEALER, "pay", "mch", text) is None


def test_a_link_outlives_the_master_key_for_as_long_as_that_is_kept() -> None:
    text = links.write(SEALER, "pay", LINK)
    assert links.read(sealer_from_text(f"{NEW}\n{OLD}"), "pay", "mch", text) == LINK
    assert links.read(sealer_from_text(NEW), "pay", "mch", text) is None


def test_new_links_are_proven_by_the_current_key() -> None:
    text = links.write(sealer_from_text(f"{NEW}\n{OLD}"), "pay", LINK)
    assert links.read(sealer_from_text(NEW), "pay", "mch", text) == LINK


def test_no_key_is_shown() -> None:
    assert SEALER.proving_keys["k1"].hex() not in repr(SEALER)
    assert "proving_keys" not in repr(SEALER)
