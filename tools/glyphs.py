"""`python tools/glyphs.py`: draw anew the letters that stand under a printed code (src/tongbao/codes/glyphs).

Chromium draws them from the Noto Sans CJK SC that is installed here: those of GB 2312, the usual ones of Big5, and the
Latin ones. The file is lzma over the letters as UTF-8 in one line, then 128 bytes for each: 32 rows of 32 bits.
"""

from __future__ import annotations

import base64
import lzma
import sys
from itertools import product
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import chromium  # noqa: E402  # it is run as a file, which finds nothing beside itself

FILE = ROOT / "src" / "tongbao" / "codes" / "glyphs" / "glyphs.xz"
_DRAW = """
letters => {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 32
  const pen = canvas.getContext('2d', { willReadFrequently: true })
  pen.font = '500 32px "Noto Sans CJK SC"'
  let bits = ''
  for (const letter of letters) {
    pen.fillStyle = '#fff'
    pen.fillRect(0, 0, 32, 32)
    pen.fillStyle = '#000'
    pen.fillText(letter, 0, 28)
    const { data } = pen.getImageData(0, 0, 32, 32)
    for (let byte = 0; byte < 128; byte++) {
      let value = 0
      for (let bit = 0; bit < 8; bit++) if (data[4 * (8 * byte + bit)] < 140) value |= 128 >> bit
      bits += String.fromCharCode(value)
    }
  }
  return btoa(bits)
}
"""


def _letters() -> list[str]:
    latin = {chr(number) for number in (*range(0x20, 0x7F), *range(0xA1, 0x100))}
    simplified = product(range(0xA1, 0xF8), range(0xA1, 0xFF))
    traditional = product(range(0xA4, 0xC7), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    chinese = {bytes(pair).decode("gb2312", "ignore") for pair in simplified}
    chinese |= {bytes(pair).decode("big5", "ignore") for pair in traditional}
    return sorted(latin | {letter for letter in chinese if len(letter) == 1})


def main() -> None:
    """Draw them, and write the file."""
    letters = _letters()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=list(chromium.ARGUMENTS))
        bits = base64.b64decode(browser.new_page().evaluate(_DRAW, letters))
        browser.close()
    FILE.write_bytes(lzma.compress("".join(letters).encode() + b"\n" + bits, preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(letters)} letters, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
