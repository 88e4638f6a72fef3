"""A code to print: the QR code of an address, and under it lines of text such as the shop's name. Pure.

PNG and SVG are written here; only the dots of the QR code are `segno`'s. Paper gets dirty, so codes for it have error
correction H: they are read with three tenths of them covered.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from html import escape

import segno

from tongbao.codes import lettering

MOST_PIXELS = 2048
_QUIET = 4
"""The white margin that readers need, in modules (ISO/IEC 18004)."""
_LINE = 5
"""The height of a line of text in an SVG, in modules."""


def as_svg(address: str, lines: Sequence[str], *, pixels: int, for_paper: bool = True) -> bytes:
    """An SVG of that width. Text that is too long is set smaller."""
    modules = _modules(address, for_paper=for_paper)
    width = len(modules)
    height = width + _LINE * len(lines) + (_QUIET // 2 if lines else 0)
    dots = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, row in enumerate(modules) for x, length in _runs(row))
    texts = "".join(
        f'<text x="{width / 2}" y="{width + _LINE * number - 1}" '
        f'font-size="{min(_LINE * 0.72, width * 0.9 / lettering.width_in_ems(line)):.2f}">{escape(line)}</text>'
        for number, line in enumerate(lines, 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{pixels}" height="{pixels * height // width}" '
        f'viewBox="0 0 {width} {height}"><path fill="#fff" d="M0 0h{width}v{height}H0z"/>'
        f'<path shape-rendering="crispEdges" d="{dots}"/>'
        f'<g text-anchor="middle" font-weight="500" font-family="sans-serif">{texts}</g></svg>'
    ).encode()


def as_png(address: str, lines: Sequence[str], *, pixels: int, for_paper: bool = True) -> bytes:
    """A PNG of that width, black on white. Text that is too long goes on in the next line."""
    modules = _modules(address, for_paper=for_paper)
    pixels = max(pixels, len(modules))
    dot = pixels // len(modules)
    rows = []
    for module_row in modules:
        row = "".join(("1" if dark else "0") * dot for dark in module_row)
        rows += [row.center(pixels, "0")] * dot
    for line in lines:
        rows += lettering.rows(line, pixels)
    if lines:
        rows += ["0" * pixels] * (_QUIET // 2 * dot)
    return _png(rows, pixels)


def _modules(address: str, *, for_paper: bool) -> list[list[bool]]:
    code = segno.make(address, error="h" if for_paper else "m", boost_error=False, micro=False)
    return [[bool(dot) for dot in row] for row in code.matrix_iter(border=_QUIET)]


def _runs(row: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where dark runs begin, and how long they are."""
    start = None
    for x, dark in enumerate((*row, False)):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            yield start, x - start
            start = None


def _png(rows: Sequence[str], width: int) -> bytes:
    """One bit a pixel, 1 for black (PNG, 3rd edition, 11.2)."""
    padding = "0" * (-width % 8)
    white = (1 << (width + len(padding))) - 1
    lines = b"".join(b"\0" + (int(row + padding, 2) ^ white).to_bytes((width + 7) // 8, "big") for row in rows)
    header = struct.pack(">IIBBBBB", width, len(rows), 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
