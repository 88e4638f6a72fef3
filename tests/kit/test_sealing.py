"""Secrets at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tongbao.kit.sealing import SealBroken, new_master_key, sealer_from_file, sealer_from_text


def test_what_is_sealed_opens_in_its_own_context_only() -> None:
    sealer = sealer_from_text(new_master_key("k1"))
    sealed = sealer.seal(b"secret", "account:a")
    assert b"secret" not in sealed
    assert sealer.open(sealed, "account:a") == b"secret"
    with pytest.raises(SealBroken):
        sealer.open(sealed, "account:b")


def test_a_changed_byte_does_not_open() -> None:
    sealer = sealer_from_text(new_master_key("k1"))
    sealed = bytearray(sealer.seal(b"secret", "c"))
    for position in range(3, len(sealed)):
        changed = bytes(sealed[:position]) + bytes([sealed[position] ^ 1]) + bytes(sealed[position + 1 :])
        with pytest.raises(SealBroken):
            sealer.open(changed, "c")


def test_a_new_master_key_seals_and_the_old_one_still_opens() -> None:
    old = new_master_key("k1")
    sealed = sealer_from_text(old).seal(b"secret", "c")
    both = sealer_from_text(new_master_key("k2") + "\n" + old)
    assert both.open(sealed, "c") == b"secret"
    assert both.key_id(both.seal(b"x", "c")) == "k2"
    with pytest.raises(SealBroken, match="k1"):
        sealer_from_text(new_master_key("k2")).open(sealed, "c")


@pytest.mark.parametrize("text", ["", "k1", "k1:short", "k1:!!!!", ":" + "A" * 43 + "="])
def test_a_master_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="master key"):
        sealer_from_text(text)


def test_a_sealer_and_its_key_file_do_not_show_the_key(tmp_path: Path) -> None:
    path = tmp_path / "new" / "master.key"
    sealer = sealer_from_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().split(":")[1].strip() not in repr(sealer)
    assert sealer_from_file(path).open(sealer.seal(b"x", "c"), "c") == b"x"
