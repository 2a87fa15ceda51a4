"""Printable labels with a QR code: sheets as PDF, single codes as SVG. Only this module knows reportlab and segno.

Symbols are model 2, error correction M, with the quiet zone of four modules that ISO/IEC 18004 asks for, and are drawn
as vectors, so that any printer does them sharply.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import segno
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONTS = Path(__file__).parent / "web" / "static" / "vendor"
QUIET_MODULES = 4

_PLAIN, _BOLD, _CJK = "DejaVuSans", "DejaVuSans-Bold", "STSong-Light"
_A4 = (210.0, 297.0)


@dataclass(frozen=True, slots=True)
class Label:
    """One label: the coded text, a title in bold, and lines below it."""

    code: str
    title: str
    lines: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """An A4 sheet of equal labels, millimetres; `pitch` is from one label's corner to the next one's."""

    columns: int
    rows: int
    width: float
    height: float
    left: float
    top: float
    pitch_x: float
    pitch_y: float


#: What a stationer sells: name → sheet.
SHEETS = {
    "8-per-sheet": Sheet(2, 4, 99.1, 67.7, 4.65, 13.1, 101.6, 67.7),  # L7165
    "21-per-sheet": Sheet(3, 7, 63.5, 38.1, 7.2, 15.15, 66.0, 38.1),  # L7160
    "24-per-sheet": Sheet(3, 8, 70.0, 37.0, 0.0, 0.5, 70.0, 37.0),
}


def symbol(code: str) -> segno.QRCode:
    """The QR symbol of a text."""
    return segno.make(code, error="m", micro=False, boost_error=False)


def svg(code: str, title: str = "") -> str:
    """The symbol for a page: it scales to its box."""
    drawn: str = symbol(code).svg_inline(
        border=QUIET_MODULES,
        omitsize=True,
        title=title or None,
        dark="#000",
        light="#fff",
        svgclass="qr",
        lineclass=None,
    )
    return drawn


def sheet_pdf(labels: Sequence[Label], sheet: Sheet, title: str) -> bytes:
    """The labels in order, row by row, on as many sheets as they need."""
    _register_fonts()
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(_A4[0] * mm, _A4[1] * mm), pageCompression=1)
    canvas.setTitle(title)
    per_page = sheet.columns * sheet.rows
    for index, label in enumerate(labels):
        if index and index % per_page == 0:
            canvas.showPage()
        row, column = divmod(index % per_page, sheet.columns)
        x = sheet.left + column * sheet.pitch_x
        y = _A4[1] - sheet.top - row * sheet.pitch_y - sheet.height
        _draw(canvas, label, sheet, x * mm, y * mm)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def _draw(canvas: Canvas, label: Label, sheet: Sheet, x: float, y: float) -> None:
    margin = 3 * mm
    width, height = sheet.width * mm, sheet.height * mm
    side = min(height - 2 * margin, width * 0.5)
    _draw_symbol(canvas, label.code, x + margin, y + (height - side) / 2, side)
    left = x + margin + side + margin
    room = x + width - margin - left
    size = min(14.0, sheet.height / 4)
    top = y + height - margin - size
    for text, bold, scale in [(label.title, True, 1.0), *((line, False, 0.72) for line in label.lines)]:
        for part in _wrapped(text, _font(text, bold), size * scale, room):
            if top < y + margin:
                return
            canvas.setFont(_font(text, bold), size * scale)
            canvas.drawString(left, top, part)
            top -= size * scale * 1.25


def _draw_symbol(canvas: Canvas, code: str, x: float, y: float, side: float) -> None:
    matrix = [list(row) for row in symbol(code).matrix]
    module = side / (len(matrix) + 2 * QUIET_MODULES)
    path = canvas.beginPath()
    for number, row in enumerate(matrix):
        bottom = y + side - (number + 1 + QUIET_MODULES) * module
        for start, length in _runs(row):
            path.rect(x + (start + QUIET_MODULES) * module, bottom, length * module, module)
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1)


def _runs(row: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(start, length) of the dark runs of a row: one rectangle each leaves no hair lines between modules."""
    start: int | None = None
    for index, dark in enumerate([*row, 0]):
        if dark and start is None:
            start = index
        elif not dark and start is not None:
            yield start, index - start
            start = None


def _register_fonts() -> None:
    known = pdfmetrics.getRegisteredFontNames()
    for name in (_PLAIN, _BOLD):
        if name not in known:
            pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))
    if _CJK not in known:
        pdfmetrics.registerFont(UnicodeCIDFont(_CJK))  # every PDF reader brings this one


def _font(text: str, bold: bool) -> str:
    name = _BOLD if bold else _PLAIN
    glyphs = pdfmetrics.getFont(name).face.charToGlyph  # type: ignore[attr-defined]  # the stub knows no TrueType font
    return name if all(ord(letter) in glyphs for letter in text) else _CJK


def _wrapped(text: str, font: str, size: float, room: float) -> Iterator[str]:
    """Lines that fit; a word too long for a line is cut."""
    line = ""
    for word in text.split():
        if pdfmetrics.stringWidth(f"{line} {word}".strip(), font, size) <= room:
            line = f"{line} {word}".strip()
            continue
        if line:
            yield line
        line = ""
        for letter in word:
            if line and pdfmetrics.stringWidth(line + letter, font, size) > room:
                yield line
                line = ""
            line += letter
    if line:
        yield line
