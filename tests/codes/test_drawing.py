"""Codes to print."""

from __future__ import annotations

import re
import struct
import zlib
from xml.etree import ElementTree

import pytest
import segno

from tongbao.codes import as_png, as_svg

ADDRESS = f"https://pay.example.com/code/cod{'0' * 28}.{'a1B-' * 10}"
SVG = "{http://www.w3.org/2000/svg}"


def dots(png: bytes) -> list[str]:
    """A PNG's rows, `1` for black."""
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (png[:8], depth, colour) == (b"\x89PNG\r\n\x1a\n", 1, 0)
    length = struct.unpack(">I", png[33:37])[0]
    rows = zlib.decompress(png[41 : 41 + length])
    stride = 1 + (width + 7) // 8
    assert len(rows) == stride * height
    lines = (rows[at + 1 : at + stride] for at in range(0, len(rows), stride))
    return [f"{int.from_bytes(line, 'big'):0{8 * len(line)}b}"[:width].translate({48: 49, 49: 48}) for line in lines]


@pytest.mark.parametrize("pixels", [128, 500, 1024, 2048])
def test_a_png_shows_the_code_that_segno_makes(pixels: int) -> None:
    rows = dots(as_png(ADDRESS, ["豆子咖啡"], pixels=pixels))
    code = segno.make(ADDRESS, error="h", boost_error=False, micro=False)
    modules = ["".join("1" if dot else "0" for dot in row) for row in code.matrix_iter(border=4)]
    dot = pixels // len(modules)
    margin = (pixels - dot * len(modules)) // 2
    assert {len(row) for row in rows} == {pixels}
    middles = [rows[dot * number + dot // 2] for number in range(len(modules))]
    assert [row[margin + dot // 2 :: dot][: len(modules)] for row in middles] == modules


def test_an_svg_shows_the_same_code() -> None:
    path = list(ElementTree.fromstring(as_svg(ADDRESS, ["豆子"], pixels=512)).iter(f"{SVG}path"))[1]
    drawn = {
        (int(x) + step, int(y))
        for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path.attrib["d"])
        for step in range(int(length))
    }
    code = segno.make(ADDRESS, error="h", boost_error=False, micro=False)
    assert drawn == {(x, y) for y, row in enumerate(code.matrix_iter(border=4)) for x, dot in enumerate(row) if dot}


def test_paper_gets_the_strongest_correction_and_a_screen_a_smaller_code() -> None:
    paper, screen = (as_svg(ADDRESS, (), pixels=512, for_paper=for_paper) for for_paper in (True, False))
    sides = [int(ElementTree.fromstring(svg).attrib["viewBox"].split()[2]) for svg in (paper, screen)]
    assert sides[0] > sides[1]


def test_the_name_stands_under_the_code_and_is_escaped() -> None:
    name = "<script>alert('A & B')</script> 豆子\"咖啡"
    svg = as_svg(ADDRESS, [name, "¥18.00"], pixels=512)
    assert b"<script" not in svg
    root = ElementTree.fromstring(svg)
    assert [text.text for text in root.iter(f"{SVG}text")] == [name, "¥18.00"]
    assert int(root.attrib["height"]) > int(root.attrib["width"])


def test_a_long_name_is_set_smaller_in_an_svg() -> None:
    sizes = [
        float(next(ElementTree.fromstring(as_svg(ADDRESS, [name], pixels=512)).iter(f"{SVG}text")).attrib["font-size"])
        for name in ("豆子", "豆" * 60)
    ]
    assert sizes[1] < sizes[0] / 3


@pytest.mark.parametrize("name", ["豆子咖啡", "Joe's Tea & Coffee", "臺灣茶館", "龘𠮷", "豆" * 60])
def test_a_png_has_the_name_in_black_below(name: str) -> None:
    bare, named = (dots(as_png(ADDRESS, lines, pixels=512)) for lines in ((), [name]))
    added = named[len(bare) :]
    assert any("1" in row for row in added)
    assert all(row.startswith("0" * 16) and row.endswith("0" * 16) for row in added), "it stays within the margins"


def test_a_long_name_goes_on_in_the_next_line_of_a_png() -> None:
    heights = [len(dots(as_png(ADDRESS, ["豆" * count], pixels=512))) for count in (5, 60)]
    assert heights[1] > heights[0] + 3 * 32


def test_a_letter_is_drawn_as_it_is_and_one_that_is_missing_as_a_mark() -> None:
    same, mark = as_png(ADDRESS, ["〓"], pixels=512), as_png(ADDRESS, ["\U00020bb7"], pixels=512)
    assert same == mark
    assert as_png(ADDRESS, ["豆"], pixels=512) != mark
