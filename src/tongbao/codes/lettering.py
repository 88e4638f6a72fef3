"""Text as rows of dots, for pictures: letters of 32 by 32 dots, set larger where there is room."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SIZE = 32
_BYTES = _SIZE * _SIZE // 8
_MARGIN = 0.92
_SPACE = 9
_UNKNOWN = "〓"  # what printers put for a letter they do not have
_GLYPHS = Path(__file__).with_name("glyphs") / "glyphs.xz"

Dots = list[str]
"""Rows of `0` and `1`."""


def width_in_ems(text: str) -> float:
    """About how wide a text is, in letters' heights."""
    return sum(0.6 if ord(letter) < 0x2E80 else 1.0 for letter in text) or 1.0


def rows(text: str, width: int) -> Dots:
    """A text of that width, centred, in as many lines as it needs, with white below each."""
    scale = max(1, width // 512)
    found: Dots = []
    for line in _lines([_letter(letter) for letter in text], int(width * _MARGIN) // scale):
        joined = ["".join(parts) for parts in zip(*line, strict=True)]
        found += [row.center(width, "0") for row in _larger(joined, scale)]
        found += ["0" * width] * (scale * _SIZE // 4)
    return found


def _lines(letters: list[Dots], width: int) -> Iterator[list[Dots]]:
    line: list[Dots] = []
    taken = 0
    for letter in letters:
        if line and taken + len(letter[0]) > width:
            yield line
            line, taken = [], 0
        line.append(letter)
        taken += len(letter[0])
    if line:
        yield line


def _letter(letter: str) -> Dots:
    """Its dots; Latin letters are as wide as they are."""
    places, dots = _glyphs()
    at = _BYTES * places.get(letter, places[_UNKNOWN])
    bits = f"{int.from_bytes(dots[at : at + _BYTES], 'big'):0{_BYTES * 8}b}"
    found = [bits[row : row + _SIZE] for row in range(0, _SIZE * _SIZE, _SIZE)]
    if ord(letter) >= 0x2E80:
        return found
    width = max(row.rfind("1") for row in found) + 3
    return [row[: width if letter.strip() else _SPACE] for row in found]


def _larger(dots: Dots, scale: int) -> Dots:
    """Each dot so many times as large; at first doubled with its corners rounded (Scale2x, Andrea Mazzoleni)."""
    while scale > 1 and scale % 2 == 0:
        dots, scale = _doubled(dots), scale // 2
    return [row for wide in ("".join(dot * scale for dot in row) for row in dots) for row in [wide] * scale]


def _doubled(dots: Dots) -> Dots:
    width, found = len(dots[0]), []
    blank = "0" * (width + 2)
    framed = [blank, *(f"0{row}0" for row in dots), blank]
    for above, here, below in zip(framed, framed[1:], framed[2:], strict=False):
        top, bottom = [], []
        for x in range(1, width + 1):
            up, left, right, down, dot = above[x], here[x - 1], here[x + 1], below[x], here[x]
            is_corner = up != down and left != right
            top += [left if is_corner and left == up else dot, right if is_corner and up == right else dot]
            bottom += [left if is_corner and left == down else dot, right if is_corner and down == right else dot]
        found += ["".join(top), "".join(bottom)]
    return found


@cache
def _glyphs() -> tuple[dict[str, int], bytes]:
    """Each letter's place, and all the dots (see `tools/glyphs.py`)."""
    letters, _, dots = lzma.decompress(_GLYPHS.read_bytes()).partition(b"\n")
    return {letter: place for place, letter in enumerate(letters.decode())}, dots
